//! E-mail addresses of users.

use unicode_normalization::UnicodeNormalization;

/// Why a string is not an e-mail address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be an e-mail address")]
pub struct InvalidEmail;

/// An e-mail address `local@domain` that is safe in a mail header (RFC 5321 lengths, no quoting, no control
/// characters).
#[derive(Clone, PartialEq, Eq)]
pub struct Email {
    as_typed: String,
    key: String,
}

impl Email {
    /// Parses an address as it was typed.
    pub fn parse(text: &str) -> Result<Self, InvalidEmail> {
        if text.len() > 254 {
            return Err(InvalidEmail);
        }
        let (local, domain) = text.split_once('@').ok_or(InvalidEmail)?;
        let fine = is_local(local) && is_domain(domain);
        if !fine {
            return Err(InvalidEmail);
        }
        let key = text.nfkc().flat_map(char::to_lowercase).collect();
        Ok(Self { as_typed: text.to_owned(), key })
    }

    /// The address as it was typed.
    pub fn as_str(&self) -> &str {
        &self.as_typed
    }

    /// The NFKC form in lower case, by which addresses are found.
    pub fn key(&self) -> &str {
        &self.key
    }
}

impl std::fmt::Debug for Email {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Email([redacted])")
    }
}

fn is_local(local: &str) -> bool {
    let atom = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~.".contains(c) || is_letter(c);
    (1..=64).contains(&local.len())
        && local.chars().all(atom)
        && !local.starts_with('.')
        && !local.ends_with('.')
        && !local.contains("..")
}

fn is_domain(domain: &str) -> bool {
    domain.len() <= 253 && domain.split('.').all(is_label)
}

fn is_label(label: &str) -> bool {
    (1..=63).contains(&label.len())
        && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || is_letter(c))
        && !label.starts_with('-')
        && !label.ends_with('-')
}

fn is_letter(c: char) -> bool {
    !c.is_ascii() && c.is_alphanumeric()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn addresses_are_taken() {
        for address in
            ["a@b", "alice@example.com", "a.b+c@x-y.example", "o'neil@example.org", "ünï@bücher.example"]
        {
            assert!(Email::parse(address).is_ok(), "{address}");
        }
        assert_eq!(Email::parse("Alice@Example.COM").unwrap().key(), "alice@example.com");
    }

    #[test]
    fn what_is_none_is_refused() {
        let long = format!("{}@example.com", "x".repeat(65));
        for text in [
            "",
            "a",
            "@b",
            "a@",
            "a@b@c",
            "a b@c",
            "a@b c",
            "a@b..c",
            ".a@b",
            "a@-b",
            "a@b\r\nBcc: c@d",
            "a\0@b",
            "a@b\n",
            "<a@b>",
            "\"a b\"@c",
            "a@[127.0.0.1]",
            "a@b,c@d",
            "' OR 1=1 --@x",
            &long,
        ] {
            assert_eq!(Email::parse(text).err(), Some(InvalidEmail), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn no_control_or_space_ever_passes(text in ".{0,30}@.{0,30}") {
            if let Ok(email) = Email::parse(&text) {
                prop_assert!(!email.as_str().chars().any(|c| c.is_control() || c.is_whitespace()));
            }
        }
    }
}
