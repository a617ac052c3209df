//! The content of the cookie by which an account knows a device.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The most users that one cookie names.
pub const MAX_DEVICE_USERS: usize = 5;

/// How long a login makes a device known, in milliseconds: 180 days.
pub const DEVICE_KNOWN_MS: i64 = 180 * 24 * 3_600_000;

/// What a device keeps, sealed, after a login: an id of its own, and the users who logged in there. It gives no right to
/// anything. It decides only in which budget a wrong password is counted, so that strangers cannot use up the owner's.
///
/// The id stays when users are added. Otherwise somebody with an account of their own could log in between guesses and so
/// get a fresh budget for another account.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Content", into = "Content")]
pub struct DeviceCookie {
    id: Uuid,
    /// The latest login first. Each user once.
    users: Vec<DeviceUser>,
}

/// The cookie as it is sealed. The short names keep it short.
#[derive(Serialize, Deserialize)]
struct Content {
    #[serde(rename = "d")]
    id: Uuid,
    #[serde(rename = "u")]
    users: Vec<DeviceUser>,
}

/// A user who logged in on the device.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct DeviceUser {
    #[serde(rename = "i")]
    id: Uuid,
    /// The version of the credentials at the login.
    #[serde(rename = "v")]
    version: i64,
    /// When the user logged in, in milliseconds.
    #[serde(rename = "a")]
    added_at_ms: i64,
}

/// The content names more users than fit, or one of them twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the content is not that of a cookie for a known device")]
pub struct InvalidDeviceCookie;

impl std::fmt::Debug for DeviceCookie {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("DeviceCookie([redacted])")
    }
}

impl DeviceCookie {
    /// A device where nobody has logged in yet. The id is drawn at random.
    pub fn new(id: [u8; 16]) -> Self {
        Self { id: Uuid::from_bytes(id), users: Vec::new() }
    }

    /// The id of the device.
    pub fn id(&self) -> [u8; 16] {
        self.id.into_bytes()
    }

    /// The cookie after a login of this user with this version of the credentials. Users whose time is over leave, and where
    /// there is no room the one who logged in the longest ago.
    #[must_use]
    pub fn with(&self, user_id: Uuid, version: i64, now_ms: i64) -> Self {
        let new = DeviceUser { id: user_id, version, added_at_ms: now_ms };
        let others = self.users.iter().filter(|user| user.id != user_id && user.is_in_time(now_ms));
        let users = std::iter::once(&new).chain(others).take(MAX_DEVICE_USERS).copied().collect();
        Self { id: self.id, users }
    }

    /// Whether this user logged in here with this version of the credentials, not before `valid_from_ms`, and not too long ago.
    pub fn knows(&self, user_id: Uuid, version: i64, valid_from_ms: i64, now_ms: i64) -> bool {
        let user = self.users.iter().find(|user| user.id == user_id);
        user.is_some_and(|user| {
            user.version == version && user.added_at_ms >= valid_from_ms && user.is_in_time(now_ms)
        })
    }
}

impl DeviceUser {
    fn is_in_time(self, now_ms: i64) -> bool {
        now_ms <= self.added_at_ms.saturating_add(DEVICE_KNOWN_MS)
    }
}

impl TryFrom<Content> for DeviceCookie {
    type Error = InvalidDeviceCookie;

    fn try_from(Content { id, users }: Content) -> Result<Self, InvalidDeviceCookie> {
        let is_twice =
            |(at, user): (usize, &DeviceUser)| users.iter().skip(at + 1).any(|other| other.id == user.id);
        if users.len() > MAX_DEVICE_USERS || users.iter().enumerate().any(is_twice) {
            return Err(InvalidDeviceCookie);
        }
        Ok(Self { id, users })
    }
}

