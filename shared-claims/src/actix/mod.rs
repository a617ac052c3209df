//! Extractors and error answers for actix-web.

mod authenticated;
mod bearer;
mod credentials;
mod origin;
mod problem;

pub use authenticated::{Authenticated, Extraction};
pub use bearer::BearerAuth;
pub use origin::{InvalidOrigin, OriginRule};
pub use problem::ProblemResponse;

pub use crate::require::AnyScope;
