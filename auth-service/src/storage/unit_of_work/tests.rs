//! Tests of the unit of work, on both databases.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use diesel::connection::SimpleConnection as _;
use service_kit::database::Backend;
use service_kit::database::testing::TestDatabase;
use shared_claims::clock::ManualClock;
use shared_claims::revocation::RevocationKind;

use super::*;
use crate::domain::{AuditKind, Initiator, database_id};
use crate::storage::meta::{self, DATABASE_ID};
use crate::storage::{self, revocations};

const NOW_MS: i64 = 1_800_000_000_000;

/// Counts the events that it is asked about, and stores all of them.
#[derive(Clone, Default)]
struct Counting(Arc<AtomicUsize>);

impl AuditPolicy for Counting {
    fn rows(&self, event: &AuditEvent) -> Vec<AuditEvent> {
        self.0.fetch_add(1, Ordering::Relaxed);
        vec![event.clone()]
    }
}

/// Remembers what was announced, and whether the facts could be read then.
#[derive(Clone)]
struct Announced {
    database: Database,
    seqs: Arc<Mutex<Vec<i64>>>,
    known: Arc<Mutex<Option<KnownFact>>>,
}

impl Announce for Announced {
    fn newest_known(&self) -> Pin<Box<dyn Future<Output = Option<KnownFact>> + Send + '_>> {
        Box::pin(async { self.known.lock().unwrap().clone() })
    }

    fn announce(&self, seq: i64) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(async move {
            let committed = self.database.read(revocations::last_seq);
            assert!(committed.await.unwrap() >= seq, "announced before the commit");
            self.seqs.lock().unwrap().push(seq);
        })
    }
}

struct Site {
    unit: UnitOfWork,
    seqs: Arc<Mutex<Vec<i64>>>,
    known: Arc<Mutex<Option<KnownFact>>>,
    counting: Counting,
    _place: TestDatabase,
}

impl Site {
    async fn new(place: TestDatabase) -> Self {
        let database = Database::connect(&place.settings()).await.unwrap();
        database.migrate(storage::migrations()).await.unwrap();
        let known = Arc::<Mutex<Option<KnownFact>>>::default();
        let announced =
            Announced { database: database.clone(), seqs: Arc::default(), known: Arc::clone(&known) };
        let (seqs, counting) = (Arc::clone(&announced.seqs), Counting::default());
        let clock = ManualClock::at(NOW_MS);
        let unit = UnitOfWork::new(database, clock, Random::system())
            .with_audit_policy(counting.clone())
            .announced_by(announced);
        Self { unit, seqs, known, counting, _place: place }
    }

    /// The ids of the facts and the number of audit events that are stored.
    async fn stored(&self) -> (Vec<String>, usize) {
        let stored = self.unit.database().read(|conn| {
            let facts = revocations::page(conn, 0, None, NOW_MS / 1000, 100)?.facts;
            let events = audit::page(conn, &audit::AuditFilter::default(), "", 100)?;
            Ok::<_, DatabaseError>((facts.into_iter().map(|fact| fact.fact.id).collect(), events.len()))
        });
        stored.await.unwrap()
    }

    fn announced(&self) -> Vec<i64> {
        self.seqs.lock().unwrap().clone()
    }
}

fn fact(id: &str) -> RevocationFact {
    RevocationFact { kind: RevocationKind::Sid, id: id.to_owned(), at: None, exp: NOW_MS / 1000 + 900 }
}

fn event() -> AuditEvent {
    AuditEvent::new(AuditKind::SessionEnded, &Initiator::system())
}

#[tokio::test]
async fn events_and_facts_are_committed_together_and_announced_after_it() {
    for place in TestDatabase::both() {
        let site = Site::new(place).await;
        let committed = site.unit.commit(|transaction| {
            transaction.revoke(fact("a"));
            transaction.record(event());
            transaction.revoke_token_of_session(fact("b"), Uuid::nil());
            assert_eq!(revocations::last_seq(transaction.conn())?, 0, "facts are appended last");
            Ok::<_, DatabaseError>("done")
        });
        let Committed { value, seq } = committed.await.unwrap();
        assert_eq!((value, seq), ("done", Some(2)));
        assert_eq!(site.stored().await, (vec!["a".to_owned(), "b".to_owned()], 1));
        assert_eq!(site.announced(), [2]);
    }
}

