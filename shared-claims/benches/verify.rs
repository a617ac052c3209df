//! Measures the time of a check: compared with the cryptography and parsing that every check needs, and for a token
//! that is in the cache. Both with a million facts in the mirror.
//! Run with `cargo bench -p shared-claims --bench verify`.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    missing_docs,
    reason = "a stop-watch"
)]

mod support;

use std::hint::black_box;

use aws_lc_rs::signature::{ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use criterion::{BenchmarkGroup, Criterion, criterion_group, criterion_main, measurement::WallTime};
use serde::Deserialize;
use shared_claims::verifier::Verifier;

/// More tokens than fit into the cache of the `first_sight` benchmark, so that no check in it finds its token there.
const TOKENS: usize = 2_048;

#[derive(Deserialize)]
struct Header {
    alg: String,
    typ: String,
    kid: String,
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "parsed as a service would, to be held against nothing")]
struct Claims {
    iss: String,
    sub: String,
    aud: Vec<String>,
    client_id: String,
    scope: String,
    iat: i64,
    nbf: i64,
    exp: i64,
    jti: String,
    sid: String,
    username: String,
    roles: Vec<String>,
    auth_time: i64,
    amr: Vec<String>,
    acr: String,
}

/// The least that every check has to do: base64, JSON and one signature. Makes no other check.
fn bare(key: &ParsedPublicKey, token: &str) -> Claims {
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let (header, payload) = signed.split_once('.').unwrap();
    let header: Header = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(header).unwrap()).unwrap();
    black_box((header.alg, header.typ, header.kid));
    key.verify_sig(signed.as_bytes(), &URL_SAFE_NO_PAD.decode(signature).unwrap()).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap()
}

fn parsed_key() -> ParsedPublicKey {
    let n = support::key().modulus();
    RsaPublicKeyComponents { n, e: &[1, 0, 1] }.to_parsed_public_key(&RSA_PKCS1_2048_8192_SHA256).unwrap()
}

fn check(group: &mut BenchmarkGroup<'_, WallTime>, name: &str, tokens: &[String], verifier: &Verifier) {
    let mut next = tokens.iter().cycle();
    group.bench_function(name, |bencher| {
        bencher.iter(|| verifier.verify_now(next.next().unwrap()).unwrap().unwrap());
    });
}

fn checks(criterion: &mut Criterion) {
    let (runtime, tokens) = (support::runtime(), support::tokens(TOKENS));
    let mirror = support::mirror(support::facts());
    let remembering = |count| runtime.block_on(support::verifier(&mirror, count));

    let mut group = criterion.benchmark_group("uncached");
    let (key, mut next) = (parsed_key(), tokens.iter().cycle());
    group.bench_function("bare", |bencher| bencher.iter(|| bare(&key, next.next().unwrap())));
    check(&mut group, "verify", &tokens, &remembering(0));
    check(&mut group, "first_sight", &tokens, &remembering(64));
    group.finish();

    let mut group = criterion.benchmark_group("cached");
    let verifier = remembering(2 * TOKENS);
    for token in &tokens {
        verifier.verify_now(token).unwrap().unwrap();
    }
    check(&mut group, "one_token", &tokens[..1], &verifier);
    check(&mut group, "many_tokens", &tokens, &verifier);
    group.bench_function("awaited", |bencher| {
        bencher.iter(|| runtime.block_on(verifier.verify(&tokens[0])).unwrap());
    });
    group.finish();
    let seen = verifier.metrics();
    assert!(seen.cache_hits > 0, "{seen:?}");
}

criterion_group!(benches, checks);
criterion_main!(benches);
