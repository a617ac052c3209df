//! Temporary failures, with messages in any language.

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use service_kit::database::testing::TestDatabase;
use service_kit::database::{Backend, Database, DatabaseError, DatabaseSettings, DbConnection};

use crate::{migrated, migrated_with};

fn fill(c: &mut DbConnection) -> Result<(), DatabaseError> {
    use crate::schema::tokens::dsl::{consumed_at_ms, family, hash, is_active, tokens};
    let row = (
        hash.eq(vec![1_u8; 32]),
        family.eq("x".repeat(2_000_000)),
        consumed_at_ms.eq(None::<i64>),
        is_active.eq(true),
    );
    diesel::insert_into(tokens).values(row).execute(c)?;
    Ok(())
}

#[tokio::test]
async fn a_full_disk_is_transient_and_shown_by_ping_until_there_is_space() {
    let test = TestDatabase::create(Backend::Sqlite);
    let database = migrated(&test).await;
    let limit = |pages: u32| {
        let pragma = format!("PRAGMA max_page_count = {pages}");
        database.write(move |c| Ok::<_, DatabaseError>(c.batch_execute(&pragma)?))
    };
    limit(20).await.unwrap();
    database.ping().await.unwrap();
    let refused = database.write(fill).await.unwrap_err();
    assert!(matches!(refused, DatabaseError::DiskFull(_)) && refused.is_transient(), "{refused:?}");
    assert!(matches!(database.ping().await, Err(DatabaseError::DiskFull(_))));
    limit(100_000).await.unwrap();
    database.write(fill).await.unwrap();
}

/// Makes PostgreSQL fail with this SQLSTATE and this message, in the language of the server.
async fn refused_with(database: &Database, state: &'static str, words: &'static str) -> DatabaseError {
    let raise = move |c: &mut DbConnection| {
        let sql = format!("DO $$ BEGIN RAISE EXCEPTION '{words}' USING ERRCODE = '{state}'; END $$");
        diesel::sql_query(sql).execute(c)?;
        Ok::<_, DatabaseError>(())
    };
    database.write(raise).await.unwrap_err()
}

const FULL: &str = "could not extend file \"base/16/17\": No space left on device";

#[tokio::test]
async fn a_full_disk_of_the_server_is_transient_and_shown_by_ping() {
    let test = TestDatabase::create(Backend::Postgres);
    let database = migrated(&test).await;
    let refused = refused_with(&database, "53100", FULL).await;
    assert!(matches!(refused, DatabaseError::DiskFull(_)), "{refused:?}");
    assert!(matches!(database.ping().await, Err(DatabaseError::DiskFull(_))));
}

/// A role without the right to choose the language, on a database that is set to German. (The German messages need not
/// be installed on the server: the tests raise errors with their own texts.)
async fn of_a_foreign_database(test: &TestDatabase) -> DatabaseSettings {
    let admin = migrated(test).await;
    let name = url::Url::parse(test.url()).unwrap().path().trim_start_matches('/').to_owned();
    let role = format!("{name}_plain");
    let sql = format!(
        "CREATE ROLE {role} LOGIN; GRANT ALL ON ALL TABLES IN SCHEMA public TO {role}; \
         ALTER DATABASE {name} SET lc_messages = 'de_DE.UTF-8'; "
    );
    admin.write(move |c| Ok::<_, DatabaseError>(c.batch_execute(&sql)?)).await.unwrap();
    let mut url = url::Url::parse(test.url()).unwrap();
    url.set_username(&role).unwrap();
    DatabaseSettings { lock_timeout_ms: 300, ..DatabaseSettings::at(url.as_str()) }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn errors_in_another_language_are_switched_to_english_or_treated_as_transient() {
    let test = TestDatabase::create(Backend::Postgres);
    let foreign = of_a_foreign_database(&test).await;
    // A superuser may switch to English, and then the messages are understood.
    let superuser = Database::connect(&test.settings()).await.unwrap();
    let language = superuser
        .read(|c| {
            #[derive(QueryableByName)]
            struct Language {
                #[diesel(sql_type = diesel::sql_types::Text)]
                name: String,
            }
            let language: Language =
                diesel::sql_query("SELECT current_setting('lc_messages') AS name").get_result(c)?;
            Ok::<_, DatabaseError>(language.name)
        })
        .await
        .unwrap();
    assert_eq!(language, "C");

    let plain = Database::connect(&foreign).await.unwrap();
    // A real lock time-out, with the server's own message.
    let mut holder = PgConnection::establish(test.url()).unwrap();
    holder.batch_execute("BEGIN; UPDATE counters SET value = value").unwrap();
    let late = plain.write(crate::count_up).await.unwrap_err();
    assert!(matches!(late, DatabaseError::Unavailable(_)), "{late:?}");
    holder.batch_execute("ROLLBACK").unwrap();
    let words = "breche Anweisung wegen Zeitüberschreitung einer Sperre ab";
    let refused = refused_with(&plain, "55P03", words).await;
    assert!(matches!(refused, DatabaseError::Unavailable(_)), "{refused:?}");
    // An error that names a position is a fault of the service in any language.
    let wrong = plain.write(|c| Ok::<_, DatabaseError>(diesel::sql_query("SELEKT").execute(c)?)).await;
    assert!(!wrong.unwrap_err().is_transient());
    // An error that the work handled in a savepoint does not count.
    let handled = plain
        .write(|c| {
            let in_vain: Result<(), diesel::result::Error> = c.transaction(|c| {
                diesel::sql_query("DO $$ BEGIN RAISE EXCEPTION 'x'; END $$").execute(c)?;
                Ok(())
            });
            assert!(in_vain.is_err());
            Err::<(), _>(DatabaseError::Settings("mine".to_owned()))
        })
        .await;
    assert!(matches!(handled, Err(DatabaseError::Settings(_))), "{handled:?}");

    // On a server with English messages, the same unknown text is not a temporary failure.
    let english = migrated_with(&test.settings()).await;
    let refused = refused_with(&english, "55P03", words).await;
    assert!(!refused.is_transient(), "{refused:?}");
}
