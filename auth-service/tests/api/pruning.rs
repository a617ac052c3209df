//! Tests that pruning removes rows that are no longer needed, and no others.

use std::sync::Arc;
use std::time::Duration;

use auth_service::domain::{AuditEvent, AuditKind, Initiator};
use auth_service::pruning::{LEASE_MS as LEASE, PruneRound, Pruner, Table};
use auth_service::random::Random;
use auth_service::startup::prune_rules;
use auth_service::storage::schema::sessions::dsl;
use auth_service::storage::{audit, refresh_tokens, revocations, sessions};
use diesel::prelude::*;
use futures_util::future::join_all;
use service_kit::database::{Backend, Database, DatabaseError, DbConnection};
use shared_claims::clock::Clock as _;

use crate::helpers::{START_MS, TestApp, both, both_with, claims_of, spawn_app};

const LEASE_MS: u64 = LEASE.unsigned_abs();

/// The pruner of a replica.
fn pruner(app: &TestApp, database: &Database) -> Pruner {
    let rules = prune_rules(app.settings());
    Pruner::new(database.clone(), app.clock.clone(), &Random::system(), rules)
}

/// Waits until the service's own round at its start is over. The next one comes a minute later.
async fn settled(app: &TestApp) {
    let settled = async {
        while app.metric("latchkey_pruned_timestamp_seconds").await == 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), settled).await.unwrap();
}

/// Advances the clock until the lease of the former holder has expired.
fn after_the_lease(app: &TestApp) {
    app.clock.advance_ms(LEASE_MS + 1);
}

/// Removes one batch of each table at `now_ms`. Returns the numbers of removed sessions, refresh tokens and facts.
async fn prune(app: &TestApp, now_ms: i64, limit: i64) -> [usize; 3] {
    let pruned = app.database.write(move |conn| {
        Ok::<_, DatabaseError>([
            sessions::prune(conn, now_ms, limit)?,
            refresh_tokens::prune(conn, now_ms, limit)?,
            revocations::prune(conn, now_ms / 1000, limit)?,
        ])
    });
    pruned.await.unwrap()
}

#[tokio::test]
async fn ended_rows_are_deleted_and_live_ones_kept() {
    for app in both().await {
        let ended = app.user("alice").await;
        let lives = app.login("alice").await;
        app.logout(&ended.access).await;
        assert_eq!(
            prune(&app, START_MS + 900_000, 500).await,
            [0; 3],
            "its access token might still be shown"
        );
        assert_eq!(
            prune(&app, START_MS + 1_000_000, 500).await,
            [1, 0, 0],
            "the fact is kept a minute longer"
        );
        assert_eq!(prune(&app, START_MS + 1_030_000, 500).await, [0, 0, 1]);
        assert!(app.is_refused(&ended.refresh).await);
        app.clock.advance_ms(1_000_000);
        let refreshed = app.refresh(&lives.refresh).await;
        assert!(app.is_live(&refreshed.access).await);
        // The used refresh token of a session that continues is removed, but not its successor.
        assert_eq!(prune(&app, START_MS + 2_030_000, 500).await, [0, 1, 0]);
        // The session ends when its last refresh token expires, in thirty days. The stored expiry is a minute later.
        assert_eq!(prune(&app, START_MS + 2_593_060_000, 500).await, [0, 0, 0]);
        assert_eq!(prune(&app, START_MS + 2_593_060_001, 500).await, [1, 0, 0]);
    }
}

/// A used token need not be stored: it contains the id of its session, and its reuse ends that session.
#[tokio::test]
async fn reuse_of_a_deleted_refresh_token_still_ends_its_session() {
    for app in both().await {
        settled(&app).await;
        let first = app.user("alice").await;
        let mut newest = first.clone();
        for _ in 0..5 {
            app.clock.advance_ms(900_000);
            newest = app.refresh(&newest.refresh).await;
        }
        let sid = claims_of(&first.access)["sid"].as_str().unwrap().parse().unwrap();
        let count = async || {
            let read = move |conn: &mut DbConnection| refresh_tokens::count_of_session(conn, sid);
            app.database.read(move |conn| read(conn)).await.unwrap()
        };
        assert_eq!(count().await, 6);
        after_the_lease(&app);
        pruner(&app, &app.database).round().await.unwrap();
        assert_eq!(count().await, 1, "the unused token is left");
        assert!(app.is_live(&newest.access).await);

        // Neither the attempt of another client nor a forged token for this session ends the session.
        let mut forged = newest.refresh.clone().into_bytes();
        *forged.last_mut().unwrap() = if newest.refresh.ends_with('A') { b'Q' } else { b'A' };
        let forged = String::from_utf8(forged).unwrap();
        assert!(app.is_refused(&forged).await);
        assert!(app.is_live(&newest.access).await);

        assert!(app.is_refused(&first.refresh).await);
        assert!(!app.is_live(&newest.access).await);
        assert!(app.is_refused(&newest.refresh).await);
        let reused: Vec<_> =
            app.audit_rows().await.into_iter().filter(|row| row.kind == "refresh.reused").collect();
        assert_eq!((reused.len(), reused[0].session_id.clone()), (1, Some(sid.to_string())));
    }
}

