//! Domain types: names, passwords, users, sessions, refresh tokens, clients, codes, and the life cycle of signing
//! keys. Types and their rules, without I/O.

mod audit;
mod authorization_code;
pub mod authorization_request;
mod bcrypt_hash;
mod browser_session;
mod client;
mod client_id;
mod client_secret;
mod consent;
mod device_name;
mod email;
mod grant_type;
mod initiator;
mod minute_count;
mod opaque_secret;
mod password;
mod profile_claims;
mod redirect_uri;
mod refresh_token;
mod requested_claims;
mod role_names;
mod session;
mod session_page;
pub mod sign_in_step;
pub mod signing_key;
mod user;
mod username;
mod uuid_shape;

pub use audit::{AuditEvent, AuditKind};
pub use authorization_code::{
    AuthorizationCode, CodeChallenge, CodeHash, CodePlain, PresentedCode, Redemption,
};
pub use bcrypt_hash::{BCRYPT_SCHEME, BcryptHash, InvalidBcryptHash};
pub use browser_session::{
    BrowserSession, BrowserSessionLimits, Handle, HandleHash, PREVIOUS_HANDLE_MS, PreviousHandle, SignIn,
};
pub use client::{ALLOWED_GRANTS, Client, InvalidClient, MAX_REFRESH_TTL_S, option_name};
pub use client_id::{ClientId, InvalidClientId};
pub use client_secret::{ClientSecret, ClientSecretHash, ClientSecretPlain};
pub use consent::Consent;
pub use device_name::device_name;
pub use email::{Email, InvalidEmail};
pub use grant_type::GrantType;
pub use initiator::{Actor, Device, Initiator};
pub use minute_count::{MINUTE_MS, MinuteCount, Throttled};
pub use opaque_secret::{OpaqueKind, OpaqueSecret, SecretHash};
pub use password::{Password, PasswordRule, PasswordRules};
pub use profile_claims::{InvalidClaims, ProfileClaims};
pub use redirect_uri::{InvalidRedirectUri, RedirectOrigin, RedirectUri};
pub use refresh_token::{
    RefreshToken, RefreshTokenContent, RefreshTokenHash, RefreshTokenPlain, RefreshTokenUse,
};
pub use requested_claims::{RequestedClaims, USERINFO_CLAIMS};
pub use role_names::{InvalidRoles, RoleNames};
pub use session::{EndReason, Session, SessionLimits};
pub use session_page::{InvalidCursor, InvalidLimit, PageLimit, SessionCursor};
pub use user::{Credentials, NewUser, PasswordHash, User};
pub use username::{InvalidUsername, Username};
