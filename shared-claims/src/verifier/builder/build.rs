//! Builds a verifier from its settings.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use base64::Engine as _;
use url::Url;

use super::VerifierBuilder;
use crate::claims::CustomClaims;
use crate::jitter::Jitter;
use crate::revocation::RevocationSource;
use crate::revocation::contract::MAX_LEEWAY_S;
use crate::verifier::cache::TokenCache;
use crate::verifier::check::{Inner, Verifier};
use crate::verifier::error::BuildError;
use crate::verifier::keys::{Fetcher, KeySetRefresher, KeySource, ListChanges, PublicKey, RefreshSettings};
use crate::verifier::metrics::Counters;
use crate::verifier::payload::{Audience, Expected};
use crate::verifier::token::STRICT_BASE64;

/// How long `build` waits for the first key set.
const FIRST_REFRESH_LIMIT: Duration = Duration::from_secs(2);

impl<C: CustomClaims, const HAS_POLICY: bool> VerifierBuilder<C, HAS_POLICY> {
    /// Builds the verifier. Unless [`keys`](Self::keys) was called, it requests the issuer's keys and waits up to two seconds
    /// for them. If the issuer is unreachable, the verifier is built all the same: it retries in the background and cannot
    /// verify a token until it has the keys.
    ///
    /// # Errors
    /// [`BuildError`] for settings that are missing or not valid.
    pub async fn build(self) -> Result<Verifier<C>, BuildError> {
        // RFC 8414 §2: an issuer has no query and no fragment.
        if web_url(&self.issuer).is_none() || self.issuer.contains(['?', '#']) {
            return Err(BuildError::Issuer(self.issuer));
        }
        let audience = self.audience.filter(|audience| *audience != Audience::This(String::new()));
        let audience = audience.ok_or(BuildError::NoAudience)?;
        let Ok(leeway_seconds @ 0..=MAX_LEEWAY_S) = i64::try_from(self.leeway_seconds) else {
            return Err(BuildError::Leeway(self.leeway_seconds));
        };
        if !rs256_works() {
            return Err(BuildError::SelfTest);
        }
        let revocation = self.source.start(&self.issuer, &self.clock, self.proxy.as_ref())?;
        let counters = Arc::new(Counters::new(self.observer));
        let keys = if let Some(handle) = self.keys {
            KeySource::Handle(handle)
        } else {
            let jwks_url = match self.jwks_url {
                Some(text) => Some(web_url(&text).ok_or(BuildError::JwksUrl(text))?),
                None => None,
            };
            let fetcher = Fetcher::new(self.issuer.clone(), jwks_url, self.proxy.as_ref())
                .map_err(|error| BuildError::Http(error.to_string()))?;
            let settings = RefreshSettings {
                cooldown: self.jwks_cooldown,
                max_age: self.jwks_max_age,
                jitter: Jitter::system(),
            };
            let (clock, counters) = (Arc::clone(&self.clock), Arc::clone(&counters));
            let list_changes = list_changes(revocation.clone());
            let refresher = KeySetRefresher::start(fetcher, settings, clock, counters, list_changes);
            refresher.wait_for_first(FIRST_REFRESH_LIMIT).await;
            KeySource::Fetched(refresher)
        };
        Ok(Verifier::new(Inner {
            expected: Expected {
                issuer: self.issuer,
                audience,
                leeway_seconds,
                accepts_expired: self.accepts_expired,
                custom: self.custom,
            },
            keys,
            revocation,
            on_outage: self.on_outage,
            cache: TokenCache::new(self.token_cache_entries),
            policies: self.policies,
            clock: self.clock,
            counters,
            outage_logged_ms: AtomicU64::new(0),
        }))
    }
}

/// Parses an `http` or `https` URL. Plain `http` is for an issuer on the same machine or in a private network.
fn web_url(text: &str) -> Option<Url> {
    Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
}

// The example of RFC 7515 appendix A.2, for the self-test.
const MODULUS: &str = "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ";
const SIGNED: &str = "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
const SIGNATURE: &str = "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw";

/// Tests at the start that RS256 works in this process: a valid signature is accepted and an invalid one refused.
fn rs256_works() -> bool {
    let (Ok(key), Ok(good)) =
        (PublicKey::from_base64url("self-test", MODULUS, "AQAB"), STRICT_BASE64.decode(SIGNATURE))
    else {
        return false;
    };
    let bad: Vec<u8> = good.iter().map(|byte| byte ^ 1).collect();
    key.verifies(SIGNED.as_bytes(), &good) && !key.verifies(SIGNED.as_bytes(), &bad)
}

/// How often this source found another list than before. The first list counts: the key set that is there by then may have been
/// read before the issuer's database was restored.
fn list_changes(source: Option<RevocationSource>) -> ListChanges {
    let status = move || source.as_ref().and_then(RevocationSource::status);
    Box::new(move || status().map_or(0, |status| status.lists.wrapping_add(status.resyncs)))
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_example_of_the_rfc_is_accepted() {
        assert!(super::rs256_works());
    }
}