/// RFC 7009: revoking a token that was used long ago ends its session.
#[tokio::test]
async fn a_deleted_refresh_token_can_be_revoked() {
    for app in both().await {
        settled(&app).await;
        let first = app.user("alice").await;
        app.clock.advance_ms(900_000);
        let second = app.refresh(&first.refresh).await;
        after_the_lease(&app);
        pruner(&app, &app.database).round().await.unwrap();
        app.revoke(&[("token", &first.refresh), ("client_id", "another")]).await;
        assert!(app.is_live(&second.access).await);
        app.revoke(&[("token", &first.refresh), ("client_id", "first-party")]).await;
        assert!(!app.is_live(&second.access).await);
    }
}

/// An unused token is kept as long as its session, so that it is never mistaken for a used one.
#[tokio::test]
async fn an_expired_refresh_token_is_no_reuse() {
    for app in both_with(|settings| settings.tokens.refresh_ttl_seconds = 1000).await {
        settled(&app).await;
        let idle = app.user("alice").await;
        app.clock.advance_ms(86_400_000);
        pruner(&app, &app.database).round().await.unwrap();
        assert!(app.is_refused(&idle.refresh).await);
        assert!(app.facts().await.is_empty());
    }
}

#[tokio::test]
async fn a_batch_is_limited() {
    for app in both().await {
        app.register("alice").await;
        for _ in 0..5 {
            app.login("alice").await;
        }
        assert_eq!(prune(&app, START_MS + 8_000_000_000, 3).await[0], 3);
        assert_eq!(prune(&app, START_MS + 8_000_000_000, 3).await[0], 2);
        let sid = claims_of(&app.login("alice").await.access)["sid"].as_str().unwrap().parse().unwrap();
        let left = app.database.read(move |conn| refresh_tokens::count_of_session(conn, sid));
        assert_eq!(left.await.unwrap(), 1);
    }
}

#[tokio::test]
async fn one_replica_prunes_and_another_takes_over_when_it_stops() {
    for app in both().await {
        settled(&app).await;
        let [one, other] = [pruner(&app, &app.database), pruner(&app, &app.database)];
        after_the_lease(&app);
        assert_eq!(one.round().await.unwrap(), PruneRound::Done(0));
        assert_eq!(other.round().await.unwrap(), PruneRound::OtherReplica);
        app.clock.advance_ms(LEASE_MS - 1);
        assert_eq!(one.round().await.unwrap(), PruneRound::Done(0), "the holder renews its lease");
        app.clock.advance_ms(LEASE_MS - 1);
        assert_eq!(other.round().await.unwrap(), PruneRound::OtherReplica);
        // The first replica is gone.
        after_the_lease(&app);
        assert_eq!(other.round().await.unwrap(), PruneRound::Done(0));
        assert_eq!(one.round().await.unwrap(), PruneRound::OtherReplica);
        // A lease that was written by a clock far ahead does not block the other replicas until its end.
        let now_ms = app.clock.now_ms();
        app.clock.advance_ms(100 * LEASE_MS);
        assert_eq!(one.round().await.unwrap(), PruneRound::Done(0));
        app.clock.set_wall_ms(now_ms);
        assert_eq!(other.round().await.unwrap(), PruneRound::Done(0));
    }
}

/// Four replicas start a round at the same time, each with its own connections, and there are more rows than one
/// batch.
#[tokio::test]
async fn replicas_that_prune_together_remove_each_row_once() {
    for app in both_with(|settings| settings.audit.retention_days = 1).await {
        settled(&app).await;
        let filled = app.database.write(|conn| {
            let event = AuditEvent::new(AuditKind::KeyImported, &Initiator::operator());
            for _ in 0..1200 {
                audit::record(conn, &event, &Random::system(), START_MS)?;
            }
            Ok::<_, DatabaseError>(())
        });
        filled.await.unwrap();
        let before = app.audit_rows().await.len();
        app.clock.advance_ms(86_400_001);
        let mut pruners = Vec::new();
        for _ in 0..4 {
            let database = Database::connect(&app.settings().database).await.unwrap();
            pruners.push(pruner(&app, &database));
        }
        let rounds = join_all(pruners.iter().map(Pruner::round)).await;
        let rounds: Vec<_> = rounds.into_iter().map(Result::unwrap).collect();
        let done: Vec<_> = rounds.iter().filter(|round| **round != PruneRound::OtherReplica).collect();
        assert_eq!(done, [&PruneRound::Done(before)], "{rounds:?}");
        assert_eq!(app.audit_rows().await, []);
    }
}

