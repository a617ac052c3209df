//! Any mutation of a valid token is refused.

use std::sync::OnceLock;

use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use proptest::prelude::*;
use proptest::sample::Index;
use shared_claims::testing::TestKey;
use shared_claims::verifier::{Verifier, VerifyError};

use crate::support::{AUDIENCE, ISSUER, builder, clock, token};

/// One token and one verifier for all cases, because no case changes them.
fn fixture() -> &'static (String, Verifier) {
    static FIXTURE: OnceLock<(String, Verifier)> = OnceLock::new();
    FIXTURE.get_or_init(|| {
        let clock = clock();
        let token = token(&clock).claim("roles", vec!["admin"]).sign();
        (token, block_on(builder(&clock).build()).unwrap())
    })
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

#[derive(Clone, Debug)]
enum Mutation {
    Replace(Index, char),
    Insert(Index, char),
    Delete(Index),
    FlipBit(Index, u8),
    Cut(Index),
    Swap(Index, Index),
    Repeat(Index, Index),
    CaseOf(Index),
}

fn mutation() -> impl Strategy<Value = Mutation> {
    let letter = prop_oneof![
        4 => prop::sample::select(
            "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.".chars().collect::<Vec<_>>()
        ),
        1 => any::<char>(),
    ];
    let at = any::<Index>;
    prop_oneof![
        6 => (at(), letter.clone()).prop_map(|(at, to)| Mutation::Replace(at, to)),
        3 => (at(), letter).prop_map(|(at, what)| Mutation::Insert(at, what)),
        2 => at().prop_map(Mutation::Delete),
        3 => (at(), 0..7_u8).prop_map(|(at, bit)| Mutation::FlipBit(at, bit)),
        1 => at().prop_map(Mutation::Cut),
        2 => (at(), at()).prop_map(|(a, b)| Mutation::Swap(a, b)),
        1 => (at(), at()).prop_map(|(from, to)| Mutation::Repeat(from, to)),
        1 => at().prop_map(Mutation::CaseOf),
    ]
}

fn mutate(token: &str, mutations: &[Mutation]) -> String {
    let mut text: Vec<char> = token.chars().collect();
    for mutation in mutations {
        if text.is_empty() {
            break;
        }
        let length = text.len();
        match *mutation {
            Mutation::Replace(at, to) => text[at.index(length)] = to,
            Mutation::Insert(at, what) => text.insert(at.index(length + 1), what),
            Mutation::Delete(at) => {
                text.remove(at.index(length));
            }
            Mutation::FlipBit(at, bit) => {
                let place = &mut text[at.index(length)];
                *place = char::from_u32(u32::from(*place) ^ (1 << bit)).unwrap_or('x');
            }
            Mutation::Cut(at) => text.truncate(at.index(length)),
            Mutation::Swap(a, b) => text.swap(a.index(length), b.index(length)),
            Mutation::Repeat(from, to) => {
                let (from, to) = (from.index(length), to.index(length));
                let slice = text[from.min(to)..from.max(to)].to_vec();
                text.splice(to..to, slice);
            }
            Mutation::CaseOf(at) => {
                let place = &mut text[at.index(length)];
                *place = if place.is_uppercase() {
                    place.to_ascii_lowercase()
                } else {
                    place.to_ascii_uppercase()
                };
            }
        }
    }
    text.into_iter().collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    #[test]
    fn any_mutation_of_a_valid_token_is_refused(mutations in prop::collection::vec(mutation(), 1..4)) {
        let (token, verifier) = fixture();
        let mutated = mutate(token, &mutations);
        prop_assume!(mutated != *token);
        let outcome = block_on(verifier.verify(&mutated));
        prop_assert!(matches!(outcome, Err(VerifyError::Invalid(_))), "{outcome:?} for {mutated}");
    }
}

#[test]
fn every_single_character_counts() {
    let (token, verifier) = fixture();
    assert!(block_on(verifier.verify(token)).is_ok());
    for at in 0..token.len() {
        let mut bytes = token.clone().into_bytes();
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        let mutated = String::from_utf8(bytes).unwrap();
        assert!(block_on(verifier.verify(&mutated)).is_err(), "position {at}");
    }
}

#[test]
fn the_library_that_others_use_agrees() {
    let (good, verifier) = fixture();
    let key = DecodingKey::from_rsa_raw_components(TestKey::shared(0).modulus(), &[1, 0, 1]);
    let mut validation = Validation::new(Algorithm::RS256);
    // `jsonwebtoken` would compare the times with the system clock, not with the test's clock.
    validation.validate_exp = false;
    validation.set_audience(&[AUDIENCE]);
    validation.set_issuer(&[ISSUER]);
    let theirs = |token: &str| jsonwebtoken::decode::<serde_json::Value>(token, &key, &validation).is_ok();
    let ours = |token: &str| block_on(verifier.verify(token)).is_ok();
    let clock = clock();
    let wrong_key = token(&clock).signed_by(TestKey::shared(1)).sign();
    let wrong_audience = token(&clock).claim("aud", vec!["other"]).sign();
    for (token, expected) in [(good, true), (&wrong_key, false), (&wrong_audience, false)] {
        assert_eq!((ours(token), theirs(token)), (expected, expected));
    }
}
