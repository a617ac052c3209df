//! What an operator does with users: a file for each use case.
//!
//! Each change is one transaction under the user's lock, with its record. What ends tokens appends its fact last: a login or
//! refresh under way either committed before, and is ended with the rest, or waits and then finds the user changed.

mod change;
mod create;
mod delete;
mod import;
mod look_up;
mod revoke_tokens;
mod set_password;
mod set_roles;
mod switch;

use std::sync::Arc;

use service_kit::database::Database;
use shared_claims::clock::SharedClock;

pub use self::change::Changed;
pub use self::create::{Creation, Draft, DraftRequest};
pub use self::import::{Import, Imported};
use crate::domain::Origin;
use crate::random::Random;
use crate::tokens::CutRules;

/// What [`Administration`] works with.
pub struct AdministrationParts {
    /// The truth.
    pub database: Database,
    /// The time.
    pub clock: SharedClock,
    /// Randomness.
    pub random: Random,
    /// What a cut has to cover.
    pub cuts: CutRules,
    /// Who does all this.
    pub origin: Origin,
}

/// The use cases. Cheap to clone.
#[derive(Clone)]
pub struct Administration {
    parts: Arc<AdministrationParts>,
}

impl Administration {
    /// The use cases over these parts.
    pub fn new(parts: AdministrationParts) -> Self {
        Self { parts: Arc::new(parts) }
    }
}
