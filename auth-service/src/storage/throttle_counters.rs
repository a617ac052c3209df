//! The table `throttle_counters`.

use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::Text;
use diesel::upsert::excluded;
use service_kit::database::{DatabaseError, DbConnection};

use super::lock::unlocked;
use super::schema::throttle_counters;

/// Counters need not survive a crash of the database's host, so their transactions do not wait for its disk.
const WITHOUT_SYNC: &str = "set_config('synchronous_commit', 'off', true)";

/// The name of a counter, and its state.
pub type StoredCounter = (Vec<u8>, Vec<u8>);

/// A row: the name of a counter, its state, and when it may go.
#[derive(Clone, Debug, Insertable)]
#[diesel(table_name = throttle_counters)]
pub struct CounterRow {
    /// The name.
    pub key: Vec<u8>,
    /// The state; empty in a row that was just inserted.
    pub state: Vec<u8>,
    /// Milliseconds since the Unix epoch.
    pub expires_at_ms: i64,
}

/// Locks these counters until the transaction ends, and returns their names and states. With `inserts`, rows that are missing
/// are inserted with an empty state, so that two transactions cannot insert the same one: on PostgreSQL a lock needs a row.
///
/// The keys must be in order, so that two transactions on the same counters wait for each other and do not deadlock.
pub fn lock(
    conn: &mut DbConnection,
    keys: &[Vec<u8>],
    inserts: bool,
) -> Result<Vec<StoredCounter>, DatabaseError> {
    let found = throttle_counters::table.filter(throttle_counters::key.eq_any(keys));
    Ok(match conn {
        DbConnection::Postgres(conn) if inserts => {
            let empty = |key: &Vec<u8>| CounterRow { key: key.clone(), state: Vec::new(), expires_at_ms: 0 };
            let rows: Vec<_> = keys.iter().map(empty).collect();
            let locked: Vec<(Vec<u8>, Vec<u8>, String)> = diesel::insert_into(throttle_counters::table)
                .values(&rows)
                .on_conflict(throttle_counters::key)
                .do_update()
                .set(throttle_counters::state.eq(throttle_counters::state))
                .returning((throttle_counters::key, throttle_counters::state, sql::<Text>(WITHOUT_SYNC)))
                .load(conn)?;
            locked.into_iter().map(|(key, state, _)| (key, state)).collect()
        }
        DbConnection::Postgres(conn) => {
            let locked: Vec<(Vec<u8>, Vec<u8>, String)> = found
                .order(throttle_counters::key)
                .select((throttle_counters::key, throttle_counters::state, sql::<Text>(WITHOUT_SYNC)))
                .for_no_key_update()
                .load(conn)?;
            locked.into_iter().map(|(key, state, _)| (key, state)).collect()
        }
        DbConnection::Sqlite(conn) => {
            let mut rows: Vec<StoredCounter> =
                found.select((throttle_counters::key, throttle_counters::state)).load(conn)?;
            if inserts {
                let missing: Vec<_> =
                    keys.iter().filter(|key| !rows.iter().any(|(found, _)| found == *key)).cloned().collect();
                rows.extend(missing.into_iter().map(|key| (key, Vec::new())));
            }
            rows
        }
    })
}

/// Writes counters that this transaction has locked, and deletes those of them that are empty.
pub fn put(conn: &mut DbConnection, rows: &[CounterRow], empty: &[Vec<u8>]) -> Result<(), DatabaseError> {
    if !rows.is_empty() {
        match conn {
            DbConnection::Postgres(conn) => {
                diesel::insert_into(throttle_counters::table)
                    .values(rows)
                    .on_conflict(throttle_counters::key)
                    .do_update()
                    .set((
                        throttle_counters::state.eq(excluded(throttle_counters::state)),
                        throttle_counters::expires_at_ms.eq(excluded(throttle_counters::expires_at_ms)),
                    ))
                    .execute(conn)?;
            }
            DbConnection::Sqlite(conn) => {
                for row in rows {
                    diesel::replace_into(throttle_counters::table).values(row).execute(conn)?;
                }
            }
        }
    }
    if !empty.is_empty() {
        diesel::delete(throttle_counters::table.filter(throttle_counters::key.eq_any(empty)))
            .execute(conn)?;
    }
    Ok(())
}

/// The number of rows.
pub fn count(conn: &mut DbConnection) -> Result<i64, DatabaseError> {
    Ok(throttle_counters::table.count().get_result(conn)?)
}

/// Deletes at most `limit` rows that may go since `before_ms`. Returns how many. Rows that another transaction has locked are
/// left for the next time.
pub fn prune(conn: &mut DbConnection, before_ms: i64, limit: i64) -> Result<usize, DatabaseError> {
    let over = throttle_counters::table
        .filter(throttle_counters::expires_at_ms.lt(before_ms))
        .limit(limit)
        .select(throttle_counters::key);
    let over: Vec<Vec<u8>> = unlocked!(conn, over);
    Ok(diesel::delete(throttle_counters::table.filter(throttle_counters::key.eq_any(over))).execute(conn)?)
}