impl From<DeviceCookie> for Content {
    fn from(DeviceCookie { id, users }: DeviceCookie) -> Self {
        Self { id, users }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOW: i64 = 1_700_000_000_000;

    fn user(number: u128) -> Uuid {
        Uuid::from_u128(number)
    }

    fn knows(cookie: &DeviceCookie, number: u128) -> bool {
        cookie.knows(user(number), 1, 0, NOW)
    }

    #[test]
    fn a_device_knows_a_user_of_the_same_version_in_time() {
        let cookie = DeviceCookie::new([7; 16]).with(user(1), 3, NOW);
        let end = NOW + DEVICE_KNOWN_MS;
        assert!(cookie.knows(user(1), 3, 0, NOW) && cookie.knows(user(1), 3, NOW, end));
        assert!(!cookie.knows(user(2), 3, 0, NOW), "another user");
        assert!(!cookie.knows(user(1), 4, 0, NOW), "the password was changed");
        assert!(!cookie.knows(user(1), 3, NOW + 1, NOW), "all cookies of before are void");
        assert!(!cookie.knows(user(1), 3, 0, end + 1), "too long ago");
        assert!(cookie.with(user(1), 4, end).knows(user(1), 4, 0, end + 1), "a login renews it");
    }

    #[test]
    fn the_sixth_user_takes_the_place_of_the_oldest_login() {
        let cookie =
            (1..=5).fold(DeviceCookie::new([7; 16]), |cookie, number| cookie.with(user(number), 1, NOW));
        assert!((1..=5).all(|number| knows(&cookie, number)));
        let cookie = cookie.with(user(1), 1, NOW).with(user(6), 1, NOW);
        assert_eq!((1..=6).filter(|number| knows(&cookie, *number)).collect::<Vec<_>>(), [1, 3, 4, 5, 6]);
        assert_eq!(cookie.id(), [7; 16]);
        let later = cookie.with(user(7), 1, NOW + DEVICE_KNOWN_MS + 1);
        assert_eq!(later.users.len(), 1, "those whose time is over make room");
    }

    #[test]
    fn content_with_too_many_users_or_one_twice_is_refused() {
        let parse = |users: &[u128]| {
            let users = users.iter().map(|id| DeviceUser { id: user(*id), version: 1, added_at_ms: NOW });
            let content = Content { id: user(9), users: users.collect() };
            serde_json::from_slice::<DeviceCookie>(&serde_json::to_vec(&content).unwrap()).is_ok()
        };
        assert!(parse(&[]) && parse(&[1, 2, 3, 4, 5]));
        assert!(!parse(&[1, 2, 3, 4, 5, 6]) && !parse(&[1, 2, 1]));
        assert_eq!(format!("{:?}", DeviceCookie::new([1; 16])), "DeviceCookie([redacted])");
    }

    proptest! {
        /// After any logins the cookie names the last five users once each, keeps its id, and survives being sealed.
        #[test]
        fn a_cookie_names_who_logged_in_last(logins in prop::collection::vec((0_u128..8, 0_i64..3), 0..30)) {
            let mut cookie = DeviceCookie::new([5; 16]);
            let mut expected: Vec<(u128, i64)> = Vec::new();
            for (number, version) in logins {
                cookie = cookie.with(user(number), version, NOW);
                expected.retain(|(other, _)| *other != number);
                expected.insert(0, (number, version));
                expected.truncate(MAX_DEVICE_USERS);
            }
            let text = serde_json::to_string(&cookie).unwrap();
            prop_assert!(text.len() < 600);
            prop_assert_eq!(&serde_json::from_str::<DeviceCookie>(&text).unwrap(), &cookie);
            prop_assert_eq!(cookie.id(), [5; 16]);
            for number in 0..8 {
                for version in 0..3 {
                    let is_known = expected.contains(&(number, version));
                    prop_assert_eq!(cookie.knows(user(number), version, NOW, NOW), is_known);
                }
            }
        }

        #[test]
        fn any_text_is_read_or_refused_without_a_panic(text in ".{0,300}", times in any::<(i64, i64, i64)>()) {
            let _ = serde_json::from_str::<DeviceCookie>(&text);
            let (added, valid_from, now) = times;
            let cookie = DeviceCookie::new([0; 16]).with(user(1), 1, added);
            let is_known = cookie.knows(user(1), 1, valid_from, now);
            prop_assert!(!is_known || added >= valid_from);
        }
    }
}
