//! With the cache of verified tokens, a verifier gives the same result as without it.

use proptest::prelude::*;
use shared_claims::clock::ManualClock;
use shared_claims::revocation::{RevocationKind, Verdict};
use shared_claims::testing::{ScriptedSource, TestKey, TokenBuilder};
use shared_claims::verifier::{KeySet, KeySetHandle, PublicKey, Reason, Verifier, VerifyError};

use crate::support::{NOW, NOW_MS, builder, clock, handle, token};

#[tokio::test]
async fn a_token_seen_before_is_a_hit() {
    let clock = clock();
    let verifier = builder(&clock).build().await.unwrap();
    let token = token(&clock).sign();
    for _ in 0..3 {
        assert!(verifier.verify(&token).await.is_ok());
    }
    let metrics = verifier.metrics();
    assert_eq!((metrics.cache_hits, metrics.cache_misses, metrics.verified), (2, 1, 3));
}

#[tokio::test]
async fn without_entries_nothing_is_remembered() {
    let clock = clock();
    let verifier = builder(&clock).token_cache_entries(0).build().await.unwrap();
    let token = token(&clock).sign();
    for _ in 0..3 {
        assert!(verifier.verify(&token).await.is_ok());
    }
    let metrics = verifier.metrics();
    assert_eq!((metrics.cache_hits, metrics.cache_misses, metrics.verified), (0, 0, 3));
}

#[tokio::test]
async fn a_token_is_refused_when_its_key_is_removed() {
    let clock = clock();
    let keys = handle(&[TestKey::shared(0)]);
    let verifier = builder(&clock).keys(keys.clone()).build().await.unwrap();
    let token = token(&clock).sign();
    assert!(verifier.verify(&token).await.is_ok());
    // The same key in a new set is still the same key.
    keys.set(KeySet::from_keys([TestKey::shared(0).public(), TestKey::shared(1).public()]));
    assert!(verifier.verify(&token).await.is_ok());
    assert_eq!(verifier.metrics().cache_hits, 1);
    keys.set(KeySet::from_keys([TestKey::shared(1).public()]));
    assert_eq!(verifier.verify(&token).await.err(), Some(VerifyError::Invalid(Reason::UnknownKey)));
    // A different key with the same `kid` is not the same key.
    let other =
        PublicKey::from_components(TestKey::shared(0).kid(), TestKey::shared(1).modulus(), &[1, 0, 1]);
    keys.set(KeySet::from_keys([TestKey::shared(0).public()]));
    assert!(verifier.verify(&token).await.is_ok());
    keys.set(KeySet::from_keys([other.unwrap()]));
    assert_eq!(verifier.verify(&token).await.err(), Some(VerifyError::Invalid(Reason::Signature)));
}

#[tokio::test]
async fn a_revoked_token_is_removed_from_the_cache() {
    let clock = clock();
    let source = ScriptedSource::always(Verdict::NotRevoked);
    let verifier = builder(&clock).revocation(source.revocation()).build().await.unwrap();
    let token = token(&clock).sign();
    assert!(verifier.verify(&token).await.is_ok());
    source.set(|_| Verdict::Revoked(RevocationKind::Sid));
    for _ in 0..2 {
        assert_eq!(verifier.verify(&token).await.err(), Some(VerifyError::Revoked(RevocationKind::Sid)));
    }
    let metrics = verifier.metrics();
    assert_eq!((metrics.cache_hits, metrics.cache_misses), (1, 2));
}

#[tokio::test]
async fn a_token_with_another_signature_is_another_token() {
    let clock = clock();
    let verifier = builder(&clock).build().await.unwrap();
    let good = token(&clock);
    assert!(verifier.verify(&good.sign()).await.is_ok());
    let forged = good.with_signature(&[1; 256]);
    assert_eq!(verifier.verify(&forged).await.err(), Some(VerifyError::Invalid(Reason::Signature)));
}

