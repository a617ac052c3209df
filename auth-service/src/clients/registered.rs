//! A client with what it authenticates with.

use crate::domain::{Client, ClientSecret, ClientSecretPlain};

/// A client and its secrets.
#[derive(Clone, Debug)]
pub struct RegisteredClient {
    /// The client, active or not.
    pub client: Client,
    /// Its secrets: none of a public one, two while they are exchanged; those that ended may be among them.
    pub secrets: Vec<ClientSecret>,
}

impl RegisteredClient {
    /// Whether `secret` is one of the secrets that are valid at `now_ms`. All are compared, in a time that does not tell
    /// how much of them is right.
    pub fn accepts(&self, secret: &ClientSecretPlain, now_ms: i64) -> bool {
        let presented = secret.hash();
        let valid = self.secrets.iter().filter(|known| known.is_valid(now_ms));
        valid.fold(false, |found, known| found | known.hash.matches(&presented))
    }
}
