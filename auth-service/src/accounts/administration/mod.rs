//! The use cases for managing users from the command line.
//!
//! Each change is one unit of work that holds the user's row lock. So a concurrent login or refresh either committed
//! before and is revoked with the rest, or waits for the lock and then sees the changed user.

mod change;
mod create;
mod find;
mod import;

use std::sync::Arc;

pub use self::create::{Creation, Draft, DraftRequest};
pub use self::import::{Import, Imported};
use crate::domain::Initiator;
use crate::storage::UnitOfWork;
use crate::tokens::CutRules;

/// The use cases for managing users. Cheap to clone.
#[derive(Clone)]
pub struct Administration {
    inner: Arc<Inner>,
}

struct Inner {
    unit_of_work: UnitOfWork,
    cuts: CutRules,
    initiator: Initiator,
}

impl Administration {
    /// Builds the use cases. `cuts` says what the end of a user's tokens has to cover, and audit events name
    /// `initiator`.
    pub fn new(unit_of_work: UnitOfWork, cuts: CutRules, initiator: Initiator) -> Self {
        Self { inner: Arc::new(Inner { unit_of_work, cuts, initiator }) }
    }
}
