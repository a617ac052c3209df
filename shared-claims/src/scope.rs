//! Scopes (RFC 6749 §3.3): space-delimited, case-sensitive tokens.
//!
//! ```
//! use shared_claims::scope::Scopes;
//!
//! let asked = Scopes::parse("notes:write notes:read notes:write")?;
//! assert_eq!(asked.to_string(), "notes:write notes:read");
//! # Ok::<(), shared_claims::scope::InvalidScope>(())
//! ```

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The most scopes in one list. It bounds the time that a list takes to parse.
const MAX_SCOPES: usize = 256;

/// A set of scopes, in the order in which they were given.
///
/// ```
/// use shared_claims::scope::Scopes;
///
/// let scopes = Scopes::parse("notes:read notes:write")?;
/// assert!(scopes.contains("notes:read") && !scopes.contains("notes"));
/// assert_eq!(scopes.iter().count(), 2);
/// assert!(Scopes::parse("")?.is_empty());
/// assert!(Scopes::parse("notes:write")?.is_subset(&scopes));
/// # Ok::<(), shared_claims::scope::InvalidScope>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scopes(Vec<String>);

/// The error for a string that is not a scope list. RFC 6749 §3.3 allows the characters `%x21 / %x23-5B / %x5D-7E` and
/// single spaces between scopes. A list of more than 256 scopes is refused too.
///
/// ```
/// use shared_claims::scope::{InvalidScope, Scopes};
///
/// assert_eq!(Scopes::parse("two  spaces"), Err(InvalidScope));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a scope is made of visible ASCII characters without '\"' and '\\', separated by single spaces")]
pub struct InvalidScope;

/// Whether `text` is one scope (`scope-token` in RFC 6749 §3.3).
///
/// ```
/// use shared_claims::scope::is_scope;
///
/// assert!(is_scope("notes:read"));
/// assert!(!is_scope("notes:read notes:write") && !is_scope(""));
/// ```
pub const fn is_scope(text: &str) -> bool {
    let mut bytes = text.as_bytes();
    if bytes.is_empty() {
        return false;
    }
    while let [byte, rest @ ..] = bytes {
        if !matches!(*byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e) {
            return false;
        }
        bytes = rest;
    }
    true
}

impl Scopes {
    /// Parses a space-delimited list; the empty string is the empty set.
    ///
    /// # Errors
    /// [`InvalidScope`] for a character that RFC 6749 §3.3 does not allow, and for more than 256 scopes.
    pub fn parse(text: &str) -> Result<Self, InvalidScope> {
        let mut scopes = Vec::new();
        if text.is_empty() {
            return Ok(Self(scopes));
        }
        for scope in text.split(' ') {
            if !is_scope(scope) {
                return Err(InvalidScope);
            }
            if scopes.iter().any(|known| known == scope) {
                continue;
            }
            if scopes.len() == MAX_SCOPES {
                return Err(InvalidScope);
            }
            scopes.push(scope.to_owned());
        }
        Ok(Self(scopes))
    }

    /// Whether `scope` is in the set.
    pub fn contains(&self, scope: &str) -> bool {
        self.0.iter().any(|known| known == scope)
    }

    /// Whether every scope of this set is also in `other`.
    pub fn is_subset(&self, other: &Self) -> bool {
        self.0.iter().all(|scope| other.contains(scope))
    }

    /// The scopes of this set that are also in `other`, in the order of this set.
    ///
    /// ```
    /// # use shared_claims::scope::Scopes;
    /// let asked = Scopes::parse("notes:write notes:read openid")?;
    /// let allowed = Scopes::parse("notes:read notes:write")?;
    /// assert_eq!(asked.intersection(&allowed).to_string(), "notes:write notes:read");
    /// # Ok::<(), shared_claims::scope::InvalidScope>(())
    /// ```
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        Self(self.iter().filter(|scope| other.contains(scope)).map(str::to_owned).collect())
    }

    /// The set without this scope.
    ///
    /// ```
    /// # use shared_claims::scope::Scopes;
    /// let scopes = Scopes::parse("openid notes:read")?;
    /// assert_eq!(scopes.without("openid").to_string(), "notes:read");
    /// # Ok::<(), shared_claims::scope::InvalidScope>(())
    /// ```
    #[must_use]
    pub fn without(&self, scope: &str) -> Self {
        Self(self.iter().filter(|known| *known != scope).map(str::to_owned).collect())
    }

    /// Whether the set is empty.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The scopes, in order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }
}

impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join(" "))
    }
}

impl Serialize for Scopes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Scopes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_keeps_its_order_and_drops_repeats() {
        let scopes = Scopes::parse("todos:write openid todos:write").unwrap();
        assert_eq!(scopes.to_string(), "todos:write openid");
        assert!(scopes.contains("openid") && !scopes.contains("todos"));
    }

    #[test]
    fn what_the_rfc_forbids_is_refused() {
        for bad in [" a", "a ", "a  b", "a\tb", "a\"b", "a\\b", "ä", "a\u{7f}"] {
            assert_eq!(Scopes::parse(bad), Err(InvalidScope), "{bad:?}");
        }
    }

    #[test]
    fn their_number_is_bounded() {
        let many = |count: usize| (0..count).map(|n| n.to_string()).collect::<Vec<_>>().join(" ");
        assert!(Scopes::parse(&many(MAX_SCOPES)).is_ok());
        assert_eq!(Scopes::parse(&many(MAX_SCOPES + 1)), Err(InvalidScope));
    }
}
