//! A page of a user's list.

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn from_one_to_two_hundred() {
        assert_eq!(Limit::parse("1").unwrap().rows(), 1);
        assert_eq!(Limit::parse("200").unwrap().rows(), 200);
        for text in ["", "0", "201", "-1", "+5", "1.5", "1e2", "ten", "99999999999999999999", "٣"] {
            assert_eq!(Limit::parse(text), Err(InvalidLimit), "{text:?}");
        }
    }
}
