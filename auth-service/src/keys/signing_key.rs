//! A key that signs.
//!
//! `jsonwebtoken::encode` takes a key in DER form and parses it for every token, which costs more than the signature. It asks a
//! process-wide function for the signer, so a key that is already parsed can only reach it through a table that is process-wide
//! too. Therefore the compact form (RFC 7515 §3.1) is put together here, of the crate's header and a signature of the parsed key.
//! The crate verifies a signature of each key before the key is used.

use std::fmt;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, Header};
use serde::Serialize;
use shared_claims::claims::ACCESS_TOKEN_TYPE;
use shared_claims::verifier::PublicKey;

use super::{KeysError, Sealer};
use crate::storage::signing_keys::SigningKeyRow;

/// An RSA key that was decrypted and parsed once.
pub struct SigningKey {
    header: Header,
    /// The header of access tokens, encoded.
    encoded_header: String,
    kid: String,
    pair: RsaKeyPair,
}

impl SigningKey {
    /// Decrypts the private part of a stored key.
    pub fn open(row: &SigningKeyRow, sealer: &Sealer) -> Result<Self, KeysError> {
        let damaged = || KeysError::Damaged(format!("signing key {}", row.kid));
        let pkcs8 = sealer.open(&row.kid, &row.key_id, &row.private_key)?;
        let pair = RsaKeyPair::from_pkcs8(&pkcs8).map_err(|_| damaged())?;
        let mut header = Header::new(Algorithm::RS256);
        header.typ = Some(ACCESS_TOKEN_TYPE.to_owned());
        header.kid = Some(row.kid.clone());
        let key = Self { encoded_header: encode(&header)?, header, kid: row.kid.clone(), pair };
        key.test(row)?;
        Ok(key)
    }

    /// The key's id.
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// Signs an access token with these claims.
    pub fn sign(&self, claims: &impl Serialize) -> Result<String, KeysError> {
        self.sign_encoded(&self.encoded_header, claims)
    }

    /// Signs another kind of JWT. Its `typ` prevents that it is accepted as an access token.
    pub fn sign_as(&self, typ: &str, claims: &impl Serialize) -> Result<String, KeysError> {
        let header = Header { typ: Some(typ.to_owned()), ..self.header.clone() };
        self.sign_encoded(&encode(&header)?, claims)
    }

    fn sign_encoded(&self, header: &str, claims: &impl Serialize) -> Result<String, KeysError> {
        let claims = serde_json::to_vec(claims).map_err(|_| KeysError::Crypto)?;
        // Base64 makes four characters of three bytes.
        let length = header.len() + (claims.len() + self.pair.public_modulus_len()).div_ceil(3) * 4 + 8;
        let mut token = String::with_capacity(length);
        token.push_str(header);
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(claims, &mut token);
        let signature = self.signature(token.as_bytes())?;
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(signature, &mut token);
        Ok(token)
    }

    /// RS256 (RFC 7518 §3.3).
    fn signature(&self, message: &[u8]) -> Result<Vec<u8>, KeysError> {
        let mut signature = vec![0; self.pair.public_modulus_len()];
        self.pair
            .sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature)
            .map_err(|_| KeysError::Crypto)?;
        Ok(signature)
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
        let signature = URL_SAFE_NO_PAD.encode(self.signature(message.as_bytes())?);
        let decoding = jsonwebtoken::DecodingKey::from_rsa_components(&row.modulus, &row.exponent)
            .map_err(|error| failed(&error.to_string()))?;
        match jsonwebtoken::crypto::verify(&signature, message.as_bytes(), &decoding, Algorithm::RS256) {
            Ok(true) => Ok(()),
            Ok(false) => Err(failed("the signature does not verify")),
            Err(error) => Err(failed(&error.to_string())),
        }
    }
}

fn encode(header: &Header) -> Result<String, KeysError> {
    let header = serde_json::to_vec(header).map_err(|_| KeysError::Crypto)?;
    Ok(URL_SAFE_NO_PAD.encode(header))
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({})", self.kid)
    }
}
