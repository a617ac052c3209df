//! The request for a page of a user's list, and the cursor at which a page starts.

use std::fmt;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use uuid::Uuid;

/// The request for a page of the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageRequest {
    /// The greatest number of todos on the page.
    pub limit: Limit,
    /// Only todos that are older than this one.
    pub after: Option<Uuid>,
    /// Only completed todos (true), or only the others (false).
    pub completed: Option<bool>,
}

/// The number of todos on a page: 1 to 200.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit(u8);

/// The error for a value that is not a valid limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be a whole number from 1 to 200")]
pub struct InvalidLimit;

impl Limit {
    /// The largest limit.
    pub const MAX: u8 = 200;

    /// Parses a limit.
    pub fn parse(text: &str) -> Result<Self, InvalidLimit> {
        // Checked because `u8::from_str` accepts a plus sign.
        if !text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(InvalidLimit);
        }
        match text.parse() {
            Ok(limit @ 1..=Self::MAX) => Ok(Self(limit)),
            _ => Err(InvalidLimit),
        }
    }

    /// The limit as a number of rows.
    pub fn rows(self) -> i64 {
        i64::from(self.0)
    }
}

impl From<Limit> for usize {
    fn from(limit: Limit) -> Self {
        limit.0.into()
    }
}

impl Default for Limit {
    fn default() -> Self {
        Self(50)
    }
}

/// The todo after which a page begins. It may have been deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor(Uuid);

/// The error for a string that is not a cursor of this service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be the cursor of a Link header, unchanged")]
pub struct InvalidCursor;

impl Cursor {
    /// The cursor of the page that begins after this todo.
    pub fn after(id: Uuid) -> Self {
        Self(id)
    }

    /// The id of the todo.
    pub fn id(self) -> Uuid {
        self.0
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&URL_SAFE_NO_PAD.encode(self.0.as_bytes()))
    }
}

impl FromStr for Cursor {
    type Err = InvalidCursor;

    fn from_str(text: &str) -> Result<Self, InvalidCursor> {
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| InvalidCursor)?;
        let id = Uuid::from_slice(&bytes).map_err(|_| InvalidCursor)?;
        if id.get_version_num() == 7 { Ok(Self(id)) } else { Err(InvalidCursor) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_a_number_from_1_to_200() {
        assert_eq!(Limit::parse("1").unwrap().rows(), 1);
        assert_eq!(Limit::parse("200").unwrap().rows(), 200);
        for text in ["", "0", "201", "-1", "+5", "1.5", "1e2", "ten", "99999999999999999999", "٣"] {
            assert_eq!(Limit::parse(text), Err(InvalidLimit), "{text:?}");
        }
    }

    #[test]
    fn a_cursor_is_parsed_from_its_own_text() {
        let id = Uuid::try_parse("019ab5a0-1c00-7000-8000-000000000001").unwrap();
        let cursor = Cursor::after(id);
        assert_eq!(cursor.to_string().parse(), Ok(cursor));
        assert_eq!(cursor.id(), id);
    }

    #[test]
    fn any_other_text_is_not_a_cursor() {
        for text in
            ["", "1", "AAAA", "AAAAAAAAAAAAAAAAAAAAAA", "019ab5a0-1c00-7000-8000-000000000001", "ä", "%00"]
        {
            assert_eq!(text.parse::<Cursor>(), Err(InvalidCursor), "{text:?}");
        }
    }
}
