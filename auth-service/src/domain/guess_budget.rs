//! Whose budgets an attempt to log in is counted in.

use uuid::Uuid;

use super::username::fold;
use super::{CallerNetwork, Initiator};

/// Where an attempt to log in comes from: the first of its two budgets.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum LoginSource {
    /// The network of the caller's IP address.
    Network(CallerNetwork),
    /// A client with the password grant. Its users do not call by themselves.
    Client(String),
}

impl LoginSource {
    /// The network of this caller.
    pub fn network_of(initiator: &Initiator) -> Self {
        Self::Network(CallerNetwork::of(initiator.device.address.as_deref()))
    }
}

/// The account that somebody tries to log in to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum GuessedAccount {
    /// A user, under whichever of its identifiers. A reset or an operator forgets everything that was counted before by
    /// raising the generation.
    User {
        /// The id.
        id: Uuid,
        /// How often everything counted for this user was forgotten.
        generation: i64,
    },
    /// An identifier that nobody has, in the form in which all spellings of it are the same.
    Nobody(String),
}

impl GuessedAccount {
    /// The account that nobody has under this identifier.
    pub fn nobody(identifier: &str) -> Self {
        Self::Nobody(common_spelling(identifier))
    }
}

/// The form in which all spellings of an identifier that nobody has are the same: NFKC, case folded, without spaces around it
/// and without points at its end. Of a text that is longer than any identifier the beginning counts.
pub fn common_spelling(identifier: &str) -> String {
    const MOST_CHARACTERS: usize = 500;
    let beginning: String = identifier.trim_start().chars().take(MOST_CHARACTERS).collect();
    let folded = fold(&beginning);
    folded.trim().trim_end_matches(|c: char| c == '.' || c.is_whitespace()).to_owned()
}

/// How the account knows the caller. Each way has a budget of its own, so that a stranger cannot use up the owner's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KnownBy {
    /// Not at all.
    Nothing,
    /// By a cookie that this device got when somebody logged in to the account. The value is the id in it.
    Cookie([u8; 16]),
    /// By its network, from which somebody logged in to the account lately.
    Network(CallerNetwork),
}

/// The budget of guesses of a password: the second of an attempt's two budgets.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct GuessBudget {
    /// The account.
    pub account: GuessedAccount,
    /// How it knows the caller.
    pub known_by: KnownBy,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_spellings_of_an_identifier_that_nobody_has_are_one() {
        for spelling in ["mallory", "MALLORY", " mallory ", "mallory.", "mallory. .", "\u{ff4d}allory"] {
            assert_eq!(common_spelling(spelling), "mallory", "{spelling:?}");
        }
        assert_eq!(common_spelling("M@Example.ORG."), "m@example.org");
        assert_ne!(common_spelling("mallory2"), "mallory");
        assert_eq!(common_spelling(" . "), "");
    }

    #[test]
    fn a_long_text_costs_no_more_than_an_identifier() {
        let long = "\u{e4}".repeat(40_000);
        assert_eq!(common_spelling(&long).chars().count(), 500);
    }
}
