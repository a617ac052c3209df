//! The mark of the application for which somebody signs in.

use std::borrow::Cow;

use unicode_segmentation::UnicodeSegmentation;

use super::texts::{Phrase, unturned};

/// The application's letter and name, and what it is about.
pub(super) struct StubView<'a> {
    pub(super) letter: String,
    pub(super) app: Cow<'a, str>,
    pub(super) phrase: Option<Phrase<'a>>,
    pub(super) host: Option<&'a str>,
}

/// The mark of this application, without a phrase.
pub(super) fn stub<'a>(app: &'a str, host: Option<&'a str>) -> StubView<'a> {
    StubView { letter: monogram(app), app: unturned(app), phrase: None, host }
}

/// The first letter of a name, in upper case; without letters its first character.
fn monogram(name: &str) -> String {
    let mut graphemes = name.graphemes(true).filter(|grapheme| !grapheme.trim().is_empty());
    let begins_with_letter = |grapheme: &&str| grapheme.chars().next().is_some_and(char::is_alphanumeric);
    let first = graphemes.clone().find(begins_with_letter).or_else(|| graphemes.next());
    first.unwrap_or_default().to_uppercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mark_of_an_application_is_its_first_letter() {
        for (name, expected) in [
            ("nordlicht Notizen", "N"),
            ("  élan", "É"),
            ("e\u{301}lan", "E\u{301}"),
            ("\u{202E}evil", "E"),
            ("🎉 Party", "P"),
            ("👩‍👩‍👧", "👩‍👩‍👧"),
            ("", ""),
        ] {
            assert_eq!(monogram(name), expected, "{name}");
        }
    }
}
