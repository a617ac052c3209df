//! Who is behind a change, and from where: for the list of sessions and the record of events.

/// Who caused something.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Actor {
    /// Whoever sent the request: a user, or a client in its own name.
    Caller,
    /// Whoever runs the command line.
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

/// What a caller says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Device {
    /// The `User-Agent` header.
    pub user_agent: Option<String>,
    /// The client's address.
    pub address: Option<String>,
}

/// Where a change comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// Who caused it.
    pub actor: Actor,
    /// With what, and where that is.
    pub device: Device,
    /// The id of the request.
    pub request_id: Option<String>,
}

impl Origin {
    /// The command line.
    pub fn operator() -> Self {
        Self { actor: Actor::Operator, ..Self::default() }
    }

    /// The service itself.
    pub fn system() -> Self {
        Self::default()
    }
}
