//! New signing keys: generated, or read from a file. The `rsa` crate is used for key generation only
//! (RUSTSEC-2023-0071); aws-lc parses keys and signs.

use aws_lc_rs::signature::{KeyPair, RsaKeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rsa::PrivateKey;
use rsa::pkcs8::EncodePrivateKey;
use rsa::pkcs8::der::SecretDocument;
use shared_claims::verifier::PublicKey;
use zeroize::Zeroizing;

use super::KeysError;
use crate::random::Random;

/// A key that is not in the set yet.
pub(super) struct NewKey {
    pub(super) kid: String,
    pub(super) modulus: String,
    pub(super) exponent: String,
    pub(super) pkcs8: Zeroizing<Vec<u8>>,
}

/// Generates a key. Slow: call it on the blocking pool.
pub(super) fn generate(bits: usize, random: &Random) -> Result<NewKey, KeysError> {
    let failed = |error: &dyn std::fmt::Display| KeysError::Generate(error.to_string());
    let key = PrivateKey::new(&mut random.fork(), bits).map_err(|error| failed(&error))?;
    let pkcs8 = key.to_pkcs8_der().map_err(|error| failed(&error))?;
    NewKey::from_pkcs8(pkcs8.as_bytes()).map_err(KeysError::Generate)
}

/// Reads an RSA key from PKCS#8 PEM (RFC 7468 §10).
pub(super) fn read_pem(pem: &str) -> Result<NewKey, KeysError> {
    const DECRYPT: &str = "it is encrypted: decrypt it with `openssl pkey -in FILE`, and give the output";
    let refused = |why: &str| Err(KeysError::Import(why.to_owned()));
    // OpenSSL's older formats use these headers for encrypted keys (RFC 1421 §4.6.1.1). PKCS#8 PEM has no headers.
    if pem.contains("\nProc-Type:") {
        return refused(DECRYPT);
    }
    let Ok((label, document)) = SecretDocument::from_pem(pem) else {
        return refused(
            "it holds no key in PEM form, which begins with -----BEGIN PRIVATE KEY-----; convert one in DER form with \
             `openssl pkey -inform DER -in FILE`",
        );
    };
    match label {
        "PRIVATE KEY" => NewKey::from_pkcs8(document.as_bytes()).map_err(KeysError::Import),
        "ENCRYPTED PRIVATE KEY" => refused(DECRYPT),
        "RSA PRIVATE KEY" => {
            refused("it is PKCS#1: convert it to PKCS#8 with `openssl pkcs8 -topk8 -nocrypt -in FILE`")
        }
        "CERTIFICATE" => refused("it is a CERTIFICATE and no private key: give the file of its key"),
        "PUBLIC KEY" | "RSA PUBLIC KEY" => refused("it is a public key: give the file of the private one"),
        "EC PRIVATE KEY" => refused("it is no RSA key: make one with `openssl genrsa 2048`"),
        _ => refused("it is no private key in PKCS#8 form"),
    }
}

impl NewKey {
    fn from_pkcs8(pkcs8: &[u8]) -> Result<Self, String> {
        let pair = RsaKeyPair::from_pkcs8(pkcs8)
            .map_err(|_| "it is no sound RSA key of 2048 bits or more in PKCS#8 form".to_owned())?;
        let public = pair.public_key();
        let n = public.modulus().big_endian_without_leading_zero();
        let e = public.exponent().big_endian_without_leading_zero();
        let checked = PublicKey::from_components("new", n, e).map_err(|error| error.to_string())?;
        Ok(Self {
            kid: checked.thumbprint(),
            modulus: URL_SAFE_NO_PAD.encode(n),
            exponent: URL_SAFE_NO_PAD.encode(e),
            pkcs8: Zeroizing::new(pkcs8.to_vec()),
        })
    }
}
