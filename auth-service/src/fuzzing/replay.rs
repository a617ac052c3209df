//! Runs the fuzz targets' checks on the committed corpus, without a fuzzer.

use std::fs;
use std::panic::catch_unwind;
use std::path::Path;

fn replay(target: &str, check: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(files.len() >= 8, "{target}: a corpus of {}", files.len());
    for file in files {
        let input = fs::read(&file).unwrap();
        assert!(catch_unwind(|| check(&input)).is_ok(), "{}", file.display());
    }
}

#[test]
fn seal() {
    replay("seal", super::seal);
}

#[test]
fn redirect_uri() {
    replay("redirect_uri", super::redirect_uri);
}
