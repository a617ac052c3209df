//! Authorization codes: a client exchanges a code from the hosted pages for tokens, once (RFC 6749 §4.1).

use std::collections::BTreeSet;

use aws_lc_rs::digest;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use shared_claims::scope::Scopes;
use subtle::ConstantTimeEq;
use uuid::Uuid;

use super::Device;
use super::opaque_secret::{OpaqueKind, OpaqueSecret, SecretHash, only_random};

/// A code in plain: 256 random bits.
pub type CodePlain = OpaqueSecret<AuthorizationCode>;

/// The hash of a code.
pub type CodeHash = SecretHash<AuthorizationCode>;

impl OpaqueKind for AuthorizationCode {
    const PREFIX: &'static str = "lkc_";
    type Content = ();

    fn read(bytes: &[u8]) -> Option<()> {
        only_random(bytes)
    }
}

/// The S256 challenge of RFC 7636 §4.2. The method `plain` is not supported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CodeChallenge(String);

impl CodeChallenge {
    /// Parses a challenge: the base64url of a SHA-256 digest.
    pub fn parse(text: &str) -> Option<Self> {
        let digest = URL_SAFE_NO_PAD.decode(text).ok()?;
        (digest.len() == 32).then(|| Self(text.to_owned()))
    }

    /// The challenge as it is stored.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether `verifier` has 43 to 128 unreserved characters (RFC 7636 §4.1) and hashes to this challenge.
    pub fn is_met_by(&self, verifier: &str) -> bool {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
        if !(43..=128).contains(&verifier.len()) || !verifier.bytes().all(allowed) {
            return false;
        }
        let digest = digest::digest(&digest::SHA256, verifier.as_bytes());
        URL_SAFE_NO_PAD.encode(digest).as_bytes().ct_eq(self.0.as_bytes()).into()
    }
}

/// A code as it stands in the database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthorizationCode {
    /// The client that may redeem it.
    pub client_id: String,
    /// The user who gave consent.
    pub user_id: Uuid,
    /// The version of the user's credentials when the code was issued.
    pub credentials_version: i64,
    /// The redirect URI it was sent to.
    pub redirect_uri: String,
    /// The PKCE challenge, if the client sent one.
    pub challenge: Option<CodeChallenge>,
    /// The scope of the consent.
    pub scope: Scopes,
    /// The resources of the consent.
    pub audience: Vec<String>,
    /// The `nonce` of OpenID Connect Core §3.1.2.1.
    pub nonce: Option<String>,
    /// How the user authenticated (RFC 8176).
    pub amr: Vec<String>,
    /// When the user authenticated.
    pub auth_time_s: i64,
    /// The browser in which consent was given.
    pub device: Device,
    /// When it was issued.
    pub issued_at_ms: i64,
    /// When it expires.
    pub expires_at_ms: i64,
    /// When it was redeemed.
    pub consumed_at_ms: Option<i64>,
    /// The session that its redemption began.
    pub session_id: Option<Uuid>,
    /// The browser session in which consent was given.
    pub browser_session_id: Option<Uuid>,
    /// Single members of the userinfo response that the consent covers, beside those of the scope.
    pub userinfo_claims: BTreeSet<String>,
}

/// The decision on a code that is presented.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Redemption {
    /// The code is valid: consume it and begin a session.
    Redeem,
    /// The code was redeemed before: end the session that it began (RFC 6749 §4.1.2).
    Reuse,
    /// The code is refused: it expired, belongs to another client or redirect URI, or the PKCE proof is wrong.
    Invalid,
}

/// What a client presents with a code.
#[derive(Clone, Copy, Debug)]
pub struct PresentedCode<'a> {
    /// The client's id.
    pub client_id: &'a str,
    /// The redirect URI that the client sends.
    pub redirect_uri: Option<&'a str>,
    /// The PKCE verifier.
    pub verifier: Option<&'a str>,
}

