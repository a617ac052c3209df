//! Settings that contain secrets and are never shown.

use std::cell::Cell;
use std::fmt;

use serde::de::{Deserializer, Error, Visitor};
use serde::{Deserialize, Serialize, Serializer};
use zeroize::Zeroizing;

const MASK: &str = "********";

thread_local! {
    static REVEALED: Cell<bool> = const { Cell::new(false) };
}

/// Serialises without masking secrets. Used only to turn the defaults into the lowest layer.
pub(super) fn revealed<T>(serialise: impl FnOnce() -> T) -> T {
    struct MaskAgain;
    impl Drop for MaskAgain {
        fn drop(&mut self) {
            REVEALED.set(false);
        }
    }
    REVEALED.set(true);
    let _mask_again = MaskAgain;
    serialise()
}

/// Removes what editors and copying leave around a secret: white space, line ends, a byte order mark.
pub fn trimmed(text: &str) -> &str {
    text.trim_matches(|character: char| character.is_whitespace() || character == '\u{feff}')
}

/// A secret. `Debug`, `Display` and `Serialize` give `********`, and its memory is wiped on drop.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Wraps a secret.
    pub fn new(secret: impl Into<String>) -> Self {
        Self(Zeroizing::new(secret.into()))
    }

    /// The secret itself, for the code that uses it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MASK)
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MASK)
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(if REVEALED.get() { self.expose() } else { MASK })
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Text).map(Zeroizing::new).map(|text| Self::new(trimmed(&text)))
    }
}

/// A URL that may contain a password. The password is masked wherever the URL is shown.
#[derive(Clone, PartialEq, Eq)]
pub struct UrlWithSecret(String);

impl UrlWithSecret {
    /// Wraps a URL as it was written.
    pub fn new(url: impl Into<String>) -> Self {
        Self(url.into())
    }

    /// The URL with its password, for the code that connects.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// The URL with its secrets masked: the password, and parameters whose name says that they are secret.
    pub fn masked(&self) -> String {
        mask(&self.0)
    }
}

/// Masks the secrets of a URL. A URL that cannot be split reliably is masked completely, because it is not known what
/// the user pasted, or where a password ends that was not percent-encoded.
fn mask(url: &str) -> String {
    mask_parts(url).unwrap_or_else(|| MASK.to_owned())
}

fn mask_parts(url: &str) -> Option<String> {
    let (scheme, rest) = url.split_once("://")?;
    if !scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.')) {
        return None;
    }
    // The last `@` ends the userinfo. It is looked for before any other separator: a password may contain `?` or `/`
    // although it should not, and then the text before that `@` is not a valid userinfo.
    let (userinfo, place) = match rest.rsplit_once('@') {
        Some((userinfo, place)) => (Some(userinfo), place),
        None => (None, rest),
    };
    let userinfo = match userinfo {
        Some(userinfo) if userinfo.contains(['/', '?', '#', '@']) => return None,
        Some(userinfo) => match userinfo.split_once(':') {
            Some((user, _)) => format!("{user}:{MASK}@"),
            // For schemes other than PostgreSQL, a text without `:` may be the password as well as a user name.
            None if scheme.starts_with("postgres") => format!("{userinfo}@"),
            None => format!("{MASK}@"),
        },
        None if is_host_list(place) => String::new(),
        None => return None,
    };
    Some(match place.split_once('?') {
        Some((path, query)) => format!("{scheme}://{userinfo}{path}?{}", mask_query(query)),
        None => format!("{scheme}://{userinfo}{place}"),
    })
}

/// Whether the text before the path is `host:port,…`, and not the start of a user name and password without their `@`.
fn is_host_list(place: &str) -> bool {
    let authority = place.split(['/', '?', '#']).next().unwrap_or_default();
    authority.split(',').all(|host| {
        let after_address = host.rsplit_once(']').map_or(host, |(_, rest)| rest);
        after_address.split_once(':').is_none_or(|(_, port)| port.bytes().all(|byte| byte.is_ascii_digit()))
    })
}

/// A secret that was not percent-encoded may contain `&`, so everything after a secret parameter is masked with it.
fn mask_query(query: &str) -> String {
    let mut shown = Vec::new();
    for pair in query.split('&') {
        match pair.split_once('=') {
            Some((name, _)) if is_secret_name(name) => {
                shown.push(format!("{name}={MASK}"));
                break;
            }
            Some(_) => shown.push(pair.to_owned()),
            None => shown.push(MASK.to_owned()),
        }
    }
    shown.join("&")
}

fn is_secret_name(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    ["pass", "secret", "token", "key"].iter().any(|part| name.contains(part))
}

impl fmt::Debug for UrlWithSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.masked())
    }
}

impl fmt::Display for UrlWithSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.masked())
    }
}

impl Serialize for UrlWithSecret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if REVEALED.get() {
            serializer.serialize_str(&self.0)
        } else {
            serializer.serialize_str(&self.masked())
        }
    }
}

impl<'de> Deserialize<'de> for UrlWithSecret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Text).map(|text| Self(trimmed(&text).to_owned()))
    }
}

/// Accepts a string only, not a value of another type: the file's parser reads `0123` or `1e9` without quotes as a
/// number, and the original text is lost.
struct Text;

impl Visitor<'_> for Text {
    type Value = String;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string in quotes")
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<String, E> {
        Ok(value.to_owned())
    }

    fn visit_string<E: Error>(self, value: String) -> Result<String, E> {
        Ok(value)
    }
}
