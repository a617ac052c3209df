//! Roles (RFC 9068 §2.2.3.1, with the values of SCIM, RFC 7643 §4.1.2): names that the issuer assigns to users.

use serde::{Deserialize, Serialize};

/// The roles of the token's subject, in the order of the claim.
///
/// ```
/// use shared_claims::claims::Roles;
///
/// let roles: Roles = ["editor", "admin"].into_iter().collect();
/// assert!(!roles.is_empty());
/// assert!(roles.contains("admin") && !roles.contains("Admin"));
/// assert_eq!(roles.iter().collect::<Vec<_>>(), ["editor", "admin"]);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Roles(Vec<String>);

impl Roles {
    /// Whether `role` is one of the roles.
    pub fn contains(&self, role: &str) -> bool {
        self.0.iter().any(|known| known == role)
    }

    /// Whether there are no roles.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The roles, in order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }
}

impl<R: Into<String>> FromIterator<R> for Roles {
    fn from_iter<I: IntoIterator<Item = R>>(roles: I) -> Self {
        Self(roles.into_iter().map(Into::into).collect())
    }
}
