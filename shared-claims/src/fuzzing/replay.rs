//! Runs the fuzz targets' checks on the committed corpus, without a fuzzer.

use std::fs;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};

fn corpus(target: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

fn replay(target: &str, check: fn(&[u8])) {
    let files = corpus(target);
    assert!(files.len() >= 8, "{target}: a corpus of {}", files.len());
    for file in files {
        let input = fs::read(&file).unwrap();
        assert!(catch_unwind(|| check(&input)).is_ok(), "{}", file.display());
    }
}

#[test]
fn json() {
    replay("json", super::json);
}

#[test]
fn header() {
    replay("header", super::header);
}

#[test]
fn token() {
    replay("token", super::token);
}

#[test]
fn key_set() {
    replay("key_set", super::key_set);
}

#[test]
fn feed() {
    replay("feed", super::feed);
}

#[test]
fn stream() {
    replay("stream", super::stream);
}

/// A corpus with only accepted or only refused tokens would leave half of the checks unused.
#[test]
fn the_corpus_reaches_what_is_accepted_and_what_is_refused() {
    use crate::verifier::fuzzing::is_accepted;
    let accepted = corpus("token").iter().filter(|file| is_accepted(&fs::read(file).unwrap())).count();
    assert!(accepted >= 3, "{accepted} tokens of the corpus are good");
    assert!(accepted * 2 < corpus("token").len(), "most are bad");
}
