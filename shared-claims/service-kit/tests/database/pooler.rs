//! Behind PgBouncer in transaction mode.

use diesel::prelude::*;
use futures_util::future::join_all;
use service_kit::database::testing::{PgBouncer, TestDatabase};
use service_kit::database::{Backend, Database, DatabaseError, DatabaseSettings, Pooler};

use crate::{count_up, hits, migrated, migrations};

fn through(pooler: &PgBouncer) -> DatabaseSettings {
    DatabaseSettings {
        pooler: Pooler::Transaction,
        lock_timeout_ms: 300,
        ..DatabaseSettings::at(pooler.url())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_works_behind_a_pooler_in_transaction_mode() {
    let test = TestDatabase::create(Backend::Postgres);
    let pooler = PgBouncer::in_front_of(&test, 2);
    for expected in [2, 0, 0] {
        let database = Database::connect(&through(&pooler)).await.unwrap();
        assert_eq!(database.migrate(migrations()).await.unwrap().len(), expected);
    }
    // No lock remained on one of the pooler's connections.
    let direct = Database::connect(&test.settings()).await.unwrap();
    assert!(direct.migrate(migrations()).await.unwrap().is_empty());

    let databases = [
        Database::connect(&through(&pooler)).await.unwrap(),
        Database::connect(&through(&pooler)).await.unwrap(),
    ];
    for _ in 0..10 {
        let work = databases.iter().flat_map(|database| {
            (0..8).map(async move |_| {
                database.write(count_up).await?;
                database
                    .snapshot(|c| Ok::<_, DatabaseError>(diesel::sql_query("SELECT 1").execute(c)?))
                    .await?;
                hits(database).await;
                database.ping().await
            })
        });
        for done in join_all(work).await {
            done.unwrap();
        }
    }
    assert_eq!(hits(&direct).await, 160);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_time_limits_apply_behind_a_pooler() {
    let test = TestDatabase::create(Backend::Postgres);
    let direct = migrated(&test).await;
    let pooler = PgBouncer::in_front_of(&test, 4);
    let settings = DatabaseSettings { statement_timeout_ms: 200, ..through(&pooler) };
    let database = Database::connect(&settings).await.unwrap();
    let slow =
        || database.read(|c| Ok::<_, DatabaseError>(diesel::sql_query("SELECT pg_sleep(5)").execute(c)?));
    assert!(slow().await.unwrap_err().is_transient());
    // The settings of a transaction do not affect other clients that use the same connection of the pooler.
    let patient = DatabaseSettings { statement_timeout_ms: 5_000, ..through(&pooler) };
    let plain = Database::connect(&patient).await.unwrap();
    let sleep = plain.read(|c| Ok::<_, DatabaseError>(diesel::sql_query("SELECT pg_sleep(0.5)").execute(c)?));
    sleep.await.unwrap();
    assert_eq!(hits(&direct).await, 0);
}

#[tokio::test]
async fn a_pooler_that_the_settings_do_not_name_stops_the_start() {
    let test = TestDatabase::create(Backend::Postgres);
    let pooler = PgBouncer::in_front_of(&test, 4);
    let Err(error) = Database::connect(&DatabaseSettings::at(pooler.url())).await else {
        panic!("connected");
    };
    let line = error.to_string();
    assert!(line.contains("database.pooler") && !line.contains('\n'), "{line}");
}