#[tokio::test]
async fn audit_events_are_kept_for_their_time_or_for_ever() {
    for (days, left) in [(7, 1), (0, 2)] {
        for app in both_with(|settings| settings.audit.retention_days = days).await {
            settled(&app).await;
            app.clock.advance_ms(7 * 86_400_000 - 1);
            app.register("alice").await;
            assert_eq!(app.audit_rows().await.len(), 2);
            app.clock.advance_ms(1000);
            pruner(&app, &app.database).round().await.unwrap();
            assert_eq!(app.audit_rows().await.len(), left);
        }
    }
}

#[tokio::test]
async fn mailed_links_are_removed_when_their_time_is_up() {
    for app in both().await {
        settled(&app).await;
        app.verified("ada", "ada@example.org").await;
        app.forgot("ada").await;
        let token = app.last_token("ada@example.org").await;
        let pruner = pruner(&app, &app.database);
        let removed = || pruner.status().rows(Table::MailedLinks);
        app.clock.advance_ms(3_600_000 - 1);
        pruner.round().await.unwrap();
        assert_eq!(removed(), 0);
        assert_eq!(app.reset(&token, "a different horse with other staples").await, 204);
        // Two minutes more for clocks that differ, and for those who repeat the use.
        app.clock.advance_ms(120_002);
        pruner.round().await.unwrap();
        assert_eq!(removed(), 1, "the reset");
        app.clock.advance_ms(86_400_000);
        after_the_lease(&app);
        pruner.round().await.unwrap();
        assert_eq!(removed(), 2, "the verification");
    }
}

#[tokio::test]
async fn networks_are_removed_a_month_after_the_last_login_there() {
    for app in both().await {
        settled(&app).await;
        app.user("alice").await;
        let pruner = pruner(&app, &app.database);
        let removed = || pruner.status().rows(Table::LoginNetworks);
        app.clock.advance_ms(30 * 86_400_000);
        pruner.round().await.unwrap();
        assert_eq!(removed(), 0);
        app.clock.advance_ms(120_001);
        pruner.round().await.unwrap();
        assert_eq!(removed(), 1);
    }
}

/// Pruning does not wait for a locked row, so the transaction that holds the lock does not wait for pruning either.
#[tokio::test]
async fn pruning_waits_for_no_lock() {
    let app = spawn_app(Backend::Postgres, |_| {}).await;
    settled(&app).await;
    let tokens = [app.user("alice").await, app.user("bob").await];
    let held = claims_of(&tokens[0].access)["sid"].as_str().unwrap().to_owned();
    app.clock.advance_ms(8_000_000_000);
    let (locked, is_locked) = tokio::sync::oneshot::channel();
    let (release, released) = std::sync::mpsc::channel::<()>();
    let database = Arc::new(app.database.clone());
    let holder = tokio::spawn({
        let database = Arc::clone(&database);
        async move {
            let holding = database.write_once(move |conn| {
                if let DbConnection::Postgres(conn) = conn {
                    dsl::sessions.find(held).select(dsl::id).for_update().first::<String>(conn)?;
                }
                locked.send(()).unwrap();
                released.recv().unwrap();
                Ok::<_, DatabaseError>(())
            });
            holding.await.unwrap();
        }
    });
    is_locked.await.unwrap();
    let pruner = pruner(&app, &app.database);
    let round = pruner.round().await.unwrap();
    assert!(matches!(round, PruneRound::Done(rows) if rows >= 1), "{round:?}");
    let count = || async {
        let read =
            app.database.read(|conn| Ok::<_, DatabaseError>(dsl::sessions.count().get_result::<i64>(conn)?));
        read.await.unwrap()
    };
    assert_eq!(count().await, 1, "the locked session is left");
    release.send(()).unwrap();
    holder.await.unwrap();
    pruner.round().await.unwrap();
    assert_eq!(count().await, 0);
    assert_eq!(pruner.status().rows(Table::Sessions), 2);
}

#[tokio::test]
async fn pruned_rows_are_counted() {
    let app = spawn_app(Backend::Sqlite, |_| {}).await;
    settled(&app).await;
    assert_eq!(
        app.metric("latchkey_pruned_timestamp_seconds").await,
        u64::try_from(START_MS / 1000).unwrap()
    );
    assert_eq!(app.metric("latchkey_pruned_rows_total{table=\"sessions\"}").await, 0);
}
