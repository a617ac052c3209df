//! The private part of a signing key.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::signature::RsaKeyPair;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use rsa::pkcs8::PrivateKeyInfoRef;
use serde::Serialize;
use shared_claims::claims::ACCESS_TOKEN_TYPE;
use shared_claims::verifier::PublicKey;

use super::{KeysError, Sealer, provider};
use crate::storage::signing_keys::SigningKeyRow;

/// An RSA key that was decrypted and parsed once.
pub struct SigningKey {
    header: Header,
    kid: String,
    der: EncodingKey,
    // This reference keeps the parsed key in the provider's table.
    _parsed: Arc<RsaKeyPair>,
}

impl SigningKey {
    /// Decrypts the private part of a stored key.
    pub fn open(row: &SigningKeyRow, sealer: &Sealer) -> Result<Self, KeysError> {
        let damaged = || KeysError::Damaged(format!("signing key {}", row.kid));
        let pkcs8 = sealer.open(&row.kid, &row.key_id, &row.private_key)?;
        let parsed = RsaKeyPair::from_pkcs8(&pkcs8).map_err(|_| damaged())?;
        // PKCS#8 contains a PKCS#1 key, which is the DER form that `jsonwebtoken` expects.
        let inside = PrivateKeyInfoRef::try_from(pkcs8.as_slice()).map_err(|_| damaged())?;
        let der = inside.private_key.as_bytes();
        let mut header = Header::new(Algorithm::RS256);
        header.typ = Some(ACCESS_TOKEN_TYPE.to_owned());
        header.kid = Some(row.kid.clone());
        let key = Self {
            header,
            kid: row.kid.clone(),
            der: EncodingKey::from_rsa_der(der),
            _parsed: provider::remember(der, parsed),
        };
        key.test(row)?;
        Ok(key)
    }

    /// The key's id.
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// Signs an access token with these claims.
    pub fn sign(&self, claims: &impl Serialize) -> Result<String, KeysError> {
        jsonwebtoken::encode(&self.header, claims, &self.der).map_err(|_| KeysError::Crypto)
    }

    /// Signs another kind of JWT. Its `typ` prevents that it is accepted as an access token.
    pub fn sign_as(&self, typ: &str, claims: &impl Serialize) -> Result<String, KeysError> {
        let header = Header { typ: Some(typ.to_owned()), ..self.header.clone() };
        jsonwebtoken::encode(&header, claims, &self.der).map_err(|_| KeysError::Crypto)
    }

    /// Signs a test message and verifies it with the published key, so that a key pair whose parts do not match is
    /// never used.
    fn test(&self, row: &SigningKeyRow) -> Result<(), KeysError> {
        let failed = |why: &str| KeysError::SelfTest(format!("signing key {}: {why}", row.kid));
        let public = PublicKey::from_base64url(&row.kid, &row.modulus, &row.exponent)
            .map_err(|error| failed(&error.to_string()))?;
        if public.thumbprint() != row.kid {
            return Err(failed("its id is not its thumbprint"));
        }
        let message = "latchkey";
        let signature = jsonwebtoken::crypto::sign(message.as_bytes(), &self.der, Algorithm::RS256)
            .map_err(|error| failed(&error.to_string()))?;
        let decoding = jsonwebtoken::DecodingKey::from_rsa_components(&row.modulus, &row.exponent)
            .map_err(|error| failed(&error.to_string()))?;
        match jsonwebtoken::crypto::verify(&signature, message.as_bytes(), &decoding, Algorithm::RS256) {
            Ok(true) => Ok(()),
            Ok(false) => Err(failed("the signature does not verify")),
            Err(error) => Err(failed(&error.to_string())),
        }
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({})", self.kid)
    }
}
