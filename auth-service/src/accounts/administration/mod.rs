//! The use cases for managing users from the command line, one file each.
//!
//! Each change is one transaction that holds the user's row lock and writes the audit event. A change that revokes
//! tokens appends its revocation fact last. So a concurrent login or refresh either committed before and is revoked
//! with the rest, or waits for the lock and then sees the changed user.

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

/// The parts that [`Administration`] is built from.
pub struct AdministrationParts {
    /// The database.
    pub database: Database,
    /// The clock.
    pub clock: SharedClock,
    /// The source of randomness.
    pub random: Random,
    /// The clock skew and token lifetime that a cut has to cover.
    pub cuts: CutRules,
    /// The origin that is written to audit events.
    pub origin: Origin,
}

/// The use cases for managing users. Cheap to clone.
#[derive(Clone)]
pub struct Administration {
    parts: Arc<AdministrationParts>,
}

impl Administration {
    /// Builds the use cases from their parts.
    pub fn new(parts: AdministrationParts) -> Self {
        Self { parts: Arc::new(parts) }
    }
}
