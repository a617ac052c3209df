//! Revocation: what is revoked, and how a verifier knows.

mod fact;

pub use fact::{Fact, Kind, Marks};

use std::future::Future;
use std::pin::Pin;

/// What a revocation source says of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing revoked concerns it, as of a moment within the bound.
    Live,
    /// A fact concerns it.
    Revoked(Kind),
    /// The source cannot know now: the verifier refuses (or, if it was told so, accepts and counts).
    Unknown,
}

/// A source of one's own, for services that keep the truth themselves.
pub trait RevocationCheck: Send + Sync + 'static {
    /// Says what is known of the token that `marks` identify.
    fn check<'a>(&'a self, marks: &'a Marks<'a>) -> Pin<Box<dyn Future<Output = Verdict> + Send + 'a>>;
}
