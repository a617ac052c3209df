//! The initiator of a change, for the list of sessions and for audit events.

use super::{BudgetReport, DeviceCookie};

/// Who caused something.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Actor {
    /// The sender of the request: a user, or a client in its own name.
    Caller,
    /// An operator at the command line.
    Operator,
    /// The service itself.
    #[default]
    System,
}

impl Actor {
    /// The name in the database and in the log.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Caller => "caller",
            Self::Operator => "operator",
            Self::System => "system",
        }
    }
}

/// The device of a caller, as the request describes it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Device {
    /// The `User-Agent` header.
    pub user_agent: Option<String>,
    /// The client's address.
    pub address: Option<String>,
}

/// Who made a change, and from where. Audit events name it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Initiator {
    /// Who caused it.
    pub actor: Actor,
    /// The program and address it was done from.
    pub device: Device,
    /// What the device keeps of logins there, if it sent that.
    pub cookie: Option<DeviceCookie>,
    /// The id of the request.
    pub request_id: Option<String>,
    /// The language of the request (a BCP 47 tag), in which mail that it causes is written.
    pub language: Option<&'static str>,
    /// Tells the caller what is left of its attempts to log in.
    pub budget: BudgetReport,
}

impl Initiator {
    /// An operator at the command line.
    pub fn operator() -> Self {
        Self { actor: Actor::Operator, ..Self::default() }
    }

    /// The same, in this language (a BCP 47 tag).
    #[must_use]
    pub fn in_language(self, language: &'static str) -> Self {
        Self { language: Some(language), ..self }
    }

    /// The service itself.
    pub fn system() -> Self {
        Self::default()
    }
}
