//! Domain types: names, passwords, users, sessions, refresh tokens, clients, codes, and the life cycle of signing
//! keys. Types and their rules, without I/O.

mod attempt_counter;
mod audit;
mod authorization_code;
pub mod authorization_request;
mod bcrypt_hash;
mod browser_session;
mod caller_network;
mod client;
mod client_id;
mod client_secret;
mod consent;
pub mod database_id;
mod device_cookie;
mod device_name;
mod email;
mod grant_type;
mod guess_account;
mod guess_budget;
mod initiator;
mod known_network;
mod login_budget;
mod login_lock;
mod logout_notice;
mod logout_request;
mod logout_uri;
mod mail_message;
mod mail_request;
mod mailed_link;
mod minute_count;
mod opaque_secret;
mod password;
mod profile_claims;
mod queue_message;
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

pub use attempt_counter::{
    AttemptCounter, AttemptEnd, AttemptId, Begin, CounterRule, RefusedBy, Remaining, Stepped, UNDER_WAY_MS,
    Verdict, begin_in_all,
};
pub use audit::{AuditEvent, AuditKind};
pub use authorization_code::{
    AuthorizationCode, CodeChallenge, CodeHash, CodePlain, PresentedCode, Redemption,
};
pub use bcrypt_hash::{BCRYPT_SCHEME, BcryptHash, InvalidBcryptHash};
pub use browser_session::{
    BrowserSession, BrowserSessionLimits, Handle, HandleHash, PREVIOUS_HANDLE_MS, PreviousHandle, SignIn,
};
pub use caller_network::CallerNetwork;
pub use client::{ALLOWED_GRANTS, Client, InvalidClient, MAX_REFRESH_TTL_S, option_name};
pub use client_id::{ClientId, InvalidClientId};
pub use client_secret::{ClientSecret, ClientSecretHash, ClientSecretPlain};
pub use consent::Consent;
pub use device_cookie::{DEVICE_KNOWN_MS, DeviceCookie, InvalidDeviceCookie, MAX_DEVICE_USERS};
pub use device_name::{DeviceWords, device_name, device_words};
pub use email::{Email, InvalidEmail};
pub use grant_type::GrantType;
pub use guess_account::{GuessAccount, MOST_COOKIE_FAILURES};
pub use guess_budget::{GuessBudget, GuessedAccount, KnownBy, LoginSource, common_spelling};
pub use initiator::{Actor, Device, Initiator};
pub use known_network::{
    GuessedUser, MOST_ACCOUNTS_OF_NETWORK, MOST_KNOWN_NETWORKS, NETWORK_KNOWN_MS, NetworkLogins, NetworkTag,
    NotedLogin,
};
pub use login_budget::{BudgetReport, LoginBudget};
pub use login_lock::{BudgetName, CallerKind, LoginLock};
pub use logout_notice::{LOGOUT_TOKEN, LogoutNotice};
pub use logout_request::{InvalidLogoutRequest, LogoutRequest, MAX_LOGOUT_REQUEST_BYTES};
pub use logout_uri::{InvalidLogoutUri, LogoutUri};
pub use mail_message::MAIL;
pub use mail_request::{
    Identifier, InvalidIdentifier, MAX_IDENTIFIER_BYTES, MailRequest, NoticeKind, QueuedMail,
};
pub use mailed_link::{
    LinkPurpose, LinkState, LinkToken, LinkTokenHash, LinkUse, MOST_REPLAYS, MailedLink, REPLAY_MS,
};
pub use minute_count::{MINUTE_MS, MinuteCount, Throttled};
pub use opaque_secret::{OpaqueKind, OpaqueSecret, SecretHash};
pub use password::{Password, PasswordRule, PasswordRules};
pub use profile_claims::{InvalidClaims, ProfileClaims};
pub use queue_message::{
    AfterFailure, GIVE_UP_AFTER_MS, MessageState, NewMessage, QueuedMessage, TRIES_IN_LINE, stored_error,
};
pub use redirect_uri::{InvalidRedirectUri, RedirectOrigin, RedirectUri};
pub use refresh_token::{
    RefreshToken, RefreshTokenContent, RefreshTokenHash, RefreshTokenPlain, RefreshTokenUse,
};
pub use requested_claims::{RequestedClaims, USERINFO_CLAIMS};
pub use role_names::{InvalidRoles, RoleNames};
pub use session::{EndReason, Session, SessionLimits};
pub use session_page::{
    InvalidCursor, InvalidLimit, ListedSession, PageLimit, SessionCursor, SessionKind, SessionListing,
};
pub use user::{Credentials, NewUser, PasswordHash, User};
pub use username::{InvalidUsername, Username};
