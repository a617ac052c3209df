//! The description of a todo.

/// Up to 10,000 characters, stored as typed. Line breaks and tabs are allowed, other control characters are not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Description(String);

/// Why a text is not a description.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidDescription {
    /// More than 10,000 characters.
    #[error("must be at most 10000 characters long")]
    TooLong,
    /// A control character such as NUL.
    #[error("must not contain control characters other than line breaks and tabs")]
    ControlCharacter,
}

impl Description {
    /// The longest description, in characters (Unicode scalar values).
    pub const MAX_CHARS: usize = 10_000;

    /// Parses a description.
    pub fn parse(text: &str) -> Result<Self, InvalidDescription> {
        if text.chars().nth(Self::MAX_CHARS).is_some() {
            Err(InvalidDescription::TooLong)
        } else if text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t')) {
            Err(InvalidDescription::ControlCharacter)
        } else {
            Ok(Self(text.to_owned()))
        }
    }

    /// A description from the database. It was accepted when it was stored, perhaps under other rules, and is not
    /// checked again.
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
    fn lines_and_tabs_are_kept_and_the_length_is_bounded() {
        for text in ["", "two\r\nlines\tand a tab", &"ä".repeat(10_000)] {
            assert_eq!(Description::parse(text).unwrap().as_str(), text);
        }
        assert_eq!(Description::parse(&"ä".repeat(10_001)), Err(InvalidDescription::TooLong));
    }

    #[test]
    fn other_control_characters_are_refused() {
        for text in ["\0", "a\u{1b}[31m", "\u{7f}"] {
            assert_eq!(Description::parse(text), Err(InvalidDescription::ControlCharacter), "{text:?}");
        }
    }
}
