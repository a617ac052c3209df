//! A new RSA key: generation, PKCS#8 and the public members are all that the `rsa` crate does here.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rsa::PrivateKey;
use rsa::pkcs8::EncodePrivateKey;
use rsa::traits::PublicKeyParts;
use shared_claims::verifier::PublicKey;
use zeroize::Zeroizing;

use super::KeysError;
use crate::random::Random;

/// A key that was just made.
pub(super) struct Generated {
    pub(super) kid: String,
    pub(super) modulus: String,
    pub(super) exponent: String,
    pub(super) pkcs8: Zeroizing<Vec<u8>>,
}

/// Takes a while: on the blocking pool.
pub(super) fn generate(bits: usize, random: &Random) -> Result<Generated, KeysError> {
    let failed = |error: &dyn std::fmt::Display| KeysError::Generate(error.to_string());
    let key = PrivateKey::new(&mut random.fork(), bits).map_err(|error| failed(&error))?;
    let pkcs8 = key.to_pkcs8_der().map_err(|error| failed(&error))?;
    let (n, e) = (key.n_bytes(), key.e_bytes());
    let public = PublicKey::from_components("new", &n, &e).map_err(|error| failed(&error))?;
    Ok(Generated {
        kid: public.thumbprint(),
        modulus: URL_SAFE_NO_PAD.encode(n),
        exponent: URL_SAFE_NO_PAD.encode(e),
        pkcs8: Zeroizing::new(pkcs8.as_bytes().to_vec()),
    })
}
