//! Passwords and the rules for them.

use std::fmt;

use unicode_normalization::UnicodeNormalization;
use zeroize::Zeroizing;

/// A text with more bytes of UTF-8 than this per allowed character is refused without being normalised. A decomposed
/// letter may take several bytes.
const BYTES_A_CHARACTER: usize = 16;

/// The rules for new passwords.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PasswordRules {
    /// The fewest characters.
    pub min_length: usize,
    /// The most characters.
    pub max_length: usize,
}

/// The rule that a new password breaks. The message is for the user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PasswordRule {
    /// The password has too few characters.
    #[error("must have at least {0} characters")]
    TooShort(usize),
    /// The password has too many characters.
    #[error("must have at most {0} characters")]
    TooLong(usize),
    /// The password is on the list of common ones, or a service for leaked ones knows it.
    #[error("must not be one that many people use or that is known from a data leak: choose another one")]
    Common,
    /// The password is the user's own name or address.
    #[error("must not be the user name or the e-mail address")]
    EqualsNameOrAddress,
}

/// A password in plain. Passwords that differ only in their Unicode form are the same, and NUL is a character like
/// any other. The memory is wiped on drop, and `Debug` shows nothing.
///
/// The NFKC form is what is compared. Computing it is slow for some texts, so it is computed on the hashing threads,
/// never on a thread that serves requests.
#[derive(Clone)]
pub struct Password(Zeroizing<String>);

impl Password {
    /// Checks a new password against the rules, which count characters of the NFKC form. A huge input is refused
    /// before it is processed.
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

    /// Takes a password to verify. No rule applies, because the rules may have changed since it was set.
    pub fn presented(text: &str) -> Self {
        Self(Zeroizing::new(text.to_owned()))
    }

    /// Whether a text of this many bytes is too long to be a password under these rules.
    pub fn is_out_of_reach(bytes: usize, rules: PasswordRules) -> bool {
        bytes > rules.max_length.saturating_mul(BYTES_A_CHARACTER)
    }

    /// Computes the NFKC form, for hashing. Slow for texts that are not ASCII.
    pub fn normal(&self) -> Zeroizing<String> {
        if self.0.is_ascii() { self.0.clone() } else { Zeroizing::new(self.0.nfkc().collect()) }
    }

    /// The password as it was typed, for hashes that other systems made.
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
