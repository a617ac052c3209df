//! How long `after-restore` takes with a million users: `scripts/bench restore`.

#![expect(clippy::print_stdout, reason = "prints the figure")]

use diesel::connection::SimpleConnection;
use diesel::{Connection, PgConnection, SqliteConnection};
use service_kit::database::Backend;
use service_kit::database::testing::TestDatabase;

use super::ended;
use crate::helpers::ServiceSettings;

/// The user that is registered becomes a million users, each with a session and every tenth with a browser session.
const MILLION: &str = "
INSERT INTO users (id, username, username_key, username_skeleton, email_verified, is_active, roles, password_scheme,
    password_hash, credentials_version, created_at_ms, updated_at_ms, profile_claims, is_self_registered)
  SELECT {id}, 'user' || n, 'user' || n, 'user' || n, email_verified, is_active, roles, password_scheme, password_hash,
    credentials_version, created_at_ms, updated_at_ms, profile_claims, is_self_registered
  FROM {numbers} CROSS JOIN users WHERE username = 'alice';
INSERT INTO sessions (id, user_id, client_id, scope, amr, auth_time_s, created_at_ms, last_used_at_ms, expires_at_ms,
    access_expires_at_s, audience, idle_expires_at_ms, userinfo_claims)
  SELECT {id}, {id}, client_id, scope, amr, auth_time_s, created_at_ms, last_used_at_ms, expires_at_ms,
    access_expires_at_s, audience, idle_expires_at_ms, userinfo_claims
  FROM {numbers} CROSS JOIN sessions WHERE user_id = (SELECT id FROM users WHERE username = 'alice');
INSERT INTO browser_sessions (id, user_id, handle_hash, credentials_version, amr, signed_in_at_ms, created_at_ms,
    last_used_at_ms, idle_expires_at_ms, expires_at_ms, client_ids)
  SELECT {id}, {id}, {hash}, 1, 'pwd', created_at_ms, created_at_ms, last_used_at_ms, idle_expires_at_ms, expires_at_ms, ''
  FROM {numbers} CROSS JOIN sessions
  WHERE user_id = (SELECT id FROM users WHERE username = 'alice') AND n % 10 = 0;
";

fn fill(database: &TestDatabase) {
    let (id, numbers, hash) = match database.backend() {
        Backend::Postgres => {
            ("md5(n::text)::uuid::text", "generate_series(1, 1000000) AS n", "sha256(n::text::bytea)")
        }
        Backend::Sqlite => (
            "printf('%08x-0000-4000-8000-%012x', (n * 2654435761) % 4294967296, n)",
            "(WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 1000000) SELECT n FROM c)",
            "CAST(printf('%032d', n) AS BLOB)",
        ),
    };
    let sql = MILLION.replace("{id}", id).replace("{numbers}", numbers).replace("{hash}", hash);
    match database.backend() {
        Backend::Postgres => {
            let mut connection = PgConnection::establish(database.url()).unwrap();
            // As a database that was just restored.
            connection.batch_execute(&format!("{sql} ANALYZE")).unwrap();
        }
        Backend::Sqlite => {
            let path = database.url().trim_start_matches("sqlite://");
            let mut connection = SqliteConnection::establish(path).unwrap();
            connection.batch_execute(&format!("PRAGMA synchronous = OFF; BEGIN; {sql} COMMIT")).unwrap();
        }
    }
}

#[actix_web::test]
#[ignore = "takes minutes: scripts/bench restore"]
async fn a_million_users() {
    for database in TestDatabase::both() {
        let settings = ServiceSettings::on(&database);
        let service = settings.start().await;
        service.register("alice").await;
        service.access_token("alice").await;
        assert!(service.terminate().success());
        fill(&database);
        let began = tokio::time::Instant::now();
        let document = ended(&settings);
        let seconds = began.elapsed().as_secs_f64();
        assert_eq!(document["users"], 1_000_001, "{document}");
        assert_eq!(
            (&document["sessions"], &document["browser_sessions"]),
            (&1_000_001.into(), &100_000.into())
        );
        let name = match database.backend() {
            Backend::Postgres => "PostgreSQL",
            Backend::Sqlite => "SQLite",
        };
        println!(
            "| {name}: `after-restore` with a million users, each with a session | < 60 s | {seconds:.0} s |"
        );
        let service = settings.start().await;
        service.access_token("alice").await;
    }
}
