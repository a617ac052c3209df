//! The files of the auth-service that are fuzzed, compiled without the rest of the service.
#![allow(dead_code, reason = "the fuzz targets use a part of each file")]

#[path = "../../src/fuzzing.rs"]
pub mod fuzzing;
#[path = "../../src/random.rs"]
mod random;
#[path = "../../src/domain/redirect_uri.rs"]
mod redirect_uri;
#[path = "../../src/seal/mod.rs"]
mod seal;

mod domain {
    pub(crate) use crate::redirect_uri::{RedirectOrigin, RedirectUri};
}
