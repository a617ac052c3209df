//! Connections that stay open but transmit nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use diesel::RunQueryDsl;
use diesel::sql_query;
use futures_util::future::join_all;
use service_kit::database::testing::TestDatabase;
use service_kit::database::{Backend, Database, DatabaseError, DatabaseSettings};
use shared_claims::testing::{Proxy, ProxyMode, eventually};

use crate::{count_up, hits, migrated};

struct ProxiedDatabase {
    test: TestDatabase,
    proxy: Proxy,
    database: Database,
    /// The same database, without the proxy.
    direct: Database,
}

async fn proxied_database(change: impl FnOnce(&mut DatabaseSettings)) -> ProxiedDatabase {
    let test = TestDatabase::create(Backend::Postgres);
    let direct = migrated(&test).await;
    let proxy = Proxy::before(&test.address()).await;
    let mut settings = DatabaseSettings {
        connect_timeout_seconds: 2,
        ..DatabaseSettings::at(test.url_at(&proxy.address()))
    };
    change(&mut settings);
    let database = Database::connect(&settings).await.unwrap();
    ProxiedDatabase { test, proxy, database, direct }
}

async fn use_every_connection(database: &Database) {
    let sleep = || database.read(|c| Ok::<_, DatabaseError>(sql_query("SELECT pg_sleep(0.3)").execute(c)?));
    for done in join_all((0..8).map(|_| sleep())).await {
        done.unwrap();
    }
    assert_eq!(database.status().idle, 8);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn idle_connections_that_hang_are_replaced_and_fail_no_request() {
    let ProxiedDatabase { test: _test, proxy, database, .. } =
        proxied_database(|settings| settings.wait_ms = 4_000).await;
    use_every_connection(&database).await;
    proxy.hang_standing();
    let began = tokio::time::Instant::now();
    for (n, written) in join_all((0..10).map(|_| database.write(count_up))).await.into_iter().enumerate() {
        written.unwrap_or_else(|error| panic!("{n}: {error}"));
    }
    assert!(began.elapsed() < Duration::from_secs(6), "{:?}", began.elapsed());
    let status = database.status();
    assert_eq!((status.abandoned, status.abandoned_total), (8, 8));
    assert_eq!(hits(&database).await, 10);
    assert!(began.elapsed() < Duration::from_secs(6));
    // When the connections are closed at last, no call counts as abandoned any more.
    proxy.set(ProxyMode::Refuse);
    eventually("all have returned", Duration::from_secs(5), async || database.status().abandoned == 0).await;
    proxy.set(ProxyMode::Forward);
    database.write(count_up).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn work_that_hangs_fails_and_is_neither_committed_nor_repeated() {
    let short = |settings: &mut DatabaseSettings| {
        (settings.statement_timeout_ms, settings.lock_timeout_ms) = (500, 500);
    };
    let ProxiedDatabase { test: _test, proxy, database, direct } = proxied_database(short).await;
    let runs = Arc::new(AtomicUsize::new(0));
    let (began, beginning) = mpsc::channel();
    let (go, wait) = mpsc::channel::<()>();
    let (began, wait) = (std::sync::Mutex::new(began), std::sync::Mutex::new(wait));
    let (writing, counted) = (database.clone(), Arc::clone(&runs));
    let write = tokio::spawn(async move {
        let work = move |c: &mut _| {
            counted.fetch_add(1, Ordering::SeqCst);
            count_up(c)?;
            began.lock().unwrap().send(()).unwrap();
            wait.lock().unwrap().recv_timeout(Duration::from_secs(5)).unwrap();
            count_up(c)
        };
        writing.write(work).await
    });
    tokio::task::spawn_blocking(move || beginning.recv_timeout(Duration::from_secs(5)).unwrap())
        .await
        .unwrap();
    proxy.hang_standing();
    go.send(()).unwrap();
    let asked = tokio::time::Instant::now();
    let outcome = write.await.unwrap();
    assert!(matches!(outcome, Err(DatabaseError::Unavailable(_))), "{outcome:?}");
    assert!(asked.elapsed() < Duration::from_secs(4), "{:?}", asked.elapsed());
    assert_eq!(runs.load(Ordering::SeqCst), 1);
    assert_eq!(database.status().abandoned, 1);
    assert_eq!(hits(&direct).await, 0);
    // The server ends the transaction that gets no more statements, and releases its locks.
    eventually("the row can be written again", Duration::from_secs(5), async || {
        database.write(count_up).await.is_ok()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ping_distinguishes_a_database_that_is_down_from_a_busy_one() {
    let ProxiedDatabase { test: _test, proxy, database, .. } = proxied_database(|settings| {
        settings.pool_size = 1;
        settings.wait_ms = 300;
        settings.connect_timeout_seconds = 2;
    })
    .await;
    let busy = database.clone();
    let sleeping = tokio::spawn(async move {
        busy.read(|c| Ok::<_, DatabaseError>(sql_query("SELECT pg_sleep(1)").execute(c)?)).await
    });
    eventually("no idle connection", Duration::from_secs(5), async || database.status().idle == 0).await;
    let busy = database.ping().await;
    assert!(matches!(busy, Err(DatabaseError::Overloaded)), "{busy:?}");
    sleeping.await.unwrap().unwrap();

    proxy.set(ProxyMode::Hang);
    let began = tokio::time::Instant::now();
    eventually("the database counts as down", Duration::from_secs(12), async || {
        let (asking, pinging) = (database.clone(), database.clone());
        tokio::spawn(async move { asking.read(|_| Ok::<_, DatabaseError>(())).await });
        matches!(pinging.ping().await, Err(DatabaseError::Unavailable(_)))
    })
    .await;
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    proxy.set(ProxyMode::Forward);
    eventually("the database responds again", Duration::from_secs(3), async || database.ping().await.is_ok())
        .await;
}

#[test]
fn the_runtime_shuts_down_without_waiting_for_threads_that_hang() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let proxied_database = runtime.block_on(async {
        let proxied_database = proxied_database(|settings| settings.wait_ms = 4_000).await;
        use_every_connection(&proxied_database.database).await;
        proxied_database.proxy.hang_standing();
        proxied_database.database.write(count_up).await.unwrap();
        assert!(proxied_database.database.status().abandoned > 0);
        proxied_database
    });
    let ProxiedDatabase { test, proxy, database, direct } = proxied_database;
    let began = tokio::time::Instant::now();
    drop((database, direct));
    drop(runtime);
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
    drop((proxy, test));
}
