//! Signing for `jsonwebtoken` with keys that are parsed once.
//!
//! The crate's own signer parses the private key for every token, which costs more than the signature. Its provider
//! interface takes a function pointer and not a closure, so the parsed keys are in a process-wide table, which is
//! indexed by the SHA-256 of their DER form. The table holds weak references: a parsed key lives as long as its
//! [`SigningKey`](super::SigningKey).

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, PoisonError, RwLock, Weak};

use aws_lc_rs::digest;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use jsonwebtoken::crypto::{CryptoProvider, JwtSigner, aws_lc};
use jsonwebtoken::errors::Result;
use jsonwebtoken::signature::{Error as SignatureError, Signer};
use jsonwebtoken::{Algorithm, EncodingKey};

type Table = RwLock<HashMap<[u8; 32], Weak<RsaKeyPair>>>;

static PARSED: LazyLock<Table> = LazyLock::new(Table::default);

static PROVIDER: LazyLock<CryptoProvider> = LazyLock::new(|| CryptoProvider {
    signer_factory: signer,
    verifier_factory: aws_lc::DEFAULT_PROVIDER.verifier_factory,
    key_utils: aws_lc::DEFAULT_PROVIDER.key_utils.clone(),
});

/// Installs this provider in `jsonwebtoken` for the whole process. A provider that was installed before is kept.
pub(super) fn install() {
    if PROVIDER.install_default().is_err() {
        tracing::debug!("keys.provider_was_installed_before");
    }
}

fn fingerprint(der: &[u8]) -> [u8; 32] {
    let mut id = [0; 32];
    id.copy_from_slice(digest::digest(&digest::SHA256, der).as_ref());
    id
}

/// Puts a parsed key into the table, where it can be found while a reference to it exists. If the key is in the table
/// already, the existing one is returned.
pub(super) fn remember(der: &[u8], key: RsaKeyPair) -> Arc<RsaKeyPair> {
    let mut table = PARSED.write().unwrap_or_else(PoisonError::into_inner);
    table.retain(|_, key| key.strong_count() > 0);
    let id = fingerprint(der);
    if let Some(known) = table.get(&id).and_then(Weak::upgrade) {
        return known;
    }
    let key = Arc::new(key);
    table.insert(id, Arc::downgrade(&key));
    key
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the type of `CryptoProvider::signer_factory`")]
fn signer(algorithm: &Algorithm, key: &EncodingKey) -> Result<Box<dyn JwtSigner>> {
    if *algorithm == Algorithm::RS256 {
        let table = PARSED.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(key) = table.get(&fingerprint(key.as_bytes())).and_then(Weak::upgrade) {
            return Ok(Box::new(Parsed(key)));
        }
    }
    (aws_lc::DEFAULT_PROVIDER.signer_factory)(algorithm, key)
}

struct Parsed(Arc<RsaKeyPair>);

impl Signer<Vec<u8>> for Parsed {
    fn try_sign(&self, message: &[u8]) -> std::result::Result<Vec<u8>, SignatureError> {
        let mut signature = vec![0; self.0.public_modulus_len()];
        self.0
            .sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature)
            .map_err(SignatureError::from_source)?;
        Ok(signature)
    }
}

impl JwtSigner for Parsed {
    fn algorithm(&self) -> Algorithm {
        Algorithm::RS256
    }
}
