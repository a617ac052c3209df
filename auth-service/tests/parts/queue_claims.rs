//! A claim costs as much with 100,000 messages as with none.

use std::time::Duration;

use auth_service::random::Random;
use auth_service::storage::queue::{self, Claim, KindRules};
use auth_service::storage::{self, UnitOfWork};
use diesel::RunQueryDsl as _;
use service_kit::database::testing::TestDatabase;
use service_kit::database::{Backend, Database, DatabaseError};
use shared_claims::clock::ManualClock;
use tokio::time::Instant;

const NOW_MS: i64 = 1_700_000_000_000;
const ROWS: usize = 100_000;

/// Inserts [`ROWS`] messages of this lane (an SQL expression over `n`), due at this time.
async fn fill(database: &Database, lane: &str, due_ms: i64) {
    let source = match database.backend() {
        Backend::Postgres => format!("SELECT n FROM generate_series(1, {ROWS}) AS s(n)"),
        Backend::Sqlite => format!(
            "WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < {ROWS}) SELECT n FROM s"
        ),
    };
    let insert = format!(
        "INSERT INTO queue_messages (id, kind, receiver, lane, payload, created_at_ms, give_up_at_ms, due_at_ms) \
         SELECT '00000000-0000-7000-8000-' || substr(CAST(1000000000000 + n AS TEXT), 2), 'plain', 'r', {lane}, '', \
         {NOW_MS}, {NOW_MS} + 86400000, {due_ms} FROM ({source}) AS numbers"
    );
    let filled = database.write(move |conn| {
        diesel::sql_query(&insert).execute(conn)?;
        Ok::<_, DatabaseError>(())
    });
    filled.await.unwrap();
    if database.backend() == Backend::Postgres {
        let analyzed = database.read(|conn| {
            diesel::sql_query("ANALYZE queue_messages").execute(conn)?;
            Ok::<_, DatabaseError>(())
        });
        analyzed.await.unwrap();
    }
}

/// The shortest of some claims of a single message of the lane `live`, each of which is then deleted.
async fn claim_time(database: &Database) -> Duration {
    let rules = KindRules { kind: "plain", most_at_a_time: 4, keeps_order: false, lease_ms: 10_000 };
    let mut shortest = Duration::MAX;
    for _ in 0..15 {
        let unit = UnitOfWork::new(database.clone(), ManualClock::at(NOW_MS), Random::system());
        let written = unit.commit(|transaction| {
            transaction.enqueue(auth_service::domain::NewMessage {
                kind: "plain",
                receiver: "r".to_owned(),
                lane: "live".to_owned(),
                payload: "wanted".to_owned(),
            });
            Ok::<_, DatabaseError>(())
        });
        written.await.unwrap();
        let rules = rules.clone();
        let claimed = database.write(move |conn| {
            let began = Instant::now();
            let kinds = [rules.clone()];
            let claim = Claim { holder: "here", kinds: &kinds, most: 64, now_ms: NOW_MS };
            let claimed = queue::claim(conn, &claim)?;
            Ok::<_, DatabaseError>((claimed, began.elapsed()))
        });
        let (claimed, took) = claimed.await.unwrap();
        let wanted: Vec<_> = claimed.iter().filter(|message| message.payload == "wanted").collect();
        assert_eq!(wanted.len(), 1);
        shortest = shortest.min(took);
        let id = wanted[0].id;
        assert!(database.write(move |conn| queue::delete(conn, id)).await.unwrap());
    }
    shortest
}

#[tokio::test]
async fn a_hundred_thousand_messages_do_not_slow_a_claim() {
    // Messages that wait for their next try, for a thousand receivers; then messages that are all due, for one receiver
    // that has as many calls as it may have.
    let fills = [("'lane' || CAST(n % 1000 AS TEXT)", NOW_MS + 60_000), ("'busy'", NOW_MS - 1)];
    for (lane, due_ms) in fills {
        for place in TestDatabase::both() {
            let database = Database::connect(&place.settings()).await.unwrap();
            database.migrate(storage::migrations()).await.unwrap();
            let before = claim_time(&database).await;
            fill(&database, lane, due_ms).await;
            let full = claim_time(&database).await;
            let bound = before * 5 + Duration::from_millis(15);
            assert!(full <= bound, "{:?}, {lane}: {full:?}, with none {before:?}", place.backend());
        }
    }
}
