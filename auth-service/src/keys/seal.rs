//! Encrypts the secrets in the database with AES-256-GCM.

use std::collections::HashMap;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use zeroize::Zeroizing;

use super::{KeysError, MasterKey};
use crate::random::Random;

/// Encrypts ("seals") with the current encryption key, and decrypts ("opens") with that or another known key. A
/// sealed value is bound to its name, so that rows cannot be exchanged.
pub struct Sealer {
    keys: HashMap<String, LessSafeKey>,
    current: String,
    random: Random,
}

/// A sealed value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sealed {
    /// The nonce, the ciphertext and the tag.
    pub ciphertext: Vec<u8>,
    /// The id of the encryption key, from which the key cannot be computed.
    pub key_id: String,
}

impl Sealer {
    /// Builds a sealer with this encryption key.
    pub fn new(master: &MasterKey, random: Random) -> Result<Self, KeysError> {
        let mut sealer = Self { keys: HashMap::new(), current: master.id(), random };
        sealer.keys.insert(master.id(), aead(master)?);
        Ok(sealer)
    }

    /// Adds a key that can open values but does not seal any.
    pub fn opening(mut self, other: &MasterKey) -> Result<Self, KeysError> {
        self.keys.insert(other.id(), aead(other)?);
        Ok(self)
    }

    /// Whether this is the id of the current encryption key.
    pub fn is_current(&self, key_id: &str) -> bool {
        key_id == self.current
    }

    /// Seals a value. The nonce is random: so few values are ever sealed that a nonce is practically never repeated.
    pub fn seal(&self, name: &str, plain: &[u8]) -> Result<Sealed, KeysError> {
        let key = self.keys.get(&self.current).ok_or(KeysError::Crypto)?;
        let nonce: [u8; NONCE_LEN] = self.random.bytes();
        // The capacity includes the tag, so that the buffer does not grow and leave a copy of the plaintext in
        // memory. The buffer is wiped if sealing fails.
        let mut text = Zeroizing::new(Vec::with_capacity(plain.len() + AES_256_GCM.tag_len()));
        text.extend_from_slice(plain);
        let associated = Aad::from(name.as_bytes());
        key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), associated, &mut *text)?;
        let mut ciphertext = nonce.to_vec();
        ciphertext.append(&mut text);
        Ok(Sealed { ciphertext, key_id: self.current.clone() })
    }

    /// Opens a value that was sealed under this name by this key.
    ///
    /// # Errors
    /// [`KeysError::WrongKey`] if the key is unknown, [`KeysError::Damaged`] if the value was not sealed with it
    /// under this name.
    pub fn open(&self, name: &str, key_id: &str, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, KeysError> {
        let key = self.keys.get(key_id).ok_or_else(|| KeysError::WrongKey(name.to_owned()))?;
        let damaged = || KeysError::Damaged(name.to_owned());
        let (nonce, text) = sealed.split_at_checked(NONCE_LEN).ok_or_else(damaged)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| damaged())?;
        let mut plain = Zeroizing::new(text.to_vec());
        let associated = Aad::from(name.as_bytes());
        let length = key.open_in_place(nonce, associated, &mut plain).map_err(|_| damaged())?.len();
        plain.truncate(length);
        Ok(plain)
    }
}

fn aead(master: &MasterKey) -> Result<LessSafeKey, KeysError> {
    Ok(LessSafeKey::new(UnboundKey::new(&AES_256_GCM, master.bytes())?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(digit: &str) -> MasterKey {
        MasterKey::parse(&digit.repeat(64)).unwrap()
    }

    fn sealer(digit: &str) -> Sealer {
        Sealer::new(&key(digit), Random::system()).unwrap()
    }

    #[test]
    fn a_sealed_value_opens_only_with_its_key_and_name() {
        let (ours, other) = (sealer("a"), sealer("b"));
        let Sealed { ciphertext, key_id } = ours.seal("name", b"secret").unwrap();
        assert_eq!(ours.open("name", &key_id, &ciphertext).unwrap().as_slice(), b"secret");
        assert!(matches!(other.open("name", &key_id, &ciphertext), Err(KeysError::WrongKey(_))));
        let mut changed = ciphertext.clone();
        *changed.last_mut().unwrap() ^= 1;
        for (name, sealed) in [
            ("another", ciphertext.as_slice()),
            ("name", &ciphertext[..11]),
            ("name", b""),
            ("name", &changed),
        ] {
            assert!(matches!(ours.open(name, &key_id, sealed), Err(KeysError::Damaged(_))), "{name}");
        }
    }

    #[test]
    fn an_older_key_opens_and_the_current_one_seals() {
        let before = sealer("a").seal("name", b"secret").unwrap();
        let both = sealer("b").opening(&key("a")).unwrap();
        assert_eq!(both.open("name", &before.key_id, &before.ciphertext).unwrap().as_slice(), b"secret");
        assert!(!both.is_current(&before.key_id));
        let after = both.seal("name", b"secret").unwrap();
        assert!(both.is_current(&after.key_id));
        // A sealer with the two keys exchanged can open it too.
        let reversed = sealer("a").opening(&key("b")).unwrap();
        assert_eq!(reversed.open("name", &after.key_id, &after.ciphertext).unwrap().as_slice(), b"secret");
    }
}
