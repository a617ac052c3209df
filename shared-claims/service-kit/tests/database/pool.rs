//! The queue, and work whose caller is gone.

use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use diesel::prelude::*;
use service_kit::database::testing::TestDatabase;
use service_kit::database::{Database, DatabaseError, DatabaseSettings};

use crate::{count_up, hits, migrated, migrated_with};

/// Occupies the only writer until the sender is dropped.
async fn occupy_the_writer(database: &Database) -> (mpsc::Sender<()>, tokio::task::JoinHandle<()>) {
    let (release, held) = mpsc::channel::<()>();
    let (began, beginning) = tokio::sync::oneshot::channel();
    let database = database.clone();
    let busy = tokio::spawn(async move {
        let work = move |_: &mut _| {
            began.send(()).unwrap();
            let _ = held.recv_timeout(Duration::from_secs(10));
            Ok::<_, DatabaseError>(())
        };
        database.write_once(work).await.unwrap();
    });
    beginning.await.unwrap();
    (release, busy)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_queue_refuses_at_once_and_waiting_in_the_queue_has_a_time_limit() {
    for test in TestDatabase::both() {
        let settings = DatabaseSettings { pool_size: 1, queue_limit: 1, wait_ms: 300, ..test.settings() };
        let database = migrated_with(&settings).await;
        let (release, busy) = occupy_the_writer(&database).await;

        let waiting = database.clone();
        let patient = tokio::spawn(async move { waiting.write(count_up).await });
        while database.status().waiting == 0 {
            tokio::task::yield_now().await;
        }
        let began = tokio::time::Instant::now();
        assert!(matches!(database.write(count_up).await, Err(DatabaseError::Overloaded)));
        assert!(began.elapsed() < Duration::from_millis(200), "refused only after {:?}", began.elapsed());
        assert!(matches!(patient.await.unwrap(), Err(DatabaseError::Overloaded)));
        assert!(DatabaseError::Overloaded.is_transient());

        drop(release);
        busy.await.unwrap();
        assert_eq!(database.write(count_up).await.unwrap(), 1, "{:?}", test.backend());
        assert_eq!(database.status().waiting, 0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn work_whose_caller_is_gone_leaves_the_queue_and_the_rest_runs_in_its_order() {
    for test in TestDatabase::both() {
        let settings = DatabaseSettings { pool_size: 1, queue_limit: 3, ..test.settings() };
        let database = migrated_with(&settings).await;
        let (release, busy) = occupy_the_writer(&database).await;

        let order = Arc::new(Mutex::new(Vec::new()));
        let mut callers = Vec::new();
        for number in 0..3 {
            let (waiting, order) = (database.clone(), Arc::clone(&order));
            callers.push(tokio::spawn(async move {
                let work = move |_: &mut _| {
                    order.lock().unwrap().push(number);
                    Ok::<_, DatabaseError>(())
                };
                waiting.write_once(work).await
            }));
            while database.status().waiting == number {
                tokio::task::yield_now().await;
            }
        }
        let impatient = callers.remove(1);
        impatient.abort();
        assert!(impatient.await.unwrap_err().is_cancelled());
        assert_eq!(database.status().waiting, 2);

        drop(release);
        busy.await.unwrap();
        for caller in callers {
            caller.await.unwrap().unwrap();
        }
        assert_eq!(*order.lock().unwrap(), [0, 2], "{:?}", test.backend());
        assert!(database.wait_until_idle(Duration::from_secs(5)).await);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn work_that_has_started_completes_although_its_caller_is_gone() {
    for test in TestDatabase::both() {
        let database = migrated(&test).await;
        let (release, held) = mpsc::channel::<()>();
        let (began, beginning) = tokio::sync::oneshot::channel();
        let writing = database.clone();
        let request = tokio::spawn(async move {
            writing
                .write_once(move |c| {
                    count_up(c)?;
                    began.send(()).unwrap();
                    held.recv_timeout(Duration::from_secs(5)).unwrap();
                    Ok::<_, DatabaseError>(())
                })
                .await
        });
        beginning.await.unwrap();
        request.abort();
        assert!(request.await.unwrap_err().is_cancelled());
        release.send(()).unwrap();
        let deadline = tokio::time::Instant::now() + Duration::from_secs(5);
        while hits(&database).await == 0 {
            assert!(tokio::time::Instant::now() < deadline, "never committed on {:?}", test.backend());
        }
    }
}

#[tokio::test]
async fn an_error_and_a_panic_roll_back() {
    for test in TestDatabase::both() {
        let database = migrated(&test).await;
        let failed: Result<(), DatabaseError> = database
            .write(|c| {
                count_up(c)?;
                Err(DatabaseError::Overloaded)
            })
            .await;
        assert!(matches!(failed, Err(DatabaseError::Overloaded)));

        let panicked: Result<(), DatabaseError> = database
            .write(|c| {
                count_up(c)?;
                panic!("on purpose");
            })
            .await;
        assert!(matches!(panicked, Err(DatabaseError::Panicked)));
        assert_eq!(hits(&database).await, 0, "{:?}", test.backend());
        assert_eq!(database.write(count_up).await.unwrap(), 1, "{:?}", test.backend());
    }
}

#[tokio::test]
async fn work_may_return_an_error_type_of_the_caller() {
    #[derive(Debug)]
    enum CallerError {
        Database(String),
        Query(String),
        Refused,
    }
    impl From<DatabaseError> for CallerError {
        fn from(error: DatabaseError) -> Self {
            Self::Database(error.to_string())
        }
    }
    impl From<diesel::result::Error> for CallerError {
        fn from(error: diesel::result::Error) -> Self {
            Self::Query(error.to_string())
        }
    }
    for test in TestDatabase::both() {
        let database = migrated(&test).await;
        let refused = database
            .write(|c| {
                diesel::delete(crate::schema::counters::table).execute(c)?;
                Err::<(), _>(CallerError::Refused)
            })
            .await;
        assert!(matches!(refused, Err(CallerError::Refused)));
        assert_eq!(hits(&database).await, 0);
        let broken = database.write(|c| Ok::<_, CallerError>(diesel::sql_query("SELEKT").execute(c)?)).await;
        let Err(CallerError::Query(text)) = broken else { panic!("{broken:?}") };
        assert!(text.contains("SELEKT"), "{text}");
    }
    let test = TestDatabase::create(service_kit::database::Backend::Sqlite);
    let settings = DatabaseSettings { pool_size: 1, queue_limit: 1, wait_ms: 300, ..test.settings() };
    let database = migrated_with(&settings).await;
    let (release, busy) = occupy_the_writer(&database).await;
    let late = database.write(|_| Ok::<_, CallerError>(())).await;
    let Err(CallerError::Database(line)) = late else { panic!("{late:?}") };
    assert_eq!(line, "the database is overloaded");
    drop(release);
    busy.await.unwrap();
}

#[tokio::test]
async fn work_runs_within_the_span_of_its_caller() {
    use tracing::Instrument;
    // A subscriber for the whole process, because the blocking thread must have the span too.
    tracing::subscriber::set_global_default(tracing_subscriber::fmt().with_writer(std::io::sink).finish())
        .unwrap();
    let test = TestDatabase::create(service_kit::database::Backend::Sqlite);
    let database = migrated(&test).await;
    let span = tracing::info_span!("outer");
    let id = span.id().unwrap();
    let seen = database
        .read(|_| Ok::<_, DatabaseError>(tracing::Span::current().id()))
        .instrument(span)
        .await
        .unwrap();
    assert_eq!(seen, Some(id));
}
