//! AES-256-GCM over what the database keeps of secrets.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use zeroize::Zeroizing;

use super::{KeysError, MasterKey};
use crate::random::Random;

/// Seals and opens. What is sealed is bound to its name, so that rows cannot be exchanged.
pub struct Sealer {
    key: LessSafeKey,
    key_id: String,
    random: Random,
}

impl Sealer {
    /// Sealing under this key.
    pub fn new(master: &MasterKey, random: Random) -> Result<Self, KeysError> {
        let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, master.bytes())?);
        Ok(Self { key, key_id: master.id(), random })
    }

    /// Which key this is, without telling anything about it.
    pub fn key_id(&self) -> &str {
        &self.key_id
    }

    /// Nonce, ciphertext and tag. The nonce is random: so few things are ever sealed that none comes twice.
    pub fn seal(&self, name: &str, plain: &[u8]) -> Result<Vec<u8>, KeysError> {
        let nonce: [u8; NONCE_LEN] = self.random.bytes();
        let mut text = plain.to_vec();
        let associated = Aad::from(name.as_bytes());
        self.key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), associated, &mut text)?;
        let mut sealed = nonce.to_vec();
        sealed.append(&mut text);
        Ok(sealed)
    }

    /// What was sealed under that name.
    pub fn open(&self, name: &str, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, KeysError> {
        let wrong = || KeysError::WrongKey(name.to_owned());
        let (nonce, text) = sealed.split_at_checked(NONCE_LEN).ok_or_else(wrong)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| wrong())?;
        let mut plain = Zeroizing::new(text.to_vec());
        let associated = Aad::from(name.as_bytes());
        let length = self.key.open_in_place(nonce, associated, &mut plain).map_err(|_| wrong())?.len();
        plain.truncate(length);
        Ok(plain)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sealer(key: &str) -> Sealer {
        Sealer::new(&MasterKey::parse(key).unwrap(), Random::system()).unwrap()
    }

    #[test]
    fn what_is_sealed_opens_under_its_key_and_name_alone() {
        let (ours, other) = (sealer(&"a".repeat(64)), sealer(&"b".repeat(64)));
        let sealed = ours.seal("name", b"secret").unwrap();
        assert_eq!(ours.open("name", &sealed).unwrap().as_slice(), b"secret");
        assert!(ours.open("another", &sealed).is_err());
        assert!(other.open("name", &sealed).is_err());
        assert!(ours.open("name", &sealed[..11]).is_err());
        assert!(ours.open("name", b"").is_err());
        let mut changed = sealed.clone();
        *changed.last_mut().unwrap() ^= 1;
        assert!(ours.open("name", &changed).is_err());
        assert_ne!(ours.key_id(), other.key_id());
    }
}
