//! The list of a user's sessions, and its pages.

use std::fmt;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use shared_claims::claims::FIRST_PARTY_CLIENT;
use shared_claims::scope::Scopes;
use uuid::Uuid;

use super::Device;

/// What a session is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionKind {
    /// A front end of this product.
    FirstParty,
    /// A browser, at the hosted pages.
    Browser,
    /// A registered client.
    Client,
}

/// A live session, as a list of them shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedSession {
    /// Its id.
    pub id: Uuid,
    /// The client that it belongs to; `None` for a browser session.
    pub client_id: Option<String>,
    /// The scope of its tokens; empty for a browser session.
    pub scope: Scopes,
    /// When it began, in milliseconds.
    pub created_at_ms: i64,
    /// When it was last used, in milliseconds. May be up to a minute too early.
    pub last_used_at_ms: i64,
    /// The device that it began on.
    pub device: Device,
}

impl ListedSession {
    /// What it is of.
    pub fn kind(&self) -> SessionKind {
        match self.client_id.as_deref() {
            None => SessionKind::Browser,
            Some(FIRST_PARTY_CLIENT) => SessionKind::FirstParty,
            Some(_) => SessionKind::Client,
        }
    }
}

/// Which sessions a list has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionListing {
    /// Each of them.
    All,
    /// Those that belong to no browser session of the list.
    WithoutThoseBelow,
}

/// The number of sessions on a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageLimit(u8);

/// The text is not a valid page size.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be a number from 1 to 200")]
pub struct InvalidLimit;

impl PageLimit {
    /// Parses a page size.
    pub fn parse(text: &str) -> Result<Self, InvalidLimit> {
        match text.parse() {
            Ok(limit @ 1..=200) => Ok(Self(limit)),
            _ => Err(InvalidLimit),
        }
    }

    /// The number.
    pub fn get(self) -> usize {
        usize::from(self.0)
    }
}

impl Default for PageLimit {
    fn default() -> Self {
        Self(50)
    }
}

/// A cursor: the session after which a page begins, given by the values that the list is ordered by. The session may
/// have ended in the meantime.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionCursor {
    /// When it was last used.
    pub last_used_at_ms: i64,
    /// Its id.
    pub id: Uuid,
}

/// The text is not a cursor of this service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be the cursor of a Link header, unchanged")]
pub struct InvalidCursor;

impl fmt::Display for SessionCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = [&self.last_used_at_ms.to_be_bytes()[..], self.id.as_bytes()].concat();
        f.write_str(&URL_SAFE_NO_PAD.encode(bytes))
    }
}

impl FromStr for SessionCursor {
    type Err = InvalidCursor;

    fn from_str(text: &str) -> Result<Self, InvalidCursor> {
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| InvalidCursor)?;
        let (time, id) = bytes.split_first_chunk().ok_or(InvalidCursor)?;
        let id = Uuid::from_slice(id).map_err(|_| InvalidCursor)?;
        Ok(Self { last_used_at_ms: i64::from_be_bytes(*time), id })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_comes_back_as_it_went() {
        let cursor = SessionCursor { last_used_at_ms: 1_700_000_000_123, id: Uuid::from_u128(7) };
        assert_eq!(cursor.to_string().parse(), Ok(cursor));
        for text in ["", "1", "AAAA", "ä", "%00", &format!("{cursor}A"), &cursor.to_string()[1..]] {
            assert_eq!(text.parse::<SessionCursor>(), Err(InvalidCursor), "{text:?}");
        }
    }

    #[test]
    fn a_limit_is_from_1_to_200() {
        for (text, limit) in [("1", 1), ("50", 50), ("200", 200)] {
            assert_eq!(PageLimit::parse(text).map(PageLimit::get), Ok(limit));
        }
        for text in ["", "0", "201", "256", "-1", "1.0", " 1", "x"] {
            assert_eq!(PageLimit::parse(text), Err(InvalidLimit), "{text:?}");
        }
        assert_eq!(PageLimit::default().get(), 50);
    }
}
