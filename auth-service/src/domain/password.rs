//! What a user proves to know.

use std::fmt;

use unicode_normalization::UnicodeNormalization;
use zeroize::Zeroizing;

/// The most bytes of UTF-8 per character of the limit that are worth normalising: a decomposed letter may take several.
const BYTES_A_CHARACTER: usize = 16;

/// Which passwords may be set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PasswordRules {
    /// The fewest characters.
    pub min_length: usize,
    /// The most characters.
    pub max_length: usize,
}

/// The rule that a new password breaks. The text is for the person who typed it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PasswordRule {
    /// Fewer characters than asked for.
    #[error("must have at least {0} characters")]
    TooShort(usize),
    /// More characters than taken.
    #[error("must have at most {0} characters")]
    TooLong(usize),
}

/// A password in plain. The same password typed in another Unicode form is the same, and NUL is a character like any other.
/// Wiped when dropped, never shown.
///
/// What counts is the NFKC form. Making it takes long for some texts, so it is made where the hash is, never on a thread
/// that serves requests.
#[derive(Clone)]
pub struct Password(Zeroizing<String>);

impl Password {
    /// Takes a password that is to be set: the rules count characters of the NFKC form. A huge input is refused before
    /// anything is done with it.
    pub fn parse(text: &str, rules: PasswordRules) -> Result<Self, PasswordRule> {
        if Self::is_out_of_reach(text.len(), rules) {
            return Err(PasswordRule::TooLong(rules.max_length));
        }
        let password = Self::presented(text);
        let characters = password.normal().chars().count();
        if characters < rules.min_length {
            return Err(PasswordRule::TooShort(rules.min_length));
        }
        if characters > rules.max_length {
            return Err(PasswordRule::TooLong(rules.max_length));
        }
        Ok(password)
    }

    /// Takes a password that is to be held against a hash: no rule applies, since rules change.
    pub fn presented(text: &str) -> Self {
        Self(Zeroizing::new(text.to_owned()))
    }

    /// Whether so many bytes cannot be a password under these rules.
    pub fn is_out_of_reach(bytes: usize, rules: PasswordRules) -> bool {
        bytes > rules.max_length.saturating_mul(BYTES_A_CHARACTER)
    }

    /// The NFKC form: for the hash alone. Takes its time for other than ASCII.
    pub fn normal(&self) -> Zeroizing<String> {
        if self.0.is_ascii() { self.0.clone() } else { Zeroizing::new(self.0.nfkc().collect()) }
    }

    /// As it was typed: for hashes that others made.
    pub fn as_typed(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password([redacted])")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const RULES: PasswordRules = PasswordRules { min_length: 12, max_length: 256 };

    #[test]
    fn characters_count_and_not_bytes() {
        assert!(Password::parse(&"ü".repeat(12), RULES).is_ok());
        assert!(Password::parse(&"👍".repeat(256), RULES).is_ok());
        assert_eq!(Password::parse(&"x".repeat(11), RULES).err(), Some(PasswordRule::TooShort(12)));
        assert_eq!(Password::parse(&"x".repeat(257), RULES).err(), Some(PasswordRule::TooLong(256)));
        assert_eq!(Password::parse(&"x".repeat(1 << 20), RULES).err(), Some(PasswordRule::TooLong(256)));
    }

    #[test]
    fn another_unicode_form_is_the_same_password() {
        let composed = Password::presented("pâssword-ﬁne");
        let decomposed = Password::presented("pa\u{302}ssword-fine");
        assert_eq!(composed.normal(), decomposed.normal());
    }

    #[test]
    fn nul_is_a_character() {
        assert_ne!(Password::presented("a").normal(), Password::presented("a\0a").normal());
        assert!(Password::parse(&"\0".repeat(12), RULES).is_ok());
    }

    proptest! {
        #[test]
        fn what_parses_is_within_the_rules_and_never_shown(text in ".{0,300}") {
            if let Ok(password) = Password::parse(&text, RULES) {
                prop_assert!((12..=256).contains(&password.normal().chars().count()));
                prop_assert_eq!(format!("{password:?}"), "Password([redacted])");
            }
        }
    }
}
