//! Seals short values that leave the service and come back: the sign-in in progress that a page carries, and the cookie by
//! which an account knows a device.
//!
//! A sealed value is encrypted and authenticated, so that nobody else can read, make or change one. It is bound to one
//! purpose: what was sealed for one purpose does not open for another. A seal proves only that this service wrote the
//! value. Whoever opens one still has to check everything that may have changed since.
//!
//! The key is derived from the encryption key and is used for nothing else. Values open under each encryption key that is
//! configured, so that a rotation of the encryption key does not interrupt anybody's sign-in.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::aead::{AES_256_GCM_SIV, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::hkdf;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::random::Random;

/// The longest text that is opened, in bytes. A longer one cannot be one of ours: an authorization request has at most
/// 4 KiB.
const MAX_LENGTH: usize = 16 * 1024;

/// What a sealed value is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// A sign-in in progress: sign-in, registration, and the choice of an account.
    SignIn,
    /// A consent page.
    Consent,
    /// The page that asks before a native application continues.
    Continue,
    /// The page that asks before a sign-out.
    SignOut,
    /// What a page says that was done.
    Notice,
    /// Who logged in on a device.
    Device,
}

impl Purpose {
    /// The associated data of the encryption. Changing a text makes all pages that are open unusable, or all devices unknown.
    fn associated_data(self) -> &'static [u8] {
        match self {
            Self::SignIn => b"latchkey page v1: sign-in",
            Self::Consent => b"latchkey page v1: consent",
            Self::Continue => b"latchkey page v1: continue",
            Self::SignOut => b"latchkey page v1: sign-out",
            Self::Notice => b"latchkey page v1: notice",
            Self::Device => b"latchkey cookie v1: device",
        }
    }
}

/// Sealing failed. It never does with valid keys.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("a value cannot be sealed")]
pub struct SealError;

/// Seals and opens values. Cheap to clone.
#[derive(Clone)]
pub struct Seals {
    keys: Arc<[LessSafeKey]>,
    random: Random,
}

impl fmt::Debug for Seals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seals([redacted])")
    }
}

impl Seals {
    /// Derives the keys from the encryption keys: the current one, which also seals, and then the others.
    ///
    /// # Errors
    /// [`SealError`] if there is no key.
    pub fn new<'a>(
        encryption_keys: impl IntoIterator<Item = &'a [u8; 32]>,
        random: Random,
    ) -> Result<Self, SealError> {
        let keys: Vec<_> = encryption_keys.into_iter().map(derive).collect::<Result<_, _>>()?;
        if keys.is_empty() {
            return Err(SealError);
        }
        Ok(Self { keys: keys.into(), random })
    }

    /// Seals a value for a purpose, as text that a URL can carry.
    ///
    /// # Errors
    /// [`SealError`] if the value cannot be written as JSON.
    pub fn seal(&self, purpose: Purpose, value: &impl Serialize) -> Result<String, SealError> {
        let key = self.keys.first().ok_or(SealError)?;
        let nonce: [u8; NONCE_LEN] = self.random.bytes();
        let mut text = serde_json::to_vec(value).map_err(|_| SealError)?;
        let associated = Aad::from(purpose.associated_data());
        key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), associated, &mut text)
            .map_err(|_| SealError)?;
        let mut sealed = nonce.to_vec();
        sealed.append(&mut text);
        Ok(URL_SAFE_NO_PAD.encode(sealed))
    }

    /// Opens a value that was sealed for this purpose; `None` for anything else.
    pub fn open<T: DeserializeOwned>(&self, purpose: Purpose, sealed: &str) -> Option<T> {
        if sealed.len() > MAX_LENGTH {
            return None;
        }
        let sealed = URL_SAFE_NO_PAD.decode(sealed).ok()?;
        let (nonce, text) = sealed.split_at_checked(NONCE_LEN)?;
        self.keys.iter().find_map(|key| {
            let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
            let mut plain = text.to_vec();
            let associated = Aad::from(purpose.associated_data());
            let plain = key.open_in_place(nonce, associated, &mut plain).ok()?;
            serde_json::from_slice(plain).ok()
        })
    }
}

fn derive(encryption_key: &[u8; 32]) -> Result<LessSafeKey, SealError> {
    let salt = hkdf::Salt::new(hkdf::HKDF_SHA256, b"latchkey");
    let secret = salt.extract(encryption_key);
    let key = secret.expand(&[b"pages.seal"], &AES_256_GCM_SIV).map_err(|_| SealError)?;
    Ok(LessSafeKey::new(UnboundKey::from(key)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PURPOSES: [Purpose; 6] = [
        Purpose::SignIn,
        Purpose::Consent,
        Purpose::Continue,
        Purpose::SignOut,
        Purpose::Notice,
        Purpose::Device,
    ];

    fn seals(keys: &[[u8; 32]]) -> Seals {
        Seals::new(keys, Random::system()).unwrap()
    }

    #[test]
    fn a_value_opens_for_its_own_purpose_only() {
        let seals = seals(&[[1; 32]]);
        for purpose in PURPOSES {
            let sealed = seals.seal(purpose, &"value").unwrap();
            for other in PURPOSES {
                let expected = (other == purpose).then(|| "value".to_owned());
                assert_eq!(seals.open::<String>(other, &sealed), expected, "{purpose:?} {other:?}");
            }
        }
    }

    #[test]
    fn a_value_opens_under_every_configured_key_and_no_other() {
        let before = seals(&[[1; 32]]).seal(Purpose::SignIn, &7).unwrap();
        assert_eq!(seals(&[[2; 32], [1; 32]]).open(Purpose::SignIn, &before), Some(7));
        assert_eq!(seals(&[[2; 32]]).open::<i32>(Purpose::SignIn, &before), None);
        let after = seals(&[[2; 32], [1; 32]]).seal(Purpose::SignIn, &7).unwrap();
        assert_eq!(seals(&[[2; 32]]).open(Purpose::SignIn, &after), Some(7));
        assert!(Seals::new([], Random::system()).is_err());
    }

    #[test]
    fn the_text_fits_into_a_url_and_shows_nothing() {
        let sealed = seals(&[[1; 32]]).seal(Purpose::SignIn, &"ada@example.org").unwrap();
        assert!(sealed.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)));
        assert!(
            !sealed.contains("ada")
                && sealed != seals(&[[1; 32]]).seal(Purpose::SignIn, &"ada@example.org").unwrap()
        );
    }

    proptest! {
        /// No change of a sealed value opens, whatever is cut, added or flipped.
        #[test]
        fn a_changed_value_does_not_open(at in 0_usize..200, bit in 0_u8..8, cut in 0_usize..40) {
            let seals = seals(&[[1; 32]]);
            let sealed = URL_SAFE_NO_PAD.decode(seals.seal(Purpose::SignIn, &"a value of some length").unwrap()).unwrap();
            let mut changed = sealed.clone();
            let at = at % changed.len();
            changed[at] ^= 1 << bit;
            changed.truncate(changed.len() - cut.min(changed.len()));
            let text = URL_SAFE_NO_PAD.encode(&changed);
            prop_assert_eq!(seals.open::<String>(Purpose::SignIn, &text), None);
            let longer = [sealed.as_slice(), &[0]].concat();
            prop_assert_eq!(seals.open::<String>(Purpose::SignIn, &URL_SAFE_NO_PAD.encode(longer)), None);
        }

        #[test]
        fn any_text_is_opened_or_refused_without_a_panic(text in ".{0,300}") {
            prop_assert_eq!(seals(&[[1; 32]]).open::<serde_json::Value>(Purpose::Consent, &text), None);
        }
    }
}
