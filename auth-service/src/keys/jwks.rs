//! The published key set (RFC 7517).

use aws_lc_rs::digest;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use rsa::BoxedUint;
use rsa::pkcs8::{EncodePublicKey, LineEnding};
use serde::Serialize;
use utoipa::ToSchema;

use super::KeysError;
use crate::storage::signing_keys::SigningKeyRow;

/// A public key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Jwk {
    /// Key type.
    #[schema(example = "RSA")]
    pub kty: &'static str,
    /// What the key is for.
    #[serde(rename = "use")]
    #[schema(example = "sig")]
    pub usage: &'static str,
    /// The one algorithm that it signs with.
    #[schema(example = "RS256")]
    pub alg: String,
    /// RFC 7638 thumbprint.
    pub kid: String,
    /// Modulus, base64url.
    pub n: String,
    /// Exponent, base64url.
    pub e: String,
}

impl Jwk {
    /// The public part of a stored key.
    pub fn of(row: &SigningKeyRow) -> Self {
        Self {
            kty: "RSA",
            usage: "sig",
            alg: row.algorithm.clone(),
            kid: row.kid.clone(),
            n: row.modulus.clone(),
            e: row.exponent.clone(),
        }
    }

    /// The key as PEM (`SubjectPublicKeyInfo`, RFC 5280 §4.1).
    pub fn to_pem(&self) -> Result<String, KeysError> {
        let damaged = || KeysError::Damaged(format!("signing key {}", self.kid));
        let number = |text: &str| {
            let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| damaged())?;
            Ok::<_, KeysError>(BoxedUint::from_be_slice_vartime(&bytes))
        };
        let key = rsa::PublicKey::new(number(&self.n)?, number(&self.e)?).map_err(|_| damaged())?;
        key.to_public_key_pem(LineEnding::LF).map_err(|_| damaged())
    }
}

/// The key set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct JwkSet {
    /// Next, active and retired keys.
    pub keys: Vec<Jwk>,
}

/// The key set as it is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublishedKeys {
    /// The JSON document.
    pub json: Bytes,
    /// Its entity tag, as in the header: with the quotes.
    pub etag: Bytes,
    keys: Vec<Jwk>,
}

impl PublishedKeys {
    /// Renders the document of these keys.
    pub(super) fn of(rows: &[SigningKeyRow]) -> Self {
        let set = JwkSet { keys: rows.iter().map(Jwk::of).collect() };
        // The document contains strings only, so serialising cannot fail.
        let json = Bytes::from(serde_json::to_vec(&set).unwrap_or_default());
        let hash = digest::digest(&digest::SHA256, &json);
        let etag = URL_SAFE_NO_PAD.encode(hash.as_ref().get(..18).unwrap_or_default());
        Self { json, etag: format!("\"{etag}\"").into(), keys: set.keys }
    }

    /// Finds the key with this id.
    pub fn find(&self, kid: &str) -> Option<&Jwk> {
        self.keys.iter().find(|key| key.kid == kid)
    }
}
