//! The names of counters: keyed hashes, so that no store holds an address or a name that somebody typed.

use std::fmt::Write as _;

use aws_lc_rs::hmac;

use super::Counted;
use crate::domain::{CallerNetwork, GuessBudget, GuessedAccount, KnownBy, LoginSource};

/// The name of a counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct CounterKey(pub(super) [u8; 16]);

/// What a counter counts, for metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Budget {
    /// Attempts to log in from one IP address.
    Address,
    /// Attempts to log in by one client with the password grant.
    Client,
    /// Guesses for one account, or for one identifier that nobody has.
    Account,
    /// Guesses for one account from a known device.
    Device,
    /// Registrations from one IP address.
    Registration,
    /// Mails from one IP address.
    Mail,
    /// Failed authentications of clients from one IP address.
    ClientFailure,
    /// Revocations by one client.
    Revocation,
}

impl Budget {
    pub(super) const ALL: [Self; 8] = [
        Self::Address,
        Self::Client,
        Self::Account,
        Self::Device,
        Self::Registration,
        Self::Mail,
        Self::ClientFailure,
        Self::Revocation,
    ];

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Address => "address",
            Self::Client => "client",
            Self::Account => "account",
            Self::Device => "device",
            Self::Registration => "registration",
            Self::Mail => "mail",
            Self::ClientFailure => "client_failure",
            Self::Revocation => "revocation",
        }
    }

    pub(super) fn of_source(source: &LoginSource) -> Self {
        match source {
            LoginSource::Network(_) => Self::Address,
            LoginSource::Client(_) => Self::Client,
        }
    }

    pub(super) fn of_guess(guess: &GuessBudget) -> Self {
        match guess.known_by {
            KnownBy::Nothing => Self::Account,
            KnownBy::Cookie(_) | KnownBy::Network(_) => Self::Device,
        }
    }

    pub(super) fn of_counted(counted: &Counted) -> Self {
        match counted {
            Counted::Registration(_) => Self::Registration,
            Counted::Mail(_) => Self::Mail,
            Counted::ClientFailure(_) => Self::ClientFailure,
            Counted::Revocation(_) => Self::Revocation,
        }
    }
}

pub(super) struct KeyedHash(hmac::Key);

impl KeyedHash {
    pub(super) fn new(key: &[u8; 32]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, key))
    }

    pub(super) fn of_source(&self, source: &LoginSource) -> CounterKey {
        self.of(&match source {
            LoginSource::Network(network) => format!("login {}", text(*network)),
            LoginSource::Client(client_id) => format!("client {client_id}"),
        })
    }

    pub(super) fn of_guess(&self, guess: &GuessBudget) -> CounterKey {
        let mut name = match guess.known_by {
            KnownBy::Nothing => "guess".to_owned(),
            KnownBy::Cookie(id) => format!("cookie {:032x}", u128::from_be_bytes(id)),
            KnownBy::Network(network) => format!("known {}", text(network)),
        };
        // Writing to a string cannot fail.
        let _ = match &guess.account {
            GuessedAccount::User { id, generation } => write!(name, " user {id} {generation}"),
            GuessedAccount::Nobody(identifier) => write!(name, " nobody {identifier}"),
        };
        self.of(&name)
    }

    pub(super) fn of_network(&self, network: CallerNetwork) -> CounterKey {
        self.of(&format!("network {}", text(network)))
    }

    pub(super) fn of_counted(&self, counted: &Counted) -> CounterKey {
        self.of(&match counted {
            Counted::Registration(network) => format!("registration {}", text(*network)),
            Counted::Mail(network) => format!("mail {}", text(*network)),
            Counted::ClientFailure(network) => format!("client-failure {}", text(*network)),
            Counted::Revocation(client_id) => format!("revocation {client_id}"),
        })
    }

    fn of(&self, name: &str) -> CounterKey {
        let tag = hmac::sign(&self.0, name.as_bytes());
        let mut key = [0; 16];
        for (byte, from) in key.iter_mut().zip(tag.as_ref()) {
            *byte = *from;
        }
        CounterKey(key)
    }
}

fn text(network: CallerNetwork) -> String {
    match network {
        CallerNetwork::Unknown => "unknown".to_owned(),
        CallerNetwork::Known(address) => address.to_string(),
    }
}
