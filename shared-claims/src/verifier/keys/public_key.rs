//! An RSA public key that checks signatures.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::digest;
use aws_lc_rs::signature::{ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents};
use base64::Engine as _;

use crate::verifier::token::{MAX_KID_BYTES, STRICT_BASE64};

/// Why a key is not used.
///
/// ```
/// use shared_claims::verifier::{KeyRefused, PublicKey};
///
/// let of_512_bits = [0xff; 64];
/// let refused = PublicKey::from_components("weak", &of_512_bits, &[1, 0, 1]);
/// assert_eq!(refused.err(), Some(KeyRefused::Modulus));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyRefused {
    /// It is not a JSON object, or a member is repeated or has the wrong type.
    #[error("not a well-formed JWK")]
    Malformed,
    /// `kty` is not `RSA`.
    #[error("not an RSA key")]
    Type,
    /// `use`, `key_ops` or `alg` say that the key is not for RS256 signatures.
    #[error("not for RS256 signatures")]
    Purpose,
    /// The JWK contains the private key, which is therefore no longer secret.
    #[error("private members are published")]
    Private,
    /// `kid` is absent, empty or too long.
    #[error("no kid of 1 to 256 bytes")]
    Kid,
    /// Another key of the set has the same `kid`.
    #[error("several keys share this kid")]
    Shared,
    /// The modulus is even, or does not have 2048 to 8192 bits.
    #[error("the modulus must be odd, of 2048 to 8192 bits")]
    Modulus,
    /// The exponent is even, less than 3, or longer than 32 bits.
    #[error("the exponent must be odd, from 3, of at most 32 bits")]
    Exponent,
}

/// An RSA public key with its `kid`. Modulus and exponent have been checked.
///
/// ```
/// use shared_claims::verifier::PublicKey;
///
/// // The example of RFC 7638 §3.1.
/// let n = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n\
///          3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zg\
///          dAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFC\
///          ur-kEgU8awapJzKnqDKgw";
/// let key = PublicKey::from_base64url("2011-04-29", n, "AQAB")?;
/// assert_eq!(key.kid(), "2011-04-29");
/// assert_eq!(key.thumbprint(), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
/// # Ok::<(), shared_claims::verifier::KeyRefused>(())
/// ```
#[derive(Clone)]
pub struct PublicKey {
    kid: String,
    modulus: Vec<u8>,
    exponent: Vec<u8>,
    /// Parsed once. (`jsonwebtoken` parses the key for every signature, which makes a check half as long again. Tests
    /// compare our results with those of `jsonwebtoken`.)
    parsed: Arc<ParsedPublicKey>,
    fingerprint: [u8; 32],
}

impl PublicKey {
    /// Creates a key from modulus and exponent (big-endian bytes).
    ///
    /// # Errors
    /// [`KeyRefused`] for a key that is too weak to be used.
    pub fn from_components(
        kid: impl Into<String>,
        modulus: &[u8],
        exponent: &[u8],
    ) -> Result<Self, KeyRefused> {
        let kid = kid.into();
        if kid.is_empty() || kid.len() > MAX_KID_BYTES {
            return Err(KeyRefused::Kid);
        }
        let (modulus, exponent) = (without_leading_zeros(modulus), without_leading_zeros(exponent));
        let bits = modulus.first().map_or(0, |top| modulus.len() * 8 - top.leading_zeros() as usize);
        if !(2048..=8192).contains(&bits) || !is_odd(modulus) {
            return Err(KeyRefused::Modulus);
        }
        if exponent.len() > 4 || !is_odd(exponent) || exponent == [1] {
            return Err(KeyRefused::Exponent);
        }
        let parsed = RsaPublicKeyComponents { n: modulus, e: exponent }
            .to_parsed_public_key(&RSA_PKCS1_2048_8192_SHA256)
            .map_err(|_| KeyRefused::Malformed)?;
        let mut context = digest::Context::new(&digest::SHA256);
        context.update(exponent);
        context.update(modulus);
        let mut fingerprint = [0; 32];
        fingerprint.copy_from_slice(context.finish().as_ref());
        Ok(Self {
            kid,
            parsed: Arc::new(parsed),
            modulus: modulus.to_vec(),
            exponent: exponent.to_vec(),
            fingerprint,
        })
    }

    /// Creates a key from modulus and exponent in base64url, as in a JWK.
    ///
    /// # Errors
    /// [`KeyRefused`] for a key that is malformed or too weak to be used.
    pub fn from_base64url(kid: impl Into<String>, n: &str, e: &str) -> Result<Self, KeyRefused> {
        let decode = |text: &str| STRICT_BASE64.decode(text).map_err(|_| KeyRefused::Malformed);
        Self::from_components(kid, &decode(n)?, &decode(e)?)
    }

    /// The key's id.
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// The thumbprint of RFC 7638: SHA-256 over the required members, in base64url.
    pub fn thumbprint(&self) -> String {
        let encode = |bytes: &[u8]| STRICT_BASE64.encode(bytes);
        let members =
            format!(r#"{{"e":"{}","kty":"RSA","n":"{}"}}"#, encode(&self.exponent), encode(&self.modulus));
        encode(digest::digest(&digest::SHA256, members.as_bytes()).as_ref())
    }

    /// A hash that identifies this key independently of its `kid`.
    pub(crate) fn fingerprint(&self) -> &[u8; 32] {
        &self.fingerprint
    }

    /// Whether `signature` is a valid RS256 signature of this key over `message`.
    pub(crate) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        // The length check is step 1 of RFC 8017 §8.2.2. The parsed key accepts RS256 only.
        signature.len() == self.modulus.len() && self.parsed.verify_sig(message, signature).is_ok()
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PublicKey")
            .field("kid", &self.kid)
            .field("bits", &(self.modulus.len() * 8))
            .finish_non_exhaustive()
    }
}

fn without_leading_zeros(bytes: &[u8]) -> &[u8] {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    bytes.get(zeros..).unwrap_or_default()
}

fn is_odd(bytes: &[u8]) -> bool {
    bytes.last().is_some_and(|last| last % 2 == 1)
}
