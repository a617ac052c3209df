//! Everything that the database holds, as text.

use std::fmt::Write as _;

use diesel::RunQueryDsl;
use diesel::dsl::sql;
use diesel::sql_types::{Nullable, Text};
use service_kit::database::{DatabaseError, DbConnection};

use super::TestApp;

const TABLES_OF_POSTGRES: &str =
    "SELECT coalesce(string_agg(tablename, ' '), '') FROM pg_tables WHERE schemaname = 'public'";
const TABLES_OF_SQLITE: &str = "SELECT group_concat(name, ' ') FROM sqlite_master WHERE type = 'table'";

impl TestApp {
    /// Every row of every table.
    pub(crate) async fn dump(&self) -> String {
        let read = self.database.read(|conn| {
            let one = |conn: &mut DbConnection, query: &str| -> Result<String, DatabaseError> {
                let found = match conn {
                    DbConnection::Postgres(conn) => sql::<Nullable<Text>>(query).get_result(conn)?,
                    DbConnection::Sqlite(conn) => sql::<Nullable<Text>>(query).get_result(conn)?,
                };
                Ok(Option::<String>::unwrap_or_default(found))
            };
            let is_postgres = matches!(conn, DbConnection::Postgres(_));
            let tables = one(conn, if is_postgres { TABLES_OF_POSTGRES } else { TABLES_OF_SQLITE })?;
            let mut dump = String::new();
            for table in tables.split(' ') {
                let row = if is_postgres {
                    "t::text".to_owned()
                } else {
                    let columns = format!(
                        "SELECT group_concat('quote(\"' || name || '\")', '||'' ''||') FROM pragma_table_info('{table}')"
                    );
                    one(conn, &columns)?
                };
                let joined = if is_postgres { "string_agg" } else { "group_concat" };
                let rows = one(conn, &format!("SELECT {joined}({row}, ' | ') FROM {table} t"))?;
                writeln!(dump, "{table}: {rows}").unwrap();
            }
            Ok::<_, DatabaseError>(dump)
        });
        read.await.unwrap()
    }
}
