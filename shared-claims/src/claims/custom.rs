//! Custom claims of a service.

use std::fmt::Debug;

use serde::de::DeserializeOwned;

/// The custom claims that a service reads from a token. Any type qualifies that deserialises from an object of the
/// payload's members for which [`Claims`](super::Claims) has no field. Implemented automatically for every such type.
///
/// ```
/// #[derive(Clone, Debug, serde::Deserialize)]
/// struct Tenant {
///     tenant: String,
/// }
///
/// fn is_custom<C: shared_claims::claims::CustomClaims>() {}
/// is_custom::<Tenant>();
/// is_custom::<()>();
/// ```
pub trait CustomClaims: DeserializeOwned + Clone + Debug + Send + Sync + 'static {}

impl<C: DeserializeOwned + Clone + Debug + Send + Sync + 'static> CustomClaims for C {}

/// The members that [`Claims`](super::Claims) reads itself. They are not part of the custom claims.
pub(crate) const REGISTERED: [&str; 15] = [
    "iss",
    "sub",
    "aud",
    "client_id",
    "scope",
    "iat",
    "nbf",
    "exp",
    "jti",
    "sid",
    "username",
    "roles",
    "auth_time",
    "amr",
    "acr",
];
