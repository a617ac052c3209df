//! The title of a todo.

/// 1 to 200 characters, kept as typed: not blank, and on one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Title(String);

/// Why a text is no title.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidTitle {
    /// Nothing, or nothing but white space.
    #[error("must not be blank")]
    Blank,
    /// More than 200 characters.
    #[error("must be at most 200 characters long")]
    TooLong,
    /// Line breaks, NUL and their kind.
    #[error("must not hold control characters")]
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

    /// A title that was accepted before, be it under other rules: it is shown as it stands, so that its owner can mend it.
    pub fn from_stored(text: String) -> Self {
        Self(text)
    }

    /// As typed.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// As typed.
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
