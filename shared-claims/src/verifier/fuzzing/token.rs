//! The fuzz check for tokens: arbitrary text, mutated valid tokens, and signed tokens with an arbitrary header and
//! claims.

use std::sync::{Arc, OnceLock};

use super::super::{KeySet, KeySetHandle, PublicKey, Verifier, VerifyError};
use super::claims::{AUDIENCE, ISSUER, NOW_S, are_good};
use super::{good_header, is_unusual};
use crate::claims::Claims;
use crate::clock::ManualClock;
use crate::testing::{SignatureKind, TestKey};
use base64::Engine as _;

const KID: &str = "k";
const MAX_TOKEN: usize = 16 * 1024;

/// Two verifiers that must give the same result: one with a cache, one without.
struct Pair {
    without_cache: Verifier,
    with_cache: Verifier,
    good: Vec<u8>,
}

/// An input. Its first byte selects the kind.
enum Input<'a> {
    /// `S`: header and claims, separated by a NUL byte, to be signed.
    Signed(&'a [u8], &'a [u8]),
    /// `M`: changes to a valid token, three bytes each: a position in two bytes and a value.
    Mutation(&'a [u8]),
    /// Anything else: the token itself.
    Token(&'a [u8]),
}

impl<'a> Input<'a> {
    fn of(data: &'a [u8]) -> Self {
        match data.split_first() {
            Some((b'S', rest)) => {
                let mut parts = rest.splitn(2, |byte| *byte == 0);
                Self::Signed(parts.next().unwrap_or_default(), parts.next().unwrap_or_default())
            }
            Some((b'M', rest)) => Self::Mutation(rest),
            _ => Self::Token(data),
        }
    }
}

/// Accepted is only what the issuer's key signed over a valid header and valid claims. A verifier with a cache gives
/// the same result as one without.
pub fn token(data: &[u8]) {
    let pair = pair();
    match Input::of(data) {
        Input::Signed(header, claims) => {
            let token = sign(header, claims);
            let accepted = pair.verify(&token).is_ok();
            let good = good_header(header).as_deref() == Some(KID) && are_good(claims);
            if accepted {
                assert!(good, "accepted");
            } else {
                let unusual = is_unusual(header) || is_unusual(claims) || token.len() > MAX_TOKEN;
                assert!(!good || unusual, "refused");
            }
        }
        Input::Mutation(changes) => {
            let token = mutated(&pair.good, changes);
            let Ok(text) = str::from_utf8(&token) else { return };
            assert_eq!(pair.verify(text).is_ok(), token == pair.good, "a mutated token");
        }
        Input::Token(bytes) => {
            let Ok(text) = str::from_utf8(bytes) else { return };
            assert!(pair.verify(text).is_err(), "a forged token");
        }
    }
}

/// Whether the input is a token that is accepted.
#[cfg(test)]
pub(crate) fn is_accepted(data: &[u8]) -> bool {
    match Input::of(data) {
        Input::Signed(header, claims) => pair().verify(&sign(header, claims)).is_ok(),
        Input::Mutation(_) | Input::Token(_) => false,
    }
}

impl Pair {
    fn verify(&self, token: &str) -> Result<Claims, VerifyError> {
        let now = |verifier: &Verifier| {
            let outcome = verifier.verify_now(token).expect("nothing is waited for");
            outcome.map(|verified| verified.claims().clone())
        };
        let first = now(&self.without_cache);
        for _ in 0..2 {
            assert_eq!(now(&self.with_cache), first);
        }
        first
    }
}

fn sign(header: &[u8], claims: &[u8]) -> String {
    let encode = |bytes: &[u8]| super::STRICT_BASE64.encode(bytes);
    let input = format!("{}.{}", encode(header), encode(claims));
    let signature = TestKey::shared(0).sign(SignatureKind::Rs256, input.as_bytes());
    format!("{input}.{}", encode(&signature))
}

fn mutated(token: &[u8], changes: &[u8]) -> Vec<u8> {
    let mut token = token.to_vec();
    for change in changes.chunks_exact(3) {
        let [high, low, byte] = change else { continue };
        match token.get_mut(usize::from(u16::from_be_bytes([*high, *low]))) {
            Some(place) => *place = *byte,
            // A position beyond the end shortens the token or appends a byte.
            None if *byte < 128 => token.truncate(token.len().saturating_sub(usize::from(*byte))),
            None => token.push(*byte - 128),
        }
    }
    token
}

fn pair() -> &'static Pair {
    static PAIR: OnceLock<Pair> = OnceLock::new();
    PAIR.get_or_init(|| {
        let jwk = TestKey::shared(0).jwk();
        let member = |name: &str| jwk.get(name).and_then(serde_json::Value::as_str).expect("a public key");
        let key = PublicKey::from_base64url(KID, member("n"), member("e")).expect("a good key");
        let keys = KeySetHandle::new();
        keys.set(KeySet::from_keys([key]));
        let clock = ManualClock::at(NOW_S * 1000);
        let build = |entries| {
            let building = Verifier::builder(ISSUER)
                .audience(AUDIENCE)
                .keys(keys.clone())
                .without_revocation()
                .token_cache_entries(entries)
                .clock(Arc::clone(&clock) as _)
                .build();
            let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
            runtime.block_on(building).expect("a verifier")
        };
        let header = format!(r#"{{"alg":"RS256","typ":"at+jwt","kid":"{KID}"}}"#);
        let claims = format!(
            r#"{{"iss":"{ISSUER}","sub":"u","aud":["{AUDIENCE}"],"client_id":"c","iat":{NOW_S},"exp":{},"jti":"01a20c9b-1111-7222-8333-444455556666"}}"#,
            NOW_S + 900
        );
        let good = sign(header.as_bytes(), claims.as_bytes()).into_bytes();
        Pair { without_cache: build(0), with_cache: build(4), good }
    })
}
