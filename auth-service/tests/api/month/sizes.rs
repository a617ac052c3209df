//! The sizes of tables.

use diesel::prelude::*;
use diesel::sql_types::BigInt;
use service_kit::database::{Database, DatabaseError, DbConnection};

#[derive(QueryableByName)]
struct Size {
    #[diesel(sql_type = BigInt)]
    size: i64,
}

/// The number of rows of a table.
pub(crate) async fn rows(database: &Database, table: &'static str) -> usize {
    number(database, format!("SELECT count(*) AS size FROM {table}")).await
}

/// The size in bytes of a table with its indexes.
pub(crate) async fn bytes(database: &Database, table: &'static str) -> usize {
    let sql = match database.backend() {
        service_kit::database::Backend::Postgres => {
            format!("SELECT pg_total_relation_size('{table}') AS size")
        }
        service_kit::database::Backend::Sqlite => format!(
            "SELECT CAST(sum(pgsize) AS BIGINT) AS size FROM dbstat \
             WHERE name IN (SELECT name FROM sqlite_master WHERE tbl_name = '{table}')"
        ),
    };
    number(database, sql).await
}

async fn number(database: &Database, sql: String) -> usize {
    let read = database.read(move |conn: &mut DbConnection| {
        Ok::<_, DatabaseError>(diesel::sql_query(sql).get_result::<Size>(conn)?.size)
    });
    usize::try_from(read.await.unwrap()).unwrap()
}
