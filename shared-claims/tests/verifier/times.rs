//! SECURITY-CASES A17: the limits of `exp`, `nbf` and `iat`, with and without the cache.

use shared_claims::verifier::{BuildError, Reason, VerifyError};

use crate::support::{NOW, NOW_MS, builder, clock, token};

const EXPIRED: Result<(), VerifyError> = Err(VerifyError::Invalid(Reason::Expired));
const EARLY: Result<(), VerifyError> = Err(VerifyError::Invalid(Reason::NotYetValid));

#[tokio::test]
async fn a_token_ends_with_the_leeway_to_the_millisecond() {
    for cache in [0, 100] {
        for leeway in [0, 10, 30] {
            let clock = clock();
            let verifier =
                builder(&clock).leeway_seconds(leeway).token_cache_entries(cache).build().await.unwrap();
            let token = token(&clock).claim("exp", NOW + 60).sign();
            let check = async || verifier.verify(&token).await.map(|_| ());
            let end_ms = (NOW + 60 + i64::try_from(leeway).unwrap()) * 1000;
            assert_eq!(check().await, Ok(()));
            clock.set_wall_ms(end_ms - 1000);
            assert_eq!(check().await, Ok(()), "a second before the end, leeway {leeway}, cache {cache}");
            clock.set_wall_ms(end_ms - 1);
            assert_eq!(check().await, Ok(()), "a millisecond before the end");
            clock.set_wall_ms(end_ms);
            assert_eq!(check().await, EXPIRED, "at the end");
            clock.set_wall_ms(end_ms + 1000);
            assert_eq!(check().await, EXPIRED, "a second after the end");
        }
    }
}

#[tokio::test]
async fn a_token_may_begin_as_far_ahead_as_the_leeway() {
    for claim in ["nbf", "iat"] {
        for leeway in [0, 10, 30] {
            let clock = clock();
            let verifier = builder(&clock).leeway_seconds(leeway).build().await.unwrap();
            let ahead = |seconds: i64| {
                token(&clock).claim(claim, NOW + i64::try_from(leeway).unwrap() + seconds).sign()
            };
            assert!(verifier.verify(&ahead(-1)).await.is_ok(), "{claim}, leeway {leeway}");
            assert!(verifier.verify(&ahead(0)).await.is_ok(), "{claim}, leeway {leeway}");
            assert_eq!(verifier.verify(&ahead(1)).await.map(|_| ()), EARLY, "{claim}, leeway {leeway}");
        }
    }
}

#[tokio::test]
async fn a_clock_that_is_set_back_makes_a_token_early_again() {
    let clock = clock();
    let verifier = builder(&clock).build().await.unwrap();
    let token = token(&clock).sign();
    assert!(verifier.verify(&token).await.is_ok());
    clock.set_wall_ms(NOW_MS - 3_600_000);
    assert_eq!(verifier.verify(&token).await.map(|_| ()), EARLY);
    clock.set_wall_ms(NOW_MS);
    assert!(verifier.verify(&token).await.is_ok());
}

#[tokio::test]
async fn more_leeway_than_the_contract_allows_is_refused() {
    assert!(matches!(builder(&clock()).leeway_seconds(31).build().await, Err(BuildError::Leeway(31))));
}
