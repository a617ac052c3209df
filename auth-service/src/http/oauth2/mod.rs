//! The standards face (RFC 6749 and what belongs to it): what OAuth clients and other services call.

mod client;
mod credentials;
mod error;
mod form;
pub(super) mod introspect;
mod introspection;
pub(super) mod revoke;
pub(super) mod token;

pub use self::client::ClientAuth;
