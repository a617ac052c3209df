//! The title of a todo.

/// 1 to 200 characters on one line, not blank, stored as typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Title(String);

/// Why a text is not a title.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidTitle {
    /// Empty, or only white space.
    #[error("must not be blank")]
    Blank,
    /// More than 200 characters.
    #[error("must be at most 200 characters long")]
    TooLong,
    /// A control character such as a line break or NUL.
    #[error("must not contain control characters")]
    ControlCharacter,
}

impl Title {
    /// The longest title, in characters (Unicode scalar values).
    pub const MAX_CHARS: usize = 200;

    /// Parses a title.
    pub fn parse(text: &str) -> Result<Self, InvalidTitle> {
        if text.chars().nth(Self::MAX_CHARS).is_some() {
            Err(InvalidTitle::TooLong)
        } else if text.trim().is_empty() {
            Err(InvalidTitle::Blank)
        } else if text.chars().any(char::is_control) {
            Err(InvalidTitle::ControlCharacter)
        } else {
            Ok(Self(text.to_owned()))
        }
    }

    /// A title from the database. It was accepted when it was stored, perhaps under other rules, and is not checked
    /// again, so that its owner can see and correct it.
    pub fn from_stored(text: String) -> Self {
        Self(text)
    }

    /// The text as typed.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The text as typed.
    pub fn into_string(self) -> String {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_to_two_hundred_characters_of_any_script() {
        for text in ["a", &"ä".repeat(200), &"🦀".repeat(200), " kept as typed ", "'; DROP TABLE todos; --"]
        {
            assert_eq!(Title::parse(text).unwrap().as_str(), text);
        }
        assert_eq!(Title::parse(&"a".repeat(201)), Err(InvalidTitle::TooLong));
        assert_eq!(Title::parse(&"🦀".repeat(201)), Err(InvalidTitle::TooLong));
    }

    #[test]
    fn blank_and_unprintable_titles_are_refused() {
        for text in ["", " ", "\t\n", "\u{2003}\u{a0}"] {
            assert_eq!(Title::parse(text), Err(InvalidTitle::Blank), "{text:?}");
        }
        for text in ["a\0", "a\nb", "a\u{7f}", "a\u{9b}b"] {
            assert_eq!(Title::parse(text), Err(InvalidTitle::ControlCharacter), "{text:?}");
        }
    }
}
