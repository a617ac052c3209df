//! The scopes and roles that a handler requires of a token, expressed as a type. The extractors of every framework use
//! it.
//!
//! ```
//! use shared_claims::{required_role, required_scope};
//! use shared_claims::require::Requirement;
//!
//! required_scope!(pub NotesWrite, "notes:write");
//! required_role!(pub Admin, "admin");
//!
//! // A handler that takes `Authenticated<(NotesWrite, Admin)>` needs both.
//! assert_eq!(<(NotesWrite, Admin)>::SCOPES, ["notes:write"]);
//! assert_eq!(<(NotesWrite, Admin)>::ROLES, ["admin"]);
//! ```

mod list;
mod macros;

use std::fmt;

use self::list::Union;
use crate::claims::Claims;

/// The scopes and roles that a token must have. [`required_scope!`](crate::required_scope) and
/// [`required_role!`](crate::required_role) declare such a type; a tuple of requirements requires all of them.
///
/// ```
/// use shared_claims::claims::{Claims, TokenId};
/// use shared_claims::require::{Denied, Requirement};
/// use shared_claims::scope::Scopes;
///
/// shared_claims::required_scope!(NotesRead, "notes:read");
///
/// let mut claims = Claims::new("https://id.example", "ada", "app", TokenId::new(0, [0; 10]), 0, 900);
/// assert_eq!(NotesRead::check(&claims), Err(Denied::Scopes(&["notes:read"])));
/// claims.scope = Scopes::parse("notes:read")?;
/// assert_eq!(NotesRead::check(&claims), Ok(()));
/// # Ok::<(), shared_claims::scope::InvalidScope>(())
/// ```
pub trait Requirement: 'static {
    /// The required scopes. The token must have all of them.
    const SCOPES: &'static [&'static str] = &[];

    /// The required roles. The token must have all of them.
    const ROLES: &'static [&'static str] = &[];

    /// Checks the claims of a verified token.
    ///
    /// # Errors
    /// [`Denied`] says what is missing. Scopes are checked before roles.
    fn check<C>(claims: &Claims<C>) -> Result<(), Denied> {
        if !Self::SCOPES.iter().all(|scope| claims.scope.contains(scope)) {
            return Err(Denied::Scopes(Self::SCOPES));
        }
        if !Self::ROLES.iter().all(|role| claims.roles.contains(role)) {
            return Err(Denied::Roles(Self::ROLES));
        }
        Ok(())
    }
}

/// The requirement that any valid token meets: no scope and no role is needed.
///
/// ```
/// use shared_claims::require::{AnyToken, Requirement};
///
/// assert!(AnyToken::SCOPES.is_empty() && AnyToken::ROLES.is_empty());
/// ```
#[derive(Clone, Copy, Debug)]
pub struct AnyToken;

impl Requirement for AnyToken {}

impl<A: Requirement, B: Requirement> Requirement for (A, B) {
    const SCOPES: &'static [&'static str] = Union::<A, B>::SCOPES.as_slice();
    const ROLES: &'static [&'static str] = Union::<A, B>::ROLES.as_slice();
}

impl<A: Requirement, B: Requirement, C: Requirement> Requirement for (A, B, C) {
    const SCOPES: &'static [&'static str] = <((A, B), C)>::SCOPES;
    const ROLES: &'static [&'static str] = <((A, B), C)>::ROLES;
}

/// What a valid token lacks. The response is 403 with `insufficient_scope` (RFC 6750 §3.1); its `scope` attribute names
/// the required scopes. A missing role is not named, because a client cannot request a role.
///
/// ```
/// use shared_claims::require::Denied;
///
/// let scopes = Denied::Scopes(&["notes:read", "notes:write"]);
/// assert_eq!(scopes.challenge(), r#"Bearer error="insufficient_scope", scope="notes:read notes:write""#);
/// assert_eq!(Denied::Roles(&["admin"]).challenge(), r#"Bearer error="insufficient_scope""#);
/// assert_eq!(scopes.status(), http::StatusCode::FORBIDDEN);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Denied {
    /// At least one of these required scopes is missing.
    Scopes(&'static [&'static str]),
    /// At least one of these required roles is missing.
    Roles(&'static [&'static str]),
}

impl Denied {
    /// The HTTP status of the response.
    pub fn status(self) -> http::StatusCode {
        http::StatusCode::FORBIDDEN
    }

    /// The `WWW-Authenticate` challenge of the response.
    pub fn challenge(self) -> String {
        const ERROR: &str = "Bearer error=\"insufficient_scope\"";
        match self {
            Self::Scopes(scopes) => format!("{ERROR}, scope=\"{}\"", scopes.join(" ")),
            Self::Roles(_) => ERROR.to_owned(),
        }
    }
}

impl fmt::Display for Denied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Scopes(scopes) => write!(f, "the token does not have all of the scopes {scopes:?}"),
            Self::Roles(roles) => write!(f, "the token does not have all of the roles {roles:?}"),
        }
    }
}

impl std::error::Error for Denied {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::claims::TokenId;
    use crate::scope::Scopes;
    use crate::{required_role, required_scope};

    required_scope!(Read, "notes:read");
    required_scope!(Write, "notes:read", "notes:write");
    required_role!(Admin, "admin");
    required_role!(Both, "admin", "editor");

    fn claims(scope: &str, roles: &[&str]) -> Claims {
        let mut claims = Claims::new("i", "s", "c", TokenId::new(0, [0; 10]), 0, 1);
        claims.scope = Scopes::parse(scope).unwrap();
        claims.roles = roles.iter().copied().collect();
        claims
    }

    #[test]
    fn all_scopes_and_all_roles_are_needed() {
        assert_eq!(Write::check(&claims("notes:write", &[])), Err(Denied::Scopes(Write::SCOPES)));
        assert_eq!(Write::check(&claims("notes:write notes:read x", &[])), Ok(()));
        assert_eq!(Both::check(&claims("", &["editor"])), Err(Denied::Roles(Both::ROLES)));
        assert_eq!(Both::check(&claims("", &["editor", "admin"])), Ok(()));
        assert_eq!(Admin::check(&claims("admin", &["Admin"])), Err(Denied::Roles(&["admin"])));
        assert_eq!(AnyToken::check(&claims("", &[])), Ok(()));
    }

    #[test]
    fn a_tuple_needs_what_its_parts_need_each_once() {
        type Wanted = (Write, Admin);
        assert_eq!(<(Read, Write)>::SCOPES, ["notes:read", "notes:write"]);
        assert_eq!(<(Admin, Write, Both)>::ROLES, ["admin", "editor"]);
        assert_eq!(<(Admin, Write, Both)>::SCOPES, ["notes:read", "notes:write"]);
        assert!(<(AnyToken, AnyToken)>::SCOPES.is_empty());
        assert_eq!(Wanted::check(&claims("notes:read notes:write", &["admin"])), Ok(()));
        assert_eq!(Wanted::check(&claims("notes:read notes:write", &[])), Err(Denied::Roles(&["admin"])));
        assert_eq!(Wanted::check(&claims("notes:read", &["admin"])), Err(Denied::Scopes(Write::SCOPES)));
    }
}
