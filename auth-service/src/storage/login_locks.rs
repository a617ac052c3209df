//! The table `login_locks`.

use diesel::prelude::*;
use service_kit::database::{DatabaseError, DbConnection};
use uuid::Uuid;

use super::lock::unlocked;
use super::schema::login_locks;
use super::unreadable;
use crate::domain::{BudgetName, CallerKind, LoginLock};

/// Finds the last lock of a budget, which may have ended.
pub fn find(conn: &mut DbConnection, name: BudgetName) -> Result<Option<LoginLock>, DatabaseError> {
    let columns = (login_locks::locks, login_locks::locked_until_ms);
    let row = login_locks::table.find(name.0.as_slice()).select(columns);
    let row = row.first::<(i64, i64)>(conn).optional()?;
    Ok(row.map(|(locks, locked_until_ms)| LoginLock { locks, locked_until_ms }))
}

/// The last locks of all budgets of a user, with the kinds of callers. Some may have ended.
pub fn of_user(
    conn: &mut DbConnection,
    user_id: Uuid,
) -> Result<Vec<(CallerKind, LoginLock)>, DatabaseError> {
    let rows: Vec<(String, i64, i64)> = login_locks::table
        .filter(login_locks::user_id.eq(user_id.to_string()))
        .order((login_locks::locked_until_ms.desc(), login_locks::budget))
        .select((login_locks::callers, login_locks::locks, login_locks::locked_until_ms))
        .load(conn)?;
    let lock = |(callers, locks, locked_until_ms): (String, i64, i64)| {
        let kind = CallerKind::parse(&callers)
            .ok_or_else(|| unreadable("login_locks.callers is no kind of callers"))?;
        Ok((kind, LoginLock { locks, locked_until_ms }))
    };
    Ok(rows.into_iter().map(lock).collect::<QueryResult<_>>()?)
}

/// Lets those who lock one budget take turns until the transaction ends. The caller holds the lock of the user, if there is
/// one. On SQLite the write transaction itself is the lock.
pub fn lock_budget(conn: &mut DbConnection, name: BudgetName) -> Result<(), DatabaseError> {
    if let DbConnection::Postgres(conn) = conn {
        diesel::sql_query(
            "SELECT pg_advisory_xact_lock(hashtextextended('budget ' || encode($1, 'hex'), 0))",
        )
        .bind::<diesel::sql_types::Binary, _>(name.0.as_slice())
        .execute(conn)?;
    }
    Ok(())
}

/// Replaces the lock of a budget. The caller holds [`lock_budget`].
pub fn put(
    conn: &mut DbConnection,
    name: BudgetName,
    user_id: Option<Uuid>,
    callers: CallerKind,
    lock: LoginLock,
) -> Result<(), DatabaseError> {
    let values = (
        login_locks::locks.eq(lock.locks),
        login_locks::locked_until_ms.eq(lock.locked_until_ms),
        login_locks::expires_at_ms.eq(lock.expires_at_ms()),
    );
    let replaced = diesel::update(login_locks::table.find(name.0.as_slice())).set(values).execute(conn)?;
    if replaced == 0 {
        diesel::insert_into(login_locks::table)
            .values((
                login_locks::budget.eq(name.0.as_slice()),
                login_locks::user_id.eq(user_id.map(|id| id.to_string())),
                login_locks::callers.eq(callers.as_str()),
                values,
            ))
            .execute(conn)?;
    }
    Ok(())
}

/// Ends the row of locks of a budget.
pub fn delete(conn: &mut DbConnection, name: BudgetName) -> Result<(), DatabaseError> {
    diesel::delete(login_locks::table.find(name.0.as_slice())).execute(conn)?;
    Ok(())
}

/// Ends the rows of locks of all budgets of a user. The caller holds the user's lock.
pub fn delete_all_of_user(conn: &mut DbConnection, user_id: Uuid) -> Result<(), DatabaseError> {
    diesel::delete(login_locks::table.filter(login_locks::user_id.eq(user_id.to_string()))).execute(conn)?;
    Ok(())
}

/// Deletes at most `limit` rows of locks that ended before `before_ms`. Returns how many. Rows that another transaction has
/// locked are left for the next time.
pub fn prune(conn: &mut DbConnection, before_ms: i64, limit: i64) -> Result<usize, DatabaseError> {
    let over = login_locks::table
        .filter(login_locks::expires_at_ms.lt(before_ms))
        .limit(limit)
        .select(login_locks::budget);
    let over: Vec<Vec<u8>> = unlocked!(conn, over);
    Ok(diesel::delete(login_locks::table.filter(login_locks::budget.eq_any(over))).execute(conn)?)
}
