//! The networks from which an account logged in lately, and how it knows a caller.

use uuid::Uuid;

use super::{CallerNetwork, DeviceCookie, KnownBy};

/// How long a login makes its network known, in milliseconds: 30 days.
pub const NETWORK_KNOWN_MS: i64 = 30 * 24 * 3_600_000;
/// The most networks that one account knows: those of its latest logins.
pub const MOST_KNOWN_NETWORKS: i64 = 10;
/// The most accounts that may know one network. From one that more logged in, strangers call as well.
pub const MOST_ACCOUNTS_OF_NETWORK: i64 = 3;
/// How often a login from the same network is noted, in milliseconds: once a day.
const NOTED_EVERY_MS: i64 = 24 * 3_600_000;

/// A keyed hash of a network, so that no address is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct NetworkTag(pub [u8; 16]);

/// The logins from one network: those of one account, and those of others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NetworkLogins {
    /// The account's own login that was noted last.
    pub own: Option<NotedLogin>,
    /// How many other accounts logged in from there in the last 30 days, counted up to [`MOST_ACCOUNTS_OF_NETWORK`].
    pub other_accounts: i64,
}

/// A login that was noted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotedLogin {
    /// The version of the credentials.
    pub version: i64,
    /// When, in milliseconds since the Unix epoch.
    pub at_ms: i64,
}

impl NetworkLogins {
    /// Whether the network is known to the account with this version of its credentials.
    pub fn is_known(self, version: i64, now_ms: i64) -> bool {
        let is_own =
            self.own.is_some_and(|own| own.version == version && own.is_younger(NETWORK_KNOWN_MS, now_ms));
        is_own && self.other_accounts < MOST_ACCOUNTS_OF_NETWORK
    }

    /// Whether a login now has to be noted.
    pub fn is_to_note(self, version: i64, now_ms: i64) -> bool {
        !self.own.is_some_and(|own| own.version == version && own.is_younger(NOTED_EVERY_MS, now_ms))
    }
}

impl NotedLogin {
    fn is_younger(self, age_ms: i64, now_ms: i64) -> bool {
        now_ms < self.at_ms.saturating_add(age_ms)
    }
}

/// An account whose password is guessed, as far as devices are concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GuessedUser {
    /// The user.
    pub id: Uuid,
    /// The version of the credentials.
    pub version: i64,
    /// Cookies that were set before do not count, in milliseconds since the Unix epoch.
    pub cookies_valid_from_ms: i64,
}

impl KnownBy {
    /// How an account knows a caller: by the cookie, if it names this user and is valid; else by the network, if it is known.
    pub fn decide(
        user: GuessedUser,
        cookie: Option<&DeviceCookie>,
        (network, logins): (CallerNetwork, NetworkLogins),
        now_ms: i64,
    ) -> Self {
        let knows =
            |cookie: &&DeviceCookie| cookie.knows(user.id, user.version, user.cookies_valid_from_ms, now_ms);
        match cookie.filter(knows) {
            Some(cookie) => Self::Cookie(cookie.id()),
            None if logins.is_known(user.version, now_ms) => Self::Network(network),
            None => Self::Nothing,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::DEVICE_KNOWN_MS;

    const NOW: i64 = 1_700_000_000_000;
    const ID: [u8; 16] = [9; 16];

    fn user() -> GuessedUser {
        GuessedUser { id: Uuid::from_u128(1), version: 2, cookies_valid_from_ms: NOW }
    }

    fn logins(version: i64, at_ms: i64, other_accounts: i64) -> NetworkLogins {
        NetworkLogins { own: Some(NotedLogin { version, at_ms }), other_accounts }
    }

    fn decide(cookie: Option<&DeviceCookie>, logins: NetworkLogins, now_ms: i64) -> KnownBy {
        KnownBy::decide(user(), cookie, (CallerNetwork::Unknown, logins), now_ms)
    }

    #[test]
    fn a_valid_cookie_comes_before_the_network_and_an_invalid_one_counts_as_none() {
        let known = logins(2, NOW, 0);
        let by_network = KnownBy::Network(CallerNetwork::Unknown);
        let empty = DeviceCookie::new(ID);
        let valid = empty.with(user().id, 2, NOW);
        assert_eq!(decide(Some(&valid), known, NOW), KnownBy::Cookie(ID));
        assert_eq!(
            decide(Some(&valid), NetworkLogins::default(), NOW + DEVICE_KNOWN_MS),
            KnownBy::Cookie(ID)
        );
        for cookie in [
            None,
            Some(&empty),
            Some(&empty.with(Uuid::from_u128(2), 2, NOW)),
            Some(&empty.with(user().id, 1, NOW)),
            Some(&empty.with(user().id, 2, NOW - 1)),
        ] {
            assert_eq!(decide(cookie, known, NOW), by_network);
            assert_eq!(decide(cookie, NetworkLogins::default(), NOW), KnownBy::Nothing);
        }
        assert_eq!(
            decide(Some(&valid), NetworkLogins::default(), NOW + DEVICE_KNOWN_MS + 1),
            KnownBy::Nothing
        );
    }

    #[test]
    fn a_network_is_known_for_thirty_days_to_three_accounts_at_most() {
        assert!(logins(2, NOW, 2).is_known(2, NOW + NETWORK_KNOWN_MS - 1));
        assert!(!logins(2, NOW, 2).is_known(2, NOW + NETWORK_KNOWN_MS));
        assert!(!logins(2, NOW, 3).is_known(2, NOW), "a network of four accounts");
        assert!(!logins(1, NOW, 0).is_known(2, NOW), "the password was changed");
        assert!(!NetworkLogins::default().is_known(2, NOW));
    }

    #[test]
    fn a_login_is_noted_once_a_day() {
        assert!(NetworkLogins::default().is_to_note(2, NOW));
        assert!(!logins(2, NOW, 0).is_to_note(2, NOW + NOTED_EVERY_MS - 1));
        assert!(logins(2, NOW, 0).is_to_note(2, NOW + NOTED_EVERY_MS));
        assert!(logins(1, NOW, 0).is_to_note(2, NOW));
    }
}
