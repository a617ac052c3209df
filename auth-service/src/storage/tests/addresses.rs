//! Tests that a verified address belongs to one user from the migration on.

use diesel::prelude::*;
use diesel::sql_types::Text;
use service_kit::database::testing::TestDatabase;
use service_kit::database::{Backend, DatabaseError};

use super::opened;
use crate::storage::{meta, migrations};

const DOWN: [&str; 2] = [
    include_str!("../../../../migrations/auth/sqlite/20261130130000_create_mailed_links/down.sql"),
    include_str!("../../../../migrations/auth/postgres/20261130130000_create_mailed_links/down.sql"),
];

#[derive(QueryableByName, Debug, PartialEq, Eq)]
struct Address {
    #[diesel(sql_type = Text)]
    username: String,
    #[diesel(sql_type = Text)]
    email_key: String,
    #[diesel(sql_type = diesel::sql_types::Bool)]
    email_verified: bool,
    #[diesel(sql_type = diesel::sql_types::Bool)]
    is_self_registered: bool,
}

/// In the database of the last release several users may have the same verified address, in capitals, too.
#[tokio::test]
async fn the_oldest_user_keeps_an_address_that_several_have_verified() {
    for backend in [Backend::Sqlite, Backend::Postgres] {
        let test = TestDatabase::create(backend);
        let database = opened(&test).await;
        let filled = database.write(move |conn| {
            use diesel::connection::SimpleConnection;
            conn.batch_execute(DOWN[usize::from(backend == Backend::Postgres)])?;
            conn.batch_execute("DELETE FROM __diesel_schema_migrations WHERE version = '20261130130000'")?;
            for (number, (email, key, is_verified, created_at_ms)) in [
                ("Ada@example.org", "ada@example.org", true, 30),
                ("ada@example.org", "ada@example.org", true, 20),
                ("ada@example.org", "ADA@example.org", true, 10),
                ("ada@example.org", "ada@example.org", false, 5),
                ("bob@example.org", "bob@example.org", true, 10),
                ("ünï@example.org", "ünï@example.org", true, 10),
            ]
            .into_iter()
            .enumerate()
            {
                conn.batch_execute(&format!(
                    "INSERT INTO users (id, username, username_key, username_skeleton, email, email_key, \
                     email_verified, is_active, roles, password_scheme, password_hash, credentials_version, \
                     created_at_ms, updated_at_ms) VALUES ('{number}', 'user{number}', 'user{number}', \
                     'user{number}', '{email}', '{key}', {is_verified}, TRUE, '', '', '', 1, {created_at_ms}, 0)"
                ))?;
            }
            conn.batch_execute(
                "INSERT INTO audit_events (id, at_ms, kind, actor, user_id) \
                 VALUES ('1', 0, 'user.registered', 'caller', '4')",
            )?;
            Ok::<_, DatabaseError>(())
        });
        filled.await.unwrap();
        let applied = database.migrate(migrations()).await.unwrap();
        assert_eq!(applied, ["20261130130000_create_mailed_links"]);
        let read = database.read(|conn| {
            let query =
                "SELECT username, email_key, email_verified, is_self_registered FROM users ORDER BY id";
            let found = meta::find(conn, meta::VERIFIED_ADDRESSES_TAKEN)?;
            Ok::<_, DatabaseError>((diesel::sql_query(query).load::<Address>(conn)?, found))
        });
        let (addresses, taken) = read.await.unwrap();
        let seen: Vec<_> = addresses.iter().map(|row| (row.email_key.as_str(), row.email_verified)).collect();
        let expected = [
            ("ada@example.org", false),
            ("ada@example.org", false),
            ("ada@example.org", true),
            ("ada@example.org", false),
            ("bob@example.org", true),
            ("ünï@example.org", true),
        ];
        assert_eq!(seen, expected, "{backend:?}");
        assert_eq!(taken.as_deref(), Some("2"), "those who lost it");
        let registered = addresses.iter().filter(|row| row.is_self_registered);
        assert_eq!(registered.map(|row| row.username.as_str()).collect::<Vec<_>>(), ["user4"]);
    }
}