impl AuthorizationCode {
    /// Decides on a redemption at `now_ms`. A second redemption that proves the challenge ends the session of the first
    /// one: the code has leaked together with its proof. Without the proof it ends nothing, so that a code alone, as it
    /// stands in the history of a browser, cannot end a session. Where there is no challenge, the client that
    /// authenticated is the proof.
    pub fn classify(&self, claim: PresentedCode<'_>, now_ms: i64) -> Redemption {
        if claim.client_id != self.client_id {
            return Redemption::Invalid;
        }
        let proven = match (&self.challenge, claim.verifier) {
            (Some(challenge), Some(verifier)) => challenge.is_met_by(verifier),
            (None, None) => true,
            // RFC 9700 §2.1.1: a verifier without a challenge is a downgrade.
            (Some(_), None) | (None, Some(_)) => false,
        };
        if self.consumed_at_ms.is_some() {
            return if proven { Redemption::Reuse } else { Redemption::Invalid };
        }
        if !proven || claim.redirect_uri != Some(&*self.redirect_uri) || now_ms >= self.expires_at_ms {
            return Redemption::Invalid;
        }
        Redemption::Redeem
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 7636, appendix B.
    const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

    fn code(change: impl FnOnce(&mut AuthorizationCode)) -> AuthorizationCode {
        let mut code = AuthorizationCode {
            client_id: "spa".to_owned(),
            user_id: Uuid::nil(),
            credentials_version: 1,
            redirect_uri: "https://app.example/cb".to_owned(),
            challenge: CodeChallenge::parse(CHALLENGE),
            scope: Scopes::default(),
            audience: Vec::new(),
            nonce: None,
            amr: Vec::new(),
            auth_time_s: 0,
            device: Device::default(),
            issued_at_ms: 0,
            expires_at_ms: 60_000,
            consumed_at_ms: None,
            session_id: None,
            browser_session_id: None,
            userinfo_claims: BTreeSet::new(),
        };
        change(&mut code);
        code
    }

    const GOOD: PresentedCode<'_> = PresentedCode {
        client_id: "spa",
        redirect_uri: Some("https://app.example/cb"),
        verifier: Some(VERIFIER),
    };

    #[test]
    fn only_the_right_claim_redeems() {
        let fresh = code(|_| {});
        assert_eq!(fresh.classify(GOOD, 59_999), Redemption::Redeem);
        for (why, claim) in [
            ("another client", PresentedCode { client_id: "other", ..GOOD }),
            ("another address", PresentedCode { redirect_uri: Some("https://app.example/cb/"), ..GOOD }),
            ("no address", PresentedCode { redirect_uri: None, ..GOOD }),
            ("no verifier", PresentedCode { verifier: None, ..GOOD }),
            ("the challenge itself", PresentedCode { verifier: Some(CHALLENGE), ..GOOD }),
            ("a short verifier", PresentedCode { verifier: Some("short"), ..GOOD }),
        ] {
            assert_eq!(fresh.classify(claim, 0), Redemption::Invalid, "{why}");
        }
        assert_eq!(fresh.classify(GOOD, 60_000), Redemption::Invalid, "expired");
        let without = code(|code| code.challenge = None);
        assert_eq!(without.classify(PresentedCode { verifier: None, ..GOOD }, 0), Redemption::Redeem);
        assert_eq!(without.classify(GOOD, 0), Redemption::Invalid, "a verifier without a challenge");
    }

    #[test]
    fn a_second_use_by_its_client_is_a_reuse_and_by_another_is_nothing() {
        let used = code(|code| code.consumed_at_ms = Some(1));
        assert_eq!(used.classify(GOOD, 2), Redemption::Reuse);
        assert_eq!(used.classify(PresentedCode { redirect_uri: None, ..GOOD }, 2), Redemption::Reuse);
        assert_eq!(
            used.classify(PresentedCode { verifier: None, ..GOOD }, 2),
            Redemption::Invalid,
            "no proof"
        );
        assert_eq!(used.classify(GOOD, 70_000), Redemption::Reuse);
        assert_eq!(used.classify(PresentedCode { client_id: "other", ..GOOD }, 2), Redemption::Invalid);
    }

    #[test]
    fn a_challenge_is_a_digest_and_a_verifier_is_long_enough() {
        for bad in ["", "plain", &CHALLENGE[1..], &format!("{CHALLENGE}A"), VERIFIER.get(..42).unwrap()] {
            assert_eq!(CodeChallenge::parse(bad), None, "{bad:?}");
        }
        let challenge_of = |verifier: &str| {
            let digest = digest::digest(&digest::SHA256, verifier.as_bytes());
            CodeChallenge::parse(&URL_SAFE_NO_PAD.encode(digest)).unwrap()
        };
        let [shortest, longest] = ["a".repeat(43), "a".repeat(128)];
        assert!(challenge_of(&shortest).is_met_by(&shortest) && challenge_of(&longest).is_met_by(&longest));
        for bad in ["a".repeat(42), "a".repeat(129), format!("{}+", "a".repeat(43))] {
            assert!(!challenge_of(&bad).is_met_by(&bad), "{bad}");
        }
    }

    #[test]
    fn a_code_reads_back_and_is_shown_nowhere() {
        let plain = CodePlain::from_random([7; 32]);
        assert_eq!(CodePlain::parse(plain.expose()).map(|code| code.hash()), Some(plain.hash()));
        for text in ["", "lkc_", "lkr_AAAA", &plain.expose()[4..]] {
            assert!(CodePlain::parse(text).is_none(), "{text:?}");
        }
        assert!(!format!("{plain:?}").contains("Bwc"));
    }
}