#[tokio::test]
async fn an_error_keeps_nothing_and_announces_nothing() {
    for place in TestDatabase::both() {
        let site = Site::new(place).await;
        let failed = site.unit.commit(|transaction| {
            transaction.revoke(fact("a"));
            transaction.record(event());
            Err::<(), _>(DatabaseError::Overloaded)
        });
        assert!(matches!(failed.await, Err(DatabaseError::Overloaded)));
        assert_eq!(site.stored().await, (vec![], 0));
        assert!(site.announced().is_empty());
    }
}

#[tokio::test]
async fn a_step_leaves_the_announcement_to_the_next_one() {
    for place in TestDatabase::both() {
        let site = Site::new(place).await;
        let step = |id: &'static str, is_last: bool| {
            site.unit.commit(move |transaction| {
                transaction.revoke(fact(id));
                if !is_last {
                    transaction.leave_announcement_to_next_step();
                }
                Ok::<_, DatabaseError>(())
            })
        };
        assert_eq!(step("a", false).await.unwrap().seq, Some(1));
        assert!(site.announced().is_empty());
        step("b", true).await.unwrap();
        assert_eq!(site.announced(), [2]);
    }
}

/// Has the first statement that appends a fact lose a deadlock. A sequence is not rolled back, so the second one succeeds.
const LOSE_ONCE: &str = "
    CREATE SEQUENCE attempts;
    CREATE FUNCTION lose_once() RETURNS trigger AS $$
    BEGIN
        IF nextval('attempts') = 1 THEN
            RAISE EXCEPTION 'deadlock detected' USING ERRCODE = '40P01';
        END IF;
        RETURN NEW;
    END $$ LANGUAGE plpgsql;
    CREATE TRIGGER lose_once BEFORE INSERT ON revocations FOR EACH ROW EXECUTE FUNCTION lose_once();";

#[tokio::test]
async fn a_transaction_that_is_repeated_records_and_revokes_once() {
    // A transaction on SQLite takes the only write lock at its beginning, so it is never repeated.
    let site = Site::new(TestDatabase::create(Backend::Postgres)).await;
    let created =
        site.unit.database().write_once(|conn| Ok::<_, DatabaseError>(conn.batch_execute(LOSE_ONCE)?));
    created.await.unwrap();
    let attempts = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&attempts);
    let committed = site.unit.commit(move |transaction| {
        counted.fetch_add(1, Ordering::Relaxed);
        transaction.revoke(fact("a"));
        transaction.record(event());
        transaction.record(event());
        transaction.enqueue(NewMessage {
            kind: "test",
            receiver: "somebody".to_owned(),
            lane: "lane".to_owned(),
            payload: String::new(),
        });
        Ok::<_, DatabaseError>(())
    });
    committed.await.unwrap();
    let queued = site.unit.database().read(|conn| queue::list(conn, &queue::MessageFilter::default(), 0, 10));
    assert_eq!(queued.await.unwrap().len(), 1);
    assert_eq!(attempts.load(Ordering::Relaxed), 2);
    assert_eq!(site.stored().await, (vec!["a".to_owned()], 2));
    assert_eq!(site.announced(), [1]);
    assert_eq!(site.counting.0.load(Ordering::Relaxed), 2, "each event is counted once");
}

/// Facts that are committed on a restored database would take the numbers of those that it lost.
#[tokio::test]
async fn a_fact_that_does_not_follow_what_is_known_of_its_database_is_not_committed() {
    for place in TestDatabase::both() {
        let site = Site::new(place).await;
        let revoke = async |id: &'static str| {
            let committed = site.unit.commit(move |transaction| {
                transaction.revoke(fact(id));
                Ok::<_, DatabaseError>(())
            });
            committed.await.map(|committed| committed.seq)
        };
        let named = |conn: &mut DbConnection, id: &str| meta::insert(conn, DATABASE_ID, id);
        let this = Uuid::from_u128(1).to_string();
        let id = this.clone();
        site.unit.database().write(move |conn| named(conn, &id)).await.unwrap();
        let know = |database: &str, seq| {
            *site.known.lock().unwrap() = Some(KnownFact { database: database.to_owned(), seq });
        };
        know(&this, 0);
        assert_eq!(revoke("a").await.unwrap(), Some(1));
        for (later, seq) in [(this.clone(), 2), (database_id::next(&this, Uuid::from_u128(2)), 0)] {
            know(&later, seq);
            let refused = revoke("b").await.unwrap_err().to_string();
            assert!(refused.contains("after-restore"), "{refused}");
        }
        know(&Uuid::from_u128(3).to_string(), 2);
        assert_eq!(revoke("c").await.unwrap(), Some(2));
        know(&this, 2);
        assert_eq!(revoke("d").await.unwrap(), Some(3));
        assert_eq!(site.stored().await.0, ["a", "c", "d"]);
    }
}
