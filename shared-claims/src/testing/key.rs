//! Signing keys for tests.

use std::sync::OnceLock;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{
    KeyPair as _, RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RSA_PSS_SHA256, RsaEncoding,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::token::TokenBuilder;
use crate::clock::Clock;
use crate::verifier::PublicKey;

/// A signature algorithm.
///
/// ```
/// use shared_claims::testing::{SignatureKind, TestKey};
///
/// assert_eq!(TestKey::shared(0).sign(SignatureKind::Ps256, b"message").len(), 256);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignatureKind {
    /// PKCS#1 v1.5 with SHA-256: the only one that a verifier accepts.
    Rs256,
    /// PKCS#1 v1.5 with SHA-384.
    Rs384,
    /// PKCS#1 v1.5 with SHA-512.
    Rs512,
    /// PSS with SHA-256.
    Ps256,
}

/// An RSA key pair.
///
/// ```
/// use shared_claims::testing::TestKey;
///
/// let (key, another) = (TestKey::shared(0), TestKey::generate());
/// assert_ne!(key.kid(), another.kid());
/// assert_eq!(key.jwk()["kid"], key.kid());
/// assert_eq!(key.public().thumbprint(), key.kid());
/// assert_eq!(key.modulus().len(), 256);
/// ```
#[derive(Debug)]
pub struct TestKey {
    pair: KeyPair,
    public: PublicKey,
    modulus: Vec<u8>,
    exponent: Vec<u8>,
}

impl TestKey {
    /// A new key of 2048 bits, whose `kid` is its thumbprint.
    pub fn generate() -> Self {
        let pair = KeyPair::generate(KeySize::Rsa2048).expect("a key is generated");
        let modulus = pair.public_key().modulus().big_endian_without_leading_zero().to_vec();
        let exponent = pair.public_key().exponent().big_endian_without_leading_zero().to_vec();
        let unnamed = PublicKey::from_components("unnamed", &modulus, &exponent).expect("a good key");
        let public =
            PublicKey::from_components(unnamed.thumbprint(), &modulus, &exponent).expect("a good key");
        Self { pair, public, modulus, exponent }
    }

    /// One of four keys that are generated once per process, because generating a key takes long.
    pub fn shared(index: usize) -> &'static Self {
        static KEYS: [OnceLock<TestKey>; 4] = [const { OnceLock::new() }; 4];
        KEYS.get(index).expect("four keys are shared").get_or_init(Self::generate)
    }

    /// The key's id.
    pub fn kid(&self) -> &str {
        self.public.kid()
    }

    /// The public key.
    pub fn public(&self) -> PublicKey {
        self.public.clone()
    }

    /// The modulus, big-endian.
    pub fn modulus(&self) -> &[u8] {
        &self.modulus
    }

    /// The public key as a JWK.
    pub fn jwk(&self) -> Value {
        json!({
            "kty": "RSA", "use": "sig", "alg": "RS256", "kid": self.kid(),
            "n": URL_SAFE_NO_PAD.encode(&self.modulus), "e": URL_SAFE_NO_PAD.encode(&self.exponent),
        })
    }

    /// Signs `message`.
    pub fn sign(&self, kind: SignatureKind, message: &[u8]) -> Vec<u8> {
        let encoding: &'static dyn RsaEncoding = match kind {
            SignatureKind::Rs256 => &RSA_PKCS1_SHA256,
            SignatureKind::Rs384 => &RSA_PKCS1_SHA384,
            SignatureKind::Rs512 => &RSA_PKCS1_SHA512,
            SignatureKind::Ps256 => &RSA_PSS_SHA256,
        };
        let mut signature = vec![0; self.pair.public_modulus_len()];
        self.pair.sign(encoding, &SystemRandom::new(), message, &mut signature).expect("a message is signed");
        signature
    }

    /// A builder for an access token that a verifier of this issuer and audience accepts. A test can change it before
    /// it is signed.
    pub fn token(&'static self, issuer: &str, audience: &str, clock: &dyn Clock) -> TokenBuilder {
        TokenBuilder::new(self, issuer, audience, clock)
    }
}
