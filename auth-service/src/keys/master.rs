//! The encryption key for private keys and secrets: from the settings, or from a file that is created at the first
//! start.

use std::io::{Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

use aws_lc_rs::{digest, hkdf};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use service_kit::config::trimmed;
use zeroize::Zeroizing;

use super::KeysError;
use crate::random::Random;

/// The encryption key: 32 secret bytes.
#[derive(Clone)]
pub struct MasterKey(Zeroizing<[u8; 32]>);

impl MasterKey {
    /// Parses `keys.encryption_key`: 32 bytes as base64 (either alphabet, padded or not) or as 64 hexadecimal digits.
    /// Any other text of at least 32 characters is converted by HKDF-SHA-256.
    pub fn parse(text: &str) -> Result<Self, KeysError> {
        let text = trimmed(text);
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

    /// Reads the key from a file, or creates the file (mode 0600) if `may_create` is true. If several processes
    /// create it at the same time, one succeeds and the others read its file.
    pub fn from_file(path: &Path, may_create: bool, random: &Random) -> Result<Self, KeysError> {
        let unreadable = |error| KeysError::Unreadable { path: path.display().to_string(), error };
        match read(path) {
            Ok(text) => return Self::in_file(&text, path),
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(unreadable(error)),
            Err(_) if !may_create => return Err(KeysError::Missing(path.display().to_string())),
            Err(_) => {}
        }
        create(path, random).map_err(unreadable)?;
        let text = read(path).map_err(unreadable)?;
        Self::in_file(&text, path)
    }

    /// Checks that the file, if it exists, is good enough for a start.
    pub fn check_file(path: &Path) -> Result<(), KeysError> {
        let unreadable = |error| KeysError::Unreadable { path: path.display().to_string(), error };
        match read(path) {
            Ok(text) => Self::in_file(&text, path).map(drop),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(unreadable(error)),
        }
    }

    fn in_file(text: &str, path: &Path) -> Result<Self, KeysError> {
        check_access(path)?;
        from_base64(trimmed(text)).ok_or_else(|| KeysError::File(path.display().to_string()))
    }

    /// A short id of the key, from which the key cannot be computed.
    pub(super) fn id(&self) -> String {
        let mut context = digest::Context::new(&digest::SHA256);
        context.update(b"latchkey key id");
        context.update(self.0.as_slice());
        URL_SAFE_NO_PAD.encode(context.finish().as_ref().get(..9).unwrap_or_default())
    }

    pub(crate) fn bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl std::fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("MasterKey([redacted])")
    }
}

fn from_hex(text: &str) -> Option<MasterKey> {
    let mut key = Zeroizing::new([0; 32]);
    hex::decode_to_slice(text, key.as_mut_slice()).ok()?;
    Some(MasterKey(key))
}

fn from_base64(text: &str) -> Option<MasterKey> {
    // 32 bytes have 43 or 44 characters in base64. They are decoded into a buffer that is wiped, so that a failed
    // attempt leaves nothing in memory.
    let mut buffer = Zeroizing::new([0; 48]);
    for engine in [&STANDARD, &URL_SAFE, &STANDARD_NO_PAD, &URL_SAFE_NO_PAD] {
        if (43..=44).contains(&text.len())
            && let Ok(32) = engine.decode_slice(text, buffer.as_mut_slice())
        {
            let mut key = Zeroizing::new([0; 32]);
            key.copy_from_slice(buffer.get(..32)?);
            return Some(MasterKey(key));
        }
    }
    None
}

/// Reads the text of a key file. The memory is wiped on drop.
fn read(path: &Path) -> std::io::Result<Zeroizing<String>> {
    let mut text = Zeroizing::new(String::with_capacity(1024));
    std::fs::File::open(path)?.take(1024).read_to_string(&mut text)?;
    Ok(text)
}

/// Refuses a file that other users may read, because they would have the key, or that they may write or replace,
/// because they could choose the key.
fn check_access(path: &Path) -> Result<(), KeysError> {
    const STICKY: u32 = 0o1000;
    let mode = |path: &Path| std::fs::metadata(path).map(|found| found.permissions().mode());
    let unreadable = |error| KeysError::Unreadable { path: path.display().to_string(), error };
    if mode(path).map_err(unreadable)? & 0o077 != 0 {
        return Err(KeysError::Exposed(path.display().to_string()));
    }
    let folder = folder_of(path);
    let folder_mode = mode(folder).map_err(unreadable)?;
    if folder_mode & 0o002 != 0 && folder_mode & STICKY == 0 {
        return Err(KeysError::OpenFolder(folder.display().to_string()));
    }
    Ok(())
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Creates the file under a temporary name and then hard-links it to its path, so that no process reads half a key.
/// If the file exists already, linking fails and the existing file is kept.
fn create(path: &Path, random: &Random) -> std::io::Result<()> {
    let folder = folder_of(path);
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let beside = folder.join(format!(".master-key-{}", random.uuid()));
    let written = (|| {
        let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&beside)?;
        let bytes = Zeroizing::new(random.bytes::<32>());
        let mut text = Zeroizing::new(String::with_capacity(64));
        STANDARD.encode_string(bytes.as_slice(), &mut text);
        text.push('\n');
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
            assert_eq!(MasterKey::parse(&text).unwrap().bytes(), &bytes, "{text}");
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
    fn the_file_is_created_once_and_only_for_its_owner() {
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
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        assert!(matches!(MasterKey::from_file(&path, true, &Random::system()), Err(KeysError::File(_))));
    }

    #[test]
    fn a_file_that_others_can_read_or_replace_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("data/master.key");
        MasterKey::from_file(&path, true, &Random::system()).unwrap();
        let set = |path: &Path, mode| {
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
        };
        let opened = || MasterKey::from_file(&path, true, &Random::system());
        for mode in [0o604, 0o640, 0o644, 0o666, 0o602] {
            set(&path, mode);
            let error = opened().unwrap_err();
            assert!(
                matches!(error, KeysError::Exposed(_)) && error.to_string().contains("chmod 600"),
                "{mode:o}"
            );
            assert!(MasterKey::check_file(&path).is_err());
        }
        for mode in [0o600, 0o400] {
            set(&path, mode);
            assert!(opened().is_ok(), "{mode:o}");
        }
        let data = path.parent().unwrap();
        for (mode, is_fine) in [(0o777, false), (0o703, false), (0o1777, true), (0o755, true)] {
            set(data, mode);
            assert_eq!(opened().is_ok(), is_fine, "{mode:o}");
        }
    }

    #[test]
    fn blanks_around_a_key_in_a_file_are_ignored() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("master.key");
        let text = STANDARD.encode([7; 32]);
        for content in [text.clone(), format!("\u{feff}{text}\r\n\r\n"), format!("  {text} \n")] {
            std::fs::write(&path, content).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
            assert_eq!(MasterKey::from_file(&path, false, &Random::system()).unwrap().bytes(), &[7; 32]);
        }
    }
}
