//! Detects whether anything was written to the database.

use std::fmt::Write as _;

use diesel::RunQueryDsl;
use diesel::dsl::sql;
use diesel::sql_types::{BigInt, Text};
use service_kit::database::{Database, DatabaseError, DatabaseSettings, DbConnection};

use super::TestApp;

/// Detects every change that another connection has committed to the database.
pub(crate) struct Changes(Database);

impl TestApp {
    pub(crate) async fn changes(&self) -> Changes {
        // SQLite counts the changes of other connections for each connection separately, so all queries must use the
        // same one.
        let settings = DatabaseSettings { pool_size: 1, ..self.settings().database.clone() };
        Changes(Database::connect(&settings).await.unwrap())
    }
}

impl Changes {
    /// Returns a value that differs after every change.
    pub(crate) async fn mark(&self) -> String {
        let marked = self.0.read(|conn| match conn {
            DbConnection::Sqlite(conn) => {
                let version = sql::<BigInt>("SELECT data_version FROM pragma_data_version");
                Ok::<_, DatabaseError>(version.get_result::<i64>(conn)?.to_string())
            }
            DbConnection::Postgres(conn) => {
                let tables = "SELECT string_agg(tablename, ' ') FROM pg_tables WHERE schemaname = 'public'";
                let mut marks = String::new();
                for table in sql::<Text>(tables).get_result::<String>(conn)?.split(' ') {
                    // Each version of a row has its own `xmin` and `ctid`.
                    let rows = format!(
                        "SELECT md5(string_agg(t::text || xmin || ctid, ' ' ORDER BY ctid)) FROM {table} t"
                    );
                    let mark = sql::<Text>(&format!("SELECT coalesce(({rows}), 'empty')"));
                    writeln!(marks, "{table}: {}", mark.get_result::<String>(conn)?).unwrap();
                }
                Ok(marks)
            }
        });
        marked.await.unwrap()
    }
}
