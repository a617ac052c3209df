//! The setting `scopes`: what the consent page says about scopes.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};
use service_kit::config::InvalidSetting;
use shared_claims::scope::Scopes;

use super::pages::is_invisible;

/// The longest title, in characters.
const MAX_TITLE: usize = 100;
/// The longest sentence, in characters.
const MAX_SENTENCE: usize = 300;

/// A scope in the operator's words, which are used instead of the built-in ones.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    deny_unknown_fields,
    expecting = "a list of scopes: tables in a file, a JSON array in the environment"
)]
pub struct DescribedScope {
    /// The scope.
    pub name: String,
    /// What an application may do with it, in a few words.
    pub title: String,
    /// More about it, in a sentence.
    pub sentence: Option<String>,
    /// The title on German pages.
    pub title_de: Option<String>,
    /// The sentence on German pages.
    pub sentence_de: Option<String>,
}

/// Checks all descriptions. The error names a scope by its position.
pub(super) fn check(scopes: &[DescribedScope]) -> Result<(), InvalidSetting> {
    let mut names = HashSet::new();
    for (index, scope) in scopes.iter().enumerate() {
        let invalid =
            |key: &str, allowed: &str| InvalidSetting::new(format!("scopes[{index}].{key}"), allowed);
        if !Scopes::parse(&scope.name).is_ok_and(|parsed| parsed.iter().eq([scope.name.as_str()])) {
            return Err(invalid("name", "one scope: visible ASCII characters except \" and \\"));
        }
        if !names.insert(&scope.name) {
            return Err(invalid("name", "different from the scopes before it"));
        }
        let titles = [("title", Some(&scope.title)), ("title_de", scope.title_de.as_ref())];
        for (key, title) in titles {
            if title.is_some_and(|title| !is_line(title, MAX_TITLE)) {
                return Err(invalid(key, "a line of 1 to 100 characters"));
            }
        }
        let sentences = [("sentence", &scope.sentence), ("sentence_de", &scope.sentence_de)];
        for (key, sentence) in sentences {
            if sentence.as_ref().is_some_and(|sentence| !is_line(sentence, MAX_SENTENCE)) {
                return Err(invalid(key, "a line of 1 to 300 characters"));
            }
        }
    }
    Ok(())
}

fn is_line(text: &str, max: usize) -> bool {
    (1..=max).contains(&text.chars().count()) && text.trim() == text && !text.chars().any(is_invisible)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_description_is_named_by_position_and_key() {
        let fine = DescribedScope {
            name: "invoices:read".to_owned(),
            title: "See your invoices".to_owned(),
            sentence: Some("Amounts and dates.".to_owned()),
            title_de: Some("Deine Rechnungen sehen".to_owned()),
            sentence_de: None,
        };
        assert_eq!(check(&[fine.clone(), DescribedScope { name: "x".to_owned(), ..fine.clone() }]), Ok(()));
        for (key, bad) in [
            ("name", DescribedScope { name: "a b".to_owned(), ..fine.clone() }),
            ("name", DescribedScope { name: String::new(), ..fine.clone() }),
            ("name", fine.clone()),
            ("title", DescribedScope { name: "y".to_owned(), title: String::new(), ..fine.clone() }),
            (
                "title_de",
                DescribedScope { name: "y".to_owned(), title_de: Some("a\nb".to_owned()), ..fine.clone() },
            ),
            (
                "sentence",
                DescribedScope { name: "y".to_owned(), sentence: Some("a".repeat(301)), ..fine.clone() },
            ),
        ] {
            assert_eq!(check(&[fine.clone(), bad]).unwrap_err().key, format!("scopes[1].{key}"));
        }
    }
}
