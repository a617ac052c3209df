//! The macros that declare a requirement.

/// Declares a type that requires one or more scopes. A string that is not a scope (RFC 6749 §3.3) does not compile.
///
/// ```
/// use shared_claims::require::Requirement;
/// use shared_claims::required_scope;
///
/// required_scope!(pub NotesWrite, "notes:read", "notes:write");
///
/// assert_eq!(NotesWrite::SCOPES, ["notes:read", "notes:write"]);
/// ```
///
/// ```compile_fail
/// shared_claims::required_scope!(TwoInOne, "notes:read notes:write");
/// ```
#[macro_export]
macro_rules! required_scope {
    ($(#[$attribute:meta])* $visibility:vis $name:ident, $($scope:literal),+ $(,)?) => {
        $(#[$attribute])*
        #[doc = concat!("Needs the scope" $(, " `", $scope, "`")+, ".")]
        #[derive(Clone, Copy, Debug)]
        $visibility struct $name;

        impl $crate::require::Requirement for $name {
            const SCOPES: &'static [&'static str] = &[$($scope),+];
        }

        const _: () = {
            $(assert!($crate::scope::is_scope($scope), "a scope has no spaces, quotes or backslashes");)+
        };
    };
}

/// Declares a type that requires one or more roles.
///
/// ```
/// use shared_claims::require::Requirement;
/// use shared_claims::required_role;
///
/// required_role!(pub Admin, "admin");
///
/// assert_eq!(Admin::ROLES, ["admin"]);
/// ```
#[macro_export]
macro_rules! required_role {
    ($(#[$attribute:meta])* $visibility:vis $name:ident, $($role:literal),+ $(,)?) => {
        $(#[$attribute])*
        #[doc = concat!("Needs the role" $(, " `", $role, "`")+, ".")]
        #[derive(Clone, Copy, Debug)]
        $visibility struct $name;

        impl $crate::require::Requirement for $name {
            const ROLES: &'static [&'static str] = &[$($role),+];
        }
    };
}
