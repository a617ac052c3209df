//! E-mail addresses of users.

use unicode_normalization::UnicodeNormalization;

/// The most bytes of an address (RFC 5321 §4.5.3.1.3, without the angle brackets).
const MAX_BYTES: usize = 254;

/// Why a string is not an e-mail address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidEmail {
    /// It has not the form `local@domain`.
    #[error("must be an e-mail address")]
    Form,
    /// It has characters beyond ASCII. A domain with such letters also has a form in ASCII (RFC 5890 §2.3.2.1).
    #[error("must be an e-mail address of ASCII characters only; write the domain in its xn-- form")]
    NotAscii,
}

/// An e-mail address `local@domain` that is safe in a mail header (RFC 5321 lengths, ASCII, no quoting, no control
/// characters). Its domain consists of letters, digits and hyphens; internationalized labels are A-labels.
#[derive(Clone, PartialEq, Eq)]
pub struct Email {
    as_typed: String,
    key: String,
}

impl Email {
    /// Parses an address as it was typed.
    pub fn parse(text: &str) -> Result<Self, InvalidEmail> {
        if text.len() > MAX_BYTES {
            return Err(InvalidEmail::Form);
        }
        let (local, domain) = text.split_once('@').ok_or(InvalidEmail::Form)?;
        if !text.is_ascii() {
            return Err(InvalidEmail::NotAscii);
        }
        if !(is_local(local) && is_domain(domain)) {
            return Err(InvalidEmail::Form);
        }
        Ok(Self { as_typed: text.to_owned(), key: text.to_ascii_lowercase() })
    }

    /// The address as it was typed. Mail goes to this form: the local part may be case-sensitive (RFC 5321 §2.4).
    pub fn as_str(&self) -> &str {
        &self.as_typed
    }

    /// The form in lower case, by which addresses are compared and found.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The key of a text with which somebody may mean an address: of one with an `@`. It need not be an address that
    /// [`Email::parse`] takes, because earlier releases stored others.
    pub fn key_of_identifier(text: &str) -> Option<String> {
        let may_be_address =
            text.contains('@') && text.len() <= MAX_BYTES && !text.contains(char::is_control);
        may_be_address.then(|| text.nfkc().flat_map(char::to_lowercase).collect())
    }
}

impl std::fmt::Debug for Email {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Email([redacted])")
    }
}

fn is_local(local: &str) -> bool {
    let atom = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~.".contains(c);
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
        && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
        && !label.starts_with('-')
        && !label.ends_with('-')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn addresses_are_taken() {
        for address in
            ["a@b", "alice@example.com", "a.b+c@x-y.example", "o'neil@example.org", "a@xn--bcher-kva.example"]
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
            assert_eq!(Email::parse(text).err(), Some(InvalidEmail::Form), "{text:?}");
        }
    }

    #[test]
    fn only_ascii_is_taken() {
        for text in ["ünï@example.com", "a@bücher.example", "a@ｅxample.com", "a\u{200b}@example.com"] {
            assert_eq!(Email::parse(text).err(), Some(InvalidEmail::NotAscii), "{text:?}");
        }
    }

    #[test]
    fn an_identifier_has_the_key_of_the_address_that_it_names() {
        for (text, expected) in [
            ("John@Ex.ORG", Some("john@ex.org")),
            ("ÜNÏ@example.com", Some("ünï@example.com")),
            ("alice", None),
        ] {
            assert_eq!(Email::key_of_identifier(text).as_deref(), expected);
        }
        assert_eq!(Email::key_of_identifier(&"@".repeat(255)), None);
    }

    proptest! {
        #[test]
        fn no_control_or_space_ever_passes(text in ".{0,30}@.{0,30}") {
            if let Ok(email) = Email::parse(&text) {
                prop_assert!(email.as_str().bytes().all(|byte| byte.is_ascii_graphic()));
                let key = Email::key_of_identifier(email.as_str());
                prop_assert_eq!(key.as_deref(), Some(email.key()));
            }
        }
    }
}
