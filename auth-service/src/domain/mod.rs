//! What the service is about: names, passwords, users, sessions, refresh tokens, the life of
//! signing keys. Types and their rules, no I/O.

mod email;
mod password;
mod refresh_token;
mod session;
pub mod signing_key;
mod user;
mod username;

pub use email::{Email, InvalidEmail};
pub use password::{Password, PasswordRule, PasswordRules};
pub use refresh_token::{Presented, RefreshToken, RefreshTokenHash, RefreshTokenPlain};
pub use session::{EndReason, NewSession, Session};
pub use user::{Credentials, NewUser, PasswordHash, User};
pub use username::{InvalidUsername, Username};
