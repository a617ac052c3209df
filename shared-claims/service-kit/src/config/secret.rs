//! Settings that are never shown.

use std::cell::Cell;
use std::fmt;

use serde::de::{Deserializer, Error, Visitor};
use serde::{Deserialize, Serialize, Serializer};

const MASK: &str = "********";

thread_local! {
    static REVEALED: Cell<bool> = const { Cell::new(false) };
}

/// Serialises with secrets in the clear: only for the defaults, on their way into the layers.
pub(super) fn revealed<T>(serialise: impl FnOnce() -> T) -> T {
    struct Cover;
    impl Drop for Cover {
        fn drop(&mut self) {
            REVEALED.set(false);
        }
    }
    REVEALED.set(true);
    let _cover = Cover;
    serialise()
}

/// A secret: `Debug`, `Display` and `Serialize` give `********`.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Secret(String);

impl Secret {
    /// Wraps a secret.
    pub fn new(secret: impl Into<String>) -> Self {
        Self(secret.into())
    }

    /// The secret itself: for the one place that uses it.
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
        serializer.serialize_str(if REVEALED.get() { &self.0 } else { MASK })
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Text).map(Self)
    }
}

/// A URL that may carry a password, which is masked wherever the URL is shown.
#[derive(Clone, PartialEq, Eq)]
pub struct UrlWithSecret(String);

impl UrlWithSecret {
    /// Wraps a URL as it was written.
    pub fn new(url: impl Into<String>) -> Self {
        Self(url.into())
    }

    /// The URL with its password: for the one place that connects.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// The URL with what may be secret masked: the password, and parameters that are called like one.
    pub fn masked(&self) -> String {
        mask(&self.0)
    }
}

fn mask(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else {
        // No URL at all: nobody knows what was pasted here.
        return MASK.to_owned();
    };
    let (place, query) = match rest.split_once('?') {
        Some((place, query)) => (place, Some(query)),
        None => (rest, None),
    };
    // A password may hold `/` and `@` although it should not: the last `@` is the one that ends it.
    let place = match place.rsplit_once('@') {
        Some((credentials, host)) => match credentials.split_once(':') {
            Some((user, _)) => format!("{user}:{MASK}@{host}"),
            None => place.to_owned(),
        },
        None => place.to_owned(),
    };
    let query = query.map(|query| query.split('&').map(mask_parameter).collect::<Vec<_>>().join("&"));
    match query {
        Some(query) => format!("{scheme}://{place}?{query}"),
        None => format!("{scheme}://{place}"),
    }
}

fn mask_parameter(pair: &str) -> String {
    match pair.split_once('=') {
        Some((name, _)) if is_secret_name(name) => format!("{name}={MASK}"),
        _ => pair.to_owned(),
    }
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
        deserializer.deserialize_any(Text).map(Self)
    }
}

/// Takes a string and nothing that merely looks like one: `0123` or `1e9` without quotes was a number to the file's
/// parser, and what it was written as is lost.
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
