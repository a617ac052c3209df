//! Transactions that conflict with each other.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};

use diesel::prelude::*;
use service_kit::database::testing::TestDatabase;
use service_kit::database::{Backend, DatabaseError, DbConnection};

use crate::{count_up, hits, migrated};

fn raise(c: &mut DbConnection, state: &str) -> Result<(), DatabaseError> {
    let sql = format!("DO $$ BEGIN RAISE EXCEPTION 'deadlock detected' USING ERRCODE = '{state}'; END $$");
    diesel::sql_query(sql).execute(c)?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_transaction_that_was_rolled_back_by_a_deadlock_is_repeated() {
    let test = TestDatabase::create(Backend::Postgres);
    let database = migrated(&test).await;
    let add = |name: &'static str| {
        database.write(move |c| {
            use crate::schema::counters::dsl::{counters, name as column, value};
            let row = (column.eq(name), value.eq(0_i64));
            Ok::<_, DatabaseError>(diesel::insert_into(counters).values(row).execute(c)?)
        })
    };
    add("a").await.unwrap();
    add("b").await.unwrap();
    let lock = |c: &mut DbConnection, row: &str| -> Result<(), DatabaseError> {
        use crate::schema::counters::dsl::{counters, value};
        diesel::update(counters.find(row)).set(value.eq(value + 1)).execute(c)?;
        Ok(())
    };
    for _ in 0..3 {
        let meeting = Arc::new(Barrier::new(2));
        let crossing = |first: &'static str, second: &'static str| {
            let (meeting, runs) = (Arc::clone(&meeting), AtomicUsize::new(0));
            database.write(move |c| {
                lock(c, first)?;
                // Both transactions hold their first lock before either asks for the second one.
                if runs.fetch_add(1, Ordering::SeqCst) == 0 {
                    meeting.wait();
                }
                lock(c, second)
            })
        };
        let (one, other) = tokio::join!(crossing("a", "b"), crossing("b", "a"));
        one.unwrap();
        other.unwrap();
    }
    assert_eq!(database.status().repeated_total, 3);
}

#[tokio::test]
async fn a_transaction_is_repeated_once_and_the_first_attempt_leaves_nothing() {
    let test = TestDatabase::create(Backend::Postgres);
    let database = migrated(&test).await;
    for state in ["40P01", "40001"] {
        let runs = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&runs);
        let before = hits(&database).await;
        let work = move |c: &mut DbConnection| {
            let value = count_up(c)?;
            if counted.fetch_add(1, Ordering::SeqCst) == 0 {
                raise(c, state)?;
            }
            Ok::<_, DatabaseError>(value)
        };
        assert_eq!(database.write(work).await.unwrap(), before + 1);
        assert_eq!(runs.load(Ordering::SeqCst), 2);

        let counted = Arc::clone(&runs);
        let always = move |c: &mut DbConnection| {
            counted.fetch_add(1, Ordering::SeqCst);
            raise(c, state)
        };
        let lost = database.write(always).await.unwrap_err();
        assert!(matches!(lost, DatabaseError::Conflict(_)) && lost.is_transient(), "{lost:?}");
        assert_eq!(runs.load(Ordering::SeqCst), 4);
        assert!(database.write_once(move |c| raise(c, state)).await.is_err());
    }
}

#[tokio::test]
async fn another_error_is_not_repeated() {
    for test in TestDatabase::both() {
        let database = migrated(&test).await;
        let runs = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&runs);
        let refused: Result<(), DatabaseError> = database
            .write(move |c| {
                counted.fetch_add(1, Ordering::SeqCst);
                diesel::sql_query("SELECT no_such_column").execute(c)?;
                Ok(())
            })
            .await;
        assert!(!refused.unwrap_err().is_transient());
        assert_eq!(runs.load(Ordering::SeqCst), 1);
    }
}
