//! Claims of a service's own.

use std::fmt::Debug;

use serde::de::DeserializeOwned;

/// What a service may read of a token beside the claims that every token has: anything that deserialises from an object
/// of the members for which [`Claims`](super::Claims) has no field. Implemented for every type that qualifies.
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

/// The members that are claims of every token, and so no custom ones.
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