/// The events for two verifiers, one with a cache and one without.
#[derive(Clone, Debug)]
enum Step {
    Verify(usize),
    Advance(u64),
    SetWall(i64),
    Keys(usize),
    Source(Option<Verdict>),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0..TOKENS).prop_map(Step::Verify),
        2 => (0..400_000_u64).prop_map(Step::Advance),
        1 => (-1_000_000..1_000_000_i64).prop_map(Step::SetWall),
        2 => (0..KEY_SETS).prop_map(Step::Keys),
        2 => prop::option::of(prop_oneof![
            Just(Verdict::NotRevoked),
            Just(Verdict::Unknown),
            Just(Verdict::Revoked(RevocationKind::Sid)),
        ])
        .prop_map(Step::Source),
    ]
}

const TOKENS: usize = 8;
const KEY_SETS: usize = 5;

fn tokens(clock: &std::sync::Arc<ManualClock>) -> Vec<String> {
    let good = token(clock);
    let other: fn(TokenBuilder) -> TokenBuilder =
        |token| token.signed_by(TestKey::shared(1)).header("kid", TestKey::shared(1).kid());
    vec![
        good.sign(),
        good.clone().claim("exp", NOW + 100).sign(),
        good.clone().claim("exp", NOW + 5).claim("iat", NOW - 50).sign(),
        good.clone().claim("nbf", NOW + 200).sign(),
        good.clone().signed_by(TestKey::shared(1)).sign(),
        other(good.clone()).sign(),
        other(good).claim("client_id", "policy-refuses").sign(),
        "not a token".to_owned(),
    ]
}

fn set_keys(handle: &KeySetHandle, which: usize) {
    let [first, second] = [0, 1].map(|index| TestKey::shared(index).public());
    let renamed = |key: usize, name: &PublicKey| {
        PublicKey::from_components(name.kid(), TestKey::shared(key).modulus(), &[1, 0, 1]).unwrap()
    };
    handle.set(match which {
        0 => KeySet::from_keys([first]),
        1 => KeySet::from_keys([first, second]),
        2 => KeySet::from_keys([second]),
        3 => KeySet::default(),
        _ => KeySet::from_keys([renamed(1, &first), renamed(0, &second)]),
    });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn the_cache_changes_no_answer(steps in prop::collection::vec(step(), 1..60), entries in 1..16_usize) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let clock = clock();
            let keys = KeySetHandle::new();
            let source = ScriptedSource::always(Verdict::NotRevoked);
            let describe = || {
                builder(&clock)
                    .keys(keys.clone())
                    .revocation(source.revocation())
                    .policy(|claims| claims.client_id != "policy-refuses")
            };
            let cached: Verifier = describe().token_cache_entries(entries).build().await.unwrap();
            let plain: Verifier = describe().token_cache_entries(0).build().await.unwrap();
            let mirrored = describe().without_revocation().build().await.unwrap();
            let tokens = tokens(&clock);
            for step in steps {
                match step {
                    Step::Verify(which) => {
                        let answer = |outcome: Result<shared_claims::verifier::Verified, _>| {
                            outcome.map(|verified| (verified.kid().to_owned(), verified.into_claims()))
                        };
                        let with = answer(cached.verify(&tokens[which]).await);
                        let without = answer(plain.verify(&tokens[which]).await);
                        assert_eq!(with, without, "token {which}");
                        let now = mirrored.verify_now(&tokens[which]).map(answer);
                        let later = answer(mirrored.verify(&tokens[which]).await);
                        assert_eq!(now, Some(later), "token {which}");
                    }
                    Step::Advance(ms) => clock.advance_ms(ms),
                    Step::SetWall(ms) => clock.set_wall_ms(NOW_MS + ms),
                    Step::Keys(which) => set_keys(&keys, which),
                    Step::Source(verdict) => source.set(move |query| {
                        // Without a common verdict, only tokens signed with the first key are live.
                        verdict.unwrap_or(if query.kid == TestKey::shared(0).kid() {
                            Verdict::NotRevoked
                        } else {
                            Verdict::Revoked(RevocationKind::Key)
                        })
                    }),
                }
            }
        });
    }
}
