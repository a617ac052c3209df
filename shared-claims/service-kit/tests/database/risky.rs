//! Details in which one code path for two databases may fail.

use diesel::backend::Backend as DieselBackend;
use diesel::deserialize::{self, FromSql, FromSqlRow};
use diesel::expression::AsExpression;
use diesel::prelude::*;
use diesel::serialize::{self, Output, ToSql};
use diesel::sql_types::Text;
use service_kit::database::testing::TestDatabase;
use service_kit::database::{Database, DatabaseError, DbConnection};

use crate::migrated;
use crate::schema::tokens;

/// A newtype, as the domain modules use them.
#[derive(Clone, Debug, PartialEq, Eq, AsExpression, FromSqlRow)]
#[diesel(sql_type = Text)]
struct Family(String);

impl<DB> ToSql<Text, DB> for Family
where
    DB: DieselBackend,
    String: ToSql<Text, DB>,
{
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, DB>) -> serialize::Result {
        self.0.to_sql(out)
    }
}

impl<DB> FromSql<Text, DB> for Family
where
    DB: DieselBackend,
    String: FromSql<Text, DB>,
{
    fn from_sql(bytes: DB::RawValue<'_>) -> deserialize::Result<Self> {
        String::from_sql(bytes).map(Self)
    }
}

#[derive(Clone, Debug, PartialEq, Queryable, Selectable, Insertable)]
#[diesel(table_name = tokens)]
struct TokenRow {
    hash: Vec<u8>,
    family: Family,
    consumed_at_ms: Option<i64>,
    is_active: bool,
}

fn token(hash: u8) -> TokenRow {
    TokenRow {
        hash: vec![hash; 32],
        family: Family("family é \u{1F511}".to_owned()),
        consumed_at_ms: None,
        is_active: true,
    }
}

async fn insert(database: &Database, row: TokenRow) -> Result<usize, DatabaseError> {
    database.write(move |c| Ok(diesel::insert_into(tokens::table).values(&row).execute(c)?)).await
}

#[tokio::test]
async fn a_row_with_newtypes_and_bytes_is_read_as_it_was_written() {
    for test in TestDatabase::both() {
        let database = migrated(&test).await;
        let row = TokenRow { consumed_at_ms: Some(i64::MAX), ..token(0xff) };
        insert(&database, row.clone()).await.unwrap();
        let found: Vec<TokenRow> = database
            .read(|c| {
                let family = Family("family é \u{1F511}".to_owned());
                let query = tokens::table.filter(tokens::family.eq(family)).select(TokenRow::as_select());
                Ok::<_, DatabaseError>(query.load(c)?)
            })
            .await
            .unwrap();
        assert_eq!(found, [row], "{:?}", test.backend());
    }
}

/// Columns are listed, because Diesel does not implement `as_returning()` for the enum (it does implement
/// `as_select()`).
#[tokio::test]
async fn returning_gives_the_row_through_the_enum() {
    for test in TestDatabase::both() {
        let database = migrated(&test).await;
        let returned: TokenRow = database
            .write(|c| {
                let inserted = diesel::insert_into(tokens::table).values(token(1));
                Ok::<_, DatabaseError>(inserted.returning(tokens::all_columns).get_result(c)?)
            })
            .await
            .unwrap();
        assert_eq!(returned, token(1), "{:?}", test.backend());
    }
}

/// Rotates a token as the services do: one guarded update, a check of the affected rows, then the insert of the
/// successor.
fn rotate(c: &mut DbConnection, child: u8) -> Result<bool, DatabaseError> {
    let parent =
        tokens::table.filter(tokens::hash.eq(vec![1_u8; 32])).filter(tokens::consumed_at_ms.is_null());
    let consumed = diesel::update(parent).set(tokens::consumed_at_ms.eq(Some(1_000_i64))).execute(c)?;
    if consumed == 0 {
        return Ok(false);
    }
    diesel::insert_into(tokens::table).values(token(child)).execute(c)?;
    Ok(true)
}

#[tokio::test]
async fn exactly_one_of_many_concurrent_rotations_succeeds() {
    for test in TestDatabase::both() {
        let database = migrated(&test).await;
        insert(&database, token(1)).await.unwrap();
        let attempts = (0..50_u8).map(|n| {
            let database = database.clone();
            tokio::spawn(async move { database.write(move |c| rotate(c, 100 + n)).await.unwrap() })
        });
        let mut won = 0;
        for attempt in attempts.collect::<Vec<_>>() {
            won += usize::from(attempt.await.unwrap());
        }
        let rows: i64 =
            database.read(|c| Ok::<_, DatabaseError>(tokens::table.count().get_result(c)?)).await.unwrap();
        assert_eq!((won, rows), (1, 2), "{:?}", test.backend());
    }
}

#[tokio::test]
async fn a_unique_violation_is_recognised_and_a_savepoint_keeps_the_transaction_usable() {
    for test in TestDatabase::both() {
        let database = migrated(&test).await;
        insert(&database, token(1)).await.unwrap();
        let error = insert(&database, token(1)).await.unwrap_err();
        let DatabaseError::Query(diesel::result::Error::DatabaseError(kind, _)) = error else {
            panic!("{error:?} on {:?}", test.backend());
        };
        assert!(matches!(kind, diesel::result::DatabaseErrorKind::UniqueViolation));

        let outcome: bool = database
            .write(|c| {
                let inserted =
                    c.transaction(|c| diesel::insert_into(tokens::table).values(token(1)).execute(c));
                diesel::insert_into(tokens::table).values(token(2)).execute(c)?;
                Ok::<_, DatabaseError>(inserted.is_ok())
            })
            .await
            .unwrap();
        assert!(!outcome);
        let rows: i64 =
            database.read(|c| Ok::<_, DatabaseError>(tokens::table.count().get_result(c)?)).await.unwrap();
        assert_eq!(rows, 2, "{:?}", test.backend());
    }
}

#[tokio::test]
async fn rows_are_locked_on_a_database_with_row_locks() {
    for test in TestDatabase::both() {
        let database = migrated(&test).await;
        let locked: i64 = database
            .write(|c| {
                use crate::schema::counters::dsl::{counters, value};
                let found = match c {
                    DbConnection::Postgres(c) => counters.select(value).for_update().first(c),
                    DbConnection::Sqlite(c) => counters.select(value).first(c),
                };
                Ok::<_, DatabaseError>(found?)
            })
            .await
            .unwrap();
        assert_eq!(locked, 0);
    }
}
