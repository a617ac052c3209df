//! The table `guess_accounts`.

use diesel::prelude::*;
use service_kit::database::{DatabaseError, DbConnection};
use uuid::Uuid;

use super::schema::guess_accounts;
use crate::domain::GuessAccount;

/// What is counted for this user; the default if there is no row. `None` stands for an account that nobody has, and costs
/// the same query.
pub fn find(conn: &mut DbConnection, user_id: Option<Uuid>) -> Result<GuessAccount, DatabaseError> {
    // Nobody has the empty id.
    let user_id = user_id.map(|id| id.to_string()).unwrap_or_default();
    let columns =
        (guess_accounts::generation, guess_accounts::cookie_failures, guess_accounts::cookies_valid_from_ms);
    let row =
        guess_accounts::table.find(user_id).select(columns).first::<(i64, i64, i64)>(conn).optional()?;
    Ok(row.map_or_else(GuessAccount::default, |(generation, cookie_failures, cookies_valid_from_ms)| {
        GuessAccount { generation, cookie_failures, cookies_valid_from_ms }
    }))
}

/// Begins a new generation, so that everything that was counted before belongs to nobody. The caller holds the user's lock.
pub fn begin_generation(conn: &mut DbConnection, user_id: Uuid) -> Result<(), DatabaseError> {
    let row = guess_accounts::table.find(user_id.to_string());
    let raised = diesel::update(row)
        .set((
            guess_accounts::generation.eq(guess_accounts::generation + 1),
            guess_accounts::cookie_failures.eq(0),
        ))
        .execute(conn)?;
    if raised == 0 {
        diesel::insert_into(guess_accounts::table)
            .values((
                guess_accounts::user_id.eq(user_id.to_string()),
                guess_accounts::generation.eq(1),
                guess_accounts::cookie_failures.eq(0),
                guess_accounts::cookies_valid_from_ms.eq(0),
            ))
            .execute(conn)?;
    }
    Ok(())
}

/// Stores what is counted for a user. The caller holds the user's lock.
pub fn put(conn: &mut DbConnection, user_id: Uuid, counted: GuessAccount) -> Result<(), DatabaseError> {
    let values = (
        guess_accounts::generation.eq(counted.generation),
        guess_accounts::cookie_failures.eq(counted.cookie_failures),
        guess_accounts::cookies_valid_from_ms.eq(counted.cookies_valid_from_ms),
    );
    let row = guess_accounts::table.find(user_id.to_string());
    if diesel::update(row).set(values).execute(conn)? == 0 {
        diesel::insert_into(guess_accounts::table)
            .values((guess_accounts::user_id.eq(user_id.to_string()), values))
            .execute(conn)?;
    }
    Ok(())
}
