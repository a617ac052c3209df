//! Many concurrent calls, and several processes on one database.

use std::sync::mpsc;
use std::time::Duration;

use diesel::prelude::*;
use service_kit::database::testing::TestDatabase;
use service_kit::database::{Backend, Database, DatabaseError, DatabaseSettings};

use crate::{count_up, hits, migrated, migrations};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_concurrent_writers_all_succeed() {
    for test in TestDatabase::both() {
        let database = migrated(&test).await;
        let writers: Vec<_> = (0..50)
            .map(|_| {
                let database = database.clone();
                tokio::spawn(async move { database.write(count_up).await })
            })
            .collect();
        for writer in writers {
            writer.await.unwrap().unwrap();
        }
        assert_eq!(hits(&database).await, 50, "{:?}", test.backend());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_processes_write_to_one_database() {
    for test in TestDatabase::both() {
        let ours = migrated(&test).await;
        // A separate pool, as another process has one, for example a command next to a running server.
        let theirs = Database::connect(&test.settings()).await.unwrap();
        let writers: Vec<_> = (0..40)
            .map(|n| {
                let database = if n % 2 == 0 { ours.clone() } else { theirs.clone() };
                tokio::spawn(async move { database.write(count_up).await })
            })
            .collect();
        for writer in writers {
            writer.await.unwrap().unwrap();
        }
        assert_eq!(hits(&ours).await, 40, "{:?}", test.backend());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replicas_that_start_at_the_same_time_migrate_once() {
    for test in TestDatabase::both() {
        let starts: Vec<_> = (0..6)
            .map(|_| {
                let settings = test.settings();
                tokio::spawn(async move {
                    let database = Database::connect(&settings).await?;
                    database.migrate(migrations()).await
                })
            })
            .collect();
        let mut applied = Vec::new();
        for start in starts {
            applied.extend(start.await.unwrap().unwrap());
        }
        applied.sort();
        assert_eq!(applied, ["2026-01-01-000000_tokens", "2026-01-02-000000_notes"], "{:?}", test.backend());
    }
}

#[tokio::test]
async fn a_second_start_applies_nothing() {
    for test in TestDatabase::both() {
        let database = migrated(&test).await;
        assert!(database.migrate(migrations()).await.unwrap().is_empty());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_snapshot_is_consistent_and_read_only() {
    for test in TestDatabase::both() {
        let database = migrated(&test).await;
        let (go, wait) = mpsc::channel::<()>();
        let (began, beginning) = tokio::sync::oneshot::channel();
        let reading = database.clone();
        let snapshot = tokio::spawn(async move {
            reading
                .snapshot(move |c| {
                    use crate::schema::counters::dsl::{counters, value};
                    let before: i64 = counters.select(value).first(c)?;
                    began.send(()).unwrap();
                    wait.recv_timeout(Duration::from_secs(5)).unwrap();
                    let after: i64 = counters.select(value).first(c)?;
                    Ok::<_, DatabaseError>((before, after))
                })
                .await
        });
        beginning.await.unwrap();
        database.write(count_up).await.unwrap();
        go.send(()).unwrap();
        assert_eq!(snapshot.await.unwrap().unwrap(), (0, 0), "{:?}", test.backend());
        assert_eq!(hits(&database).await, 1);
        assert!(database.snapshot(count_up).await.is_err());
        assert_eq!(hits(&database).await, 1, "{:?}", test.backend());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readers_do_not_starve_the_writer() {
    let test = TestDatabase::create(Backend::Sqlite);
    let database = crate::migrated_with(&DatabaseSettings { pool_size: 2, ..test.settings() }).await;
    let (release, held) = mpsc::channel::<()>();
    let held = std::sync::Arc::new(std::sync::Mutex::new(held));
    let readers: Vec<_> = (0..2)
        .map(|_| {
            let (database, held) = (database.clone(), held.clone());
            tokio::spawn(async move {
                let wait = move || held.lock().unwrap().recv_timeout(Duration::from_secs(5));
                database.read(move |_| Ok::<_, DatabaseError>(wait())).await
            })
        })
        .collect();
    while database.status().idle > 1 {
        tokio::task::yield_now().await;
    }
    database.write(count_up).await.unwrap();
    release.send(()).unwrap();
    release.send(()).unwrap();
    for reader in readers {
        reader.await.unwrap().unwrap().unwrap();
    }
}
