//! A primary, its standby, and an address that may lead to either of them.

use diesel::prelude::*;
use service_kit::database::testing::{Standby, TestDatabase};
use service_kit::database::{Backend, Database, DatabaseError, DatabaseSettings};
use shared_claims::testing::{Proxy, eventually};

use crate::{count_up, hits, migrated};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_standby_is_not_ready_and_its_connections_are_replaced_after_a_failover() {
    use std::time::Duration;
    let test = TestDatabase::create(Backend::Postgres);
    let primary = migrated(&test).await;
    primary.write(count_up).await.unwrap();
    let standby = Standby::of(&test);
    let address = Proxy::before(standby.address()).await;
    let before = Proxy::before(&test.address()).await;
    let database = Database::connect(&DatabaseSettings::at(test.url_at(&address.address()))).await.unwrap();
    // Opens eight connections to the standby.
    let asked = (0..8).map(|_| {
        database.read(|c| Ok::<_, DatabaseError>(diesel::sql_query("SELECT pg_sleep(0.3)").execute(c)?))
    });
    for done in futures_util::future::join_all(asked).await {
        done.unwrap();
    }
    assert_eq!(hits(&database).await, 1, "reads still succeed");
    for _ in 0..2 {
        assert!(matches!(database.ping().await, Err(DatabaseError::Standby)));
        assert!(matches!(database.write(count_up).await, Err(DatabaseError::Standby)));
        assert!(matches!(
            database.snapshot(|_| Ok::<_, DatabaseError>(())).await,
            Err(DatabaseError::Standby)
        ));
    }
    // Each failed write dropped the idle connections. Fills the pool with connections to the standby again.
    let asked = (0..8).map(|_| {
        database.read(|c| Ok::<_, DatabaseError>(diesel::sql_query("SELECT pg_sleep(0.3)").execute(c)?))
    });
    for done in futures_util::future::join_all(asked).await {
        done.unwrap();
    }
    assert_eq!(database.status().idle, 8);
    // The address leads to the primary now; existing connections to the standby stay open.
    address.redirect_new(&before.address());
    for expected in 2..12 {
        assert_eq!(database.write(count_up).await.unwrap(), expected, "no request fails");
    }
    eventually("the database is ready", Duration::from_secs(3), async || database.ping().await.is_ok()).await;
}
