//! The start of a page, as an opaque string.

use std::fmt;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use uuid::Uuid;

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
    fn a_cursor_comes_back_as_it_went() {
        let id = Uuid::try_parse("019ab5a0-1c00-7000-8000-000000000001").unwrap();
        let cursor = Cursor::after(id);
        assert_eq!(cursor.to_string().parse(), Ok(cursor));
        assert_eq!(cursor.id(), id);
    }

    #[test]
    fn anything_else_is_refused() {
        for text in
            ["", "1", "AAAA", "AAAAAAAAAAAAAAAAAAAAAA", "019ab5a0-1c00-7000-8000-000000000001", "ä", "%00"]
        {
            assert_eq!(text.parse::<Cursor>(), Err(InvalidCursor), "{text:?}");
        }
    }
}
