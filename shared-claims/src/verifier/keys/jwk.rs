//! Parses a JWK Set document (RFC 7517) key by key: a key that cannot be used is left out, the others are used.

use std::collections::HashMap;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use super::public_key::{KeyRefused, PublicKey};
use super::set::{InvalidKeySet, KeySet};

/// The members of a private RSA key (RFC 7518 §6.3.2) and of a symmetric key.
const PRIVATE_MEMBERS: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

/// How many refused keys of one set are logged.
const MAX_LOGGED: usize = 4;

impl KeySet {
    /// Parses a JWK Set. A key that cannot be used is left out and logged. If several keys share a `kid`, all of them
    /// are left out, even if only one of them can be used.
    ///
    /// # Errors
    /// [`InvalidKeySet`] when the document is not a JWK Set. A set without any usable key is not an error.
    pub fn from_json(json: &[u8]) -> Result<Self, InvalidKeySet> {
        // Serde would accept invalid UTF-8 in a member that is not read, and an array of the members instead of an
        // object.
        let text = str::from_utf8(json).map_err(|_| InvalidKeySet)?;
        if !text.trim_ascii_start().starts_with('{') {
            return Err(InvalidKeySet);
        }
        let document: Document = serde_json::from_str(text).map_err(|_| InvalidKeySet)?;
        let mut times_seen: HashMap<&str, usize> = HashMap::new();
        for kid in document.keys.iter().filter_map(Jwk::kid) {
            *times_seen.entry(kid).or_default() += 1;
        }
        let mut usable = Vec::new();
        let mut refused = Vec::new();
        for jwk in &document.keys {
            let shared = jwk.kid().and_then(|kid| times_seen.get(kid)).is_some_and(|times| *times > 1);
            match jwk.public_key() {
                Ok(_) if shared => refused.push((jwk, KeyRefused::Shared)),
                Ok(key) => usable.push(key),
                Err(reason) => refused.push((jwk, reason)),
            }
        }
        for (jwk, reason) in refused.iter().take(MAX_LOGGED) {
            let kid = jwk.kid().unwrap_or_default();
            let kid: String = kid.chars().take(64).flat_map(char::escape_debug).collect();
            tracing::warn!(kid, %reason, refused = refused.len(), "a key of the set is not used");
        }
        if usable.len() > Self::MAX_KEYS {
            tracing::warn!(keys = usable.len(), used = Self::MAX_KEYS, "the key set is too long");
        }
        Ok(Self::from_keys(usable))
    }
}

#[derive(Deserialize)]
struct Document {
    keys: Vec<Jwk>,
}

/// One entry of the set; `None` if it is not an object or has a repeated member.
struct Jwk(Option<Map<String, Value>>);

impl Jwk {
    fn kid(&self) -> Option<&str> {
        self.0.as_ref()?.get("kid")?.as_str()
    }

    fn public_key(&self) -> Result<PublicKey, KeyRefused> {
        let members = self.0.as_ref().ok_or(KeyRefused::Malformed)?;
        let text = |name: &str| members.get(name).and_then(Value::as_str);
        // The member is absent or has exactly this value. `null` and other types count as another value.
        let absent_or = |name: &str, wanted: &str| members.get(name).is_none_or(|value| value == wanted);
        if text("kty") != Some("RSA") {
            return Err(KeyRefused::Type);
        }
        if PRIVATE_MEMBERS.iter().any(|name| members.contains_key(*name)) {
            return Err(KeyRefused::Private);
        }
        let verifies = members.get("key_ops").is_none_or(|operations| {
            operations.as_array().is_some_and(|operations| operations.iter().any(|name| name == "verify"))
        });
        if !absent_or("use", "sig") || !absent_or("alg", "RS256") || !verifies {
            return Err(KeyRefused::Purpose);
        }
        let kid = text("kid").ok_or(KeyRefused::Kid)?;
        let (n, e) = text("n").zip(text("e")).ok_or(KeyRefused::Malformed)?;
        PublicKey::from_base64url(kid, n, e)
    }
}

impl<'de> Deserialize<'de> for Jwk {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(JwkVisitor)
    }
}

struct JwkVisitor;

impl<'de> Visitor<'de> for JwkVisitor {
    type Value = Jwk;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JWK")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Jwk, A::Error> {
        let mut members = Map::new();
        let mut twice = false;
        while let Some((name, value)) = map.next_entry::<String, Value>()? {
            twice |= members.insert(name, value).is_some();
        }
        Ok(Jwk((!twice).then_some(members)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Jwk, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Jwk(None))
    }

    fn visit_str<E>(self, _: &str) -> Result<Jwk, E> {
        Ok(Jwk(None))
    }

    fn visit_bool<E>(self, _: bool) -> Result<Jwk, E> {
        Ok(Jwk(None))
    }

    fn visit_i64<E>(self, _: i64) -> Result<Jwk, E> {
        Ok(Jwk(None))
    }

    fn visit_u64<E>(self, _: u64) -> Result<Jwk, E> {
        Ok(Jwk(None))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Jwk, E> {
        Ok(Jwk(None))
    }

    fn visit_unit<E>(self) -> Result<Jwk, E> {
        Ok(Jwk(None))
    }
}
