//! A client with its secrets.

use crate::domain::{Client, ClientSecret, ClientSecretPlain};

/// A client and its secrets.
#[derive(Clone, Debug)]
pub struct RegisteredClient {
    /// The client, active or not.
    pub client: Client,
    /// Its secrets: none for a public client, two during a rotation. Expired ones may be among them.
    pub secrets: Vec<ClientSecret>,
}

impl RegisteredClient {
    /// Whether `secret` is one of the secrets that are valid at `now_ms`. Compares with every secret in constant
    /// time, so that the time does not tell how much of a guess is right.
    pub fn accepts(&self, secret: &ClientSecretPlain, now_ms: i64) -> bool {
        let presented = secret.hash();
        let valid = self.secrets.iter().filter(|known| known.is_valid(now_ms));
        valid.fold(false, |found, known| found | (known.hash == presented))
    }
}
