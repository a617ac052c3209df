//! The list of passwords that are refused because many people use them.

use std::sync::LazyLock;

use fst::Set;
use unicode_normalization::UnicodeNormalization;

/// The list, as `scripts/password-list` makes it. `passwords/README.md` says where it is from.
const LIST: &[u8] = include_bytes!("../../passwords/common.fst");

/// The fewest characters of an entry. No shorter password can be allowed by the settings.
pub const SHORTEST_ENTRY: usize = 8;

/// The opened list. Only its header is read; the entries stay where the program is loaded.
static OPENED: LazyLock<Option<Set<&'static [u8]>>> = LazyLock::new(|| match Set::new(LIST) {
    Ok(list) => Some(list),
    Err(error) => {
        tracing::error!(%error, "passwords.list_not_read: no common password is refused");
        None
    }
});

/// Whether the list has this text, which is [folded](fold).
pub fn is_common(folded: &str) -> bool {
    OPENED.as_ref().is_some_and(|list| list.contains(folded))
}

/// The number of entries.
pub fn entries() -> usize {
    OPENED.as_ref().map_or(0, Set::len)
}

/// The NFKC form without case. Entries of the list, passwords, names and addresses are compared in this form.
pub fn fold(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    text.nfkc().flat_map(char::to_uppercase).flat_map(char::to_lowercase).nfkc().collect()
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::digest::{SHA256, digest};

    use super::*;

    /// The facts that `passwords/README.md` names.
    #[test]
    fn the_list_is_the_one_that_its_page_describes() {
        let page = include_str!("../../passwords/README.md");
        let checksum = hex::encode(digest(&SHA256, LIST));
        for fact in [checksum, LIST.len().to_string(), entries().to_string()] {
            assert!(page.contains(&fact), "{fact}");
        }
        assert!(OPENED.as_ref().unwrap().as_fst().verify().is_ok());
    }

    #[test]
    fn common_passwords_are_found_without_regard_to_case_and_others_are_not() {
        for common in ["password", "PassWord1234", "qwertyuiop123", "1234567890", "ｐａｓｓｗｏｒｄ１２３４"]
        {
            assert!(is_common(&fold(common)), "{common}");
        }
        for other in ["correct horse battery staple", "passwor", "1234567", "", "qwertyuiop12345678901"] {
            assert!(!is_common(&fold(other)), "{other}");
        }
    }

    #[test]
    fn case_and_width_do_not_count() {
        for (one, other) in [("STRASSE", "straße"), ("ΣΑΣ", "σας"), ("ＡＬＩＣＥ", "alice"), ("ﬁne", "FINE")]
        {
            assert_eq!(fold(one), fold(other));
        }
    }
}
