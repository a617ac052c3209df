//! The key that seals the others: from the settings, or from a file made at the first start.

use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use aws_lc_rs::{digest, hkdf};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use zeroize::Zeroizing;

use super::KeysError;
use crate::random::Random;

/// 32 secret bytes.
#[derive(Clone)]
pub struct MasterKey(Zeroizing<[u8; 32]>);

impl MasterKey {
    /// Reads `keys.encryption_key`: 32 bytes as base64 (either alphabet, padded or not) or as 64 hexadecimal digits;
    /// any other text of at least 32 characters goes through HKDF-SHA-256.
    pub fn parse(text: &str) -> Result<Self, KeysError> {
        let text = text.trim();
        let encoded = from_hex(text).or_else(|| from_base64(text));
        if let Some(key) = encoded {
            return Ok(key);
        }
        if text.chars().count() < 32 {
            return Err(KeysError::Malformed);
        }
        let salt = hkdf::Salt::new(hkdf::HKDF_SHA256, b"latchkey");
        let mut key = Zeroizing::new([0; 32]);
        salt.extract(text.as_bytes())
            .expand(&[b"keys.encryption_key"], hkdf::HKDF_SHA256)?
            .fill(key.as_mut_slice())?;
        Ok(Self(key))
    }

    /// Reads the key from a file, or makes the file (mode 0600) if `may_create`. Of several processes that make it at
    /// once, one wins and the others read what it wrote.
    pub fn from_file(path: &Path, may_create: bool, random: &Random) -> Result<Self, KeysError> {
        let unreadable = |error| KeysError::Unreadable { path: path.display().to_string(), error };
        match std::fs::read_to_string(path) {
            Ok(text) => return Self::in_file(&text, path),
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(unreadable(error)),
            Err(_) if !may_create => return Err(KeysError::Missing(path.display().to_string())),
            Err(_) => {}
        }
        create(path, random).map_err(unreadable)?;
        let text = Zeroizing::new(std::fs::read_to_string(path).map_err(unreadable)?);
        Self::in_file(&text, path)
    }

    fn in_file(text: &str, path: &Path) -> Result<Self, KeysError> {
        from_base64(text.trim()).ok_or_else(|| KeysError::File(path.display().to_string()))
    }

    /// A short name of the key, which tells nothing about it.
    pub(super) fn id(&self) -> String {
        let mut context = digest::Context::new(&digest::SHA256);
        context.update(b"latchkey key id");
        context.update(self.0.as_slice());
        URL_SAFE_NO_PAD.encode(context.finish().as_ref().get(..9).unwrap_or_default())
    }

    pub(super) fn bytes(&self) -> &[u8] {
        self.0.as_slice()
    }
}

impl std::fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("MasterKey([redacted])")
    }
}

fn from_hex(text: &str) -> Option<MasterKey> {
    if text.len() != 64 {
        return None;
    }
    let mut key = Zeroizing::new([0; 32]);
    for (byte, digits) in key.iter_mut().zip(text.as_bytes().chunks(2)) {
        let digits = std::str::from_utf8(digits).ok()?;
        *byte = u8::from_str_radix(digits, 16).ok().filter(|_| !digits.starts_with('+'))?;
    }
    Some(MasterKey(key))
}

fn from_base64(text: &str) -> Option<MasterKey> {
    let decode = |engine: &dyn Fn(&str) -> Option<Vec<u8>>| engine(text).map(Zeroizing::new);
    let bytes = decode(&|text| STANDARD.decode(text).ok())
        .or_else(|| decode(&|text| URL_SAFE.decode(text).ok()))
        .or_else(|| decode(&|text| STANDARD_NO_PAD.decode(text).ok()))
        .or_else(|| decode(&|text| URL_SAFE_NO_PAD.decode(text).ok()))?;
    let mut key = Zeroizing::new([0; 32]);
    (bytes.len() == 32).then(|| {
        key.copy_from_slice(&bytes);
        MasterKey(key)
    })
}

/// Written beside and linked into place, so that nobody ever reads half a key; a link over an existing file fails.
fn create(path: &Path, random: &Random) -> std::io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let beside = folder.join(format!(".master-key-{}", random.uuid()));
    let written = (|| {
        let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&beside)?;
        let text = Zeroizing::new(format!("{}\n", STANDARD.encode(random.bytes::<32>())));
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        match std::fs::hard_link(&beside, path) {
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
            linked => linked,
        }
    })();
    std::fs::remove_file(&beside).ok();
    written?;
    std::fs::File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn every_spelling_of_the_bytes_is_the_same_key() {
        let bytes = [0xfb; 32];
        let hex = "fb".repeat(32);
        let spellings = [
            STANDARD.encode(bytes),
            URL_SAFE.encode(bytes),
            STANDARD_NO_PAD.encode(bytes),
            URL_SAFE_NO_PAD.encode(bytes),
            hex.to_uppercase(),
            format!("{hex}\n"),
        ];
        for text in spellings {
            assert_eq!(MasterKey::parse(&text).unwrap().bytes(), bytes, "{text}");
        }
    }

    #[test]
    fn a_long_phrase_is_a_key_and_a_short_one_is_refused() {
        let phrase = "correct horse battery staple forever";
        let key = MasterKey::parse(phrase).unwrap();
        assert_eq!(key.bytes(), MasterKey::parse(phrase).unwrap().bytes());
        assert_ne!(key.bytes(), MasterKey::parse(&phrase.to_uppercase()).unwrap().bytes());
        for short in ["", "changeme", &"x".repeat(31)] {
            assert!(matches!(MasterKey::parse(short), Err(KeysError::Malformed)), "{short}");
        }
    }

    #[test]
    fn the_file_is_made_once_for_its_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("data/master.key");
        let missing = MasterKey::from_file(&path, false, &Random::system());
        assert!(matches!(missing, Err(KeysError::Missing(_))));
        let keys: Vec<_> = std::thread::scope(|scope| {
            let start = || MasterKey::from_file(&path, true, &Random::system()).unwrap();
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(start)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert!(keys.iter().all(|key| key.bytes() == keys[0].bytes()));
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(std::fs::read_dir(path.parent().unwrap()).unwrap().count(), 1, "nothing is left beside");
    }

    #[test]
    fn a_file_with_something_else_in_it_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("master.key");
        std::fs::write(&path, "not a key\n").unwrap();
        assert!(matches!(MasterKey::from_file(&path, true, &Random::system()), Err(KeysError::File(_))));
    }
}
