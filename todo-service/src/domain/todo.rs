//! A todo, its texts and its changes.

use uuid::Uuid;

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

/// A todo. Its owner is not part of it: every query names the owner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Todo {
    /// A UUIDv7: later todos have higher ids.
    pub id: Uuid,
    /// What is to be done.
    pub title: Title,
    /// Details, if any.
    pub description: Option<Description>,
    /// Whether it is completed.
    pub completed: bool,
    /// When it was created, milliseconds since the Unix epoch.
    pub created_at_ms: i64,
    /// When it was last changed, milliseconds since the Unix epoch.
    pub updated_at_ms: i64,
}

/// The values of a todo to be created.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewTodo {
    /// What is to be done.
    pub title: Title,
    /// Details, if any.
    pub description: Option<Description>,
    /// Whether it is completed from the start.
    pub completed: bool,
}

impl NewTodo {
    /// The todo, created at `now_ms` (milliseconds since the Unix epoch).
    pub fn into_todo(self, id: Uuid, now_ms: i64) -> Todo {
        Todo {
            id,
            title: self.title,
            description: self.description,
            completed: self.completed,
            created_at_ms: now_ms,
            updated_at_ms: now_ms,
        }
    }
}

/// A change of a todo. A field that is `None` keeps its value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TodoChange {
    /// The new title.
    pub title: Option<Title>,
    /// The new description; `Some(None)` removes it.
    pub description: Option<Option<Description>>,
    /// Whether it is now completed.
    pub completed: Option<bool>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_title_has_1_to_200_characters_of_any_script() {
        for text in ["a", &"ä".repeat(200), &"🦀".repeat(200), " kept as typed ", "'; DROP TABLE todos; --"]
        {
            assert_eq!(Title::parse(text).unwrap().as_str(), text);
        }
        assert_eq!(Title::parse(&"a".repeat(201)), Err(InvalidTitle::TooLong));
        assert_eq!(Title::parse(&"🦀".repeat(201)), Err(InvalidTitle::TooLong));
    }

    #[test]
    fn blank_titles_and_control_characters_are_refused() {
        for text in ["", " ", "\t\n", "\u{2003}\u{a0}"] {
            assert_eq!(Title::parse(text), Err(InvalidTitle::Blank), "{text:?}");
        }
        for text in ["a\0", "a\nb", "a\u{7f}", "a\u{9b}b"] {
            assert_eq!(Title::parse(text), Err(InvalidTitle::ControlCharacter), "{text:?}");
        }
    }

    #[test]
    fn a_description_may_have_line_breaks_and_tabs_and_has_a_length_limit() {
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
