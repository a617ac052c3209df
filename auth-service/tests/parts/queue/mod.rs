//! The queue, with a handler that does what the tests want.

mod retrying;
mod sending;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use auth_service::domain::{NewMessage, QueuedMessage};
use auth_service::queue::{Delivery, Handler, Queue, Sending, Worker};
use auth_service::random::Random;
use auth_service::storage::queue::{self, MessageFilter};
use auth_service::storage::{self, UnitOfWork};
use service_kit::database::testing::TestDatabase;
use service_kit::database::{Database, DatabaseError};
use shared_claims::clock::{Clock as _, ManualClock};

const START_MS: i64 = 1_700_000_000_000;
const LIMIT: Duration = Duration::from_secs(20);

/// What a test sees of the tries of all replicas: the payloads, in the order in which the tries began.
#[derive(Default)]
struct Seen {
    tried: Mutex<Vec<String>>,
    delivered: Mutex<Vec<String>>,
    running: AtomicUsize,
    most_running: AtomicUsize,
}

/// Does with a message what its payload says: `fail`, `panic`, `sleep`, `gone`; everything else is delivered.
struct Obedient {
    kind: &'static str,
    seen: Arc<Seen>,
    keeps_order: bool,
    time_limit: Duration,
}

impl Handler for Obedient {
    fn kind(&self) -> &'static str {
        self.kind
    }

    fn time_limit(&self) -> Duration {
        self.time_limit
    }

    fn keeps_order(&self) -> bool {
        self.keeps_order
    }

    fn send(&self, message: QueuedMessage) -> Sending<'_> {
        Box::pin(async move {
            self.seen.tried.lock().unwrap().push(message.payload.clone());
            let running = self.seen.running.fetch_add(1, Ordering::SeqCst) + 1;
            self.seen.most_running.fetch_max(running, Ordering::SeqCst);
            // Gives the others the time to begin, so that too many at a time would be seen.
            tokio::time::sleep(Duration::from_millis(5)).await;
            self.seen.running.fetch_sub(1, Ordering::SeqCst);
            match message.payload.split(' ').next().unwrap() {
                "fail" => Delivery::Failed("answered 500".to_owned()),
                "gone" => Delivery::Pointless("nobody is there"),
                "sleep" => std::future::pending().await,
                "panic" => panic!("as the test wants it"),
                _ => {
                    self.seen.delivered.lock().unwrap().push(message.payload);
                    Delivery::Delivered
                }
            }
        })
    }
}

struct World {
    database: Database,
    clock: Arc<ManualClock>,
    seen: Arc<Seen>,
    _place: TestDatabase,
}

impl World {
    async fn both() -> [Self; 2] {
        let [one, other] = TestDatabase::both();
        [Self::on(one).await, Self::on(other).await]
    }

    async fn on(place: TestDatabase) -> Self {
        let database = Database::connect(&place.settings()).await.unwrap();
        database.migrate(storage::migrations()).await.unwrap();
        Self { database, clock: ManualClock::at(START_MS), seen: Arc::default(), _place: place }
    }

    fn queue(&self) -> Queue {
        Queue::new(self.database.clone(), self.clock.clone(), Random::system())
    }

    /// A replica, which sends `plain` in any order and `ordered` in order.
    fn start(&self, queue: &Queue) -> Worker {
        let handler = |kind, keeps_order| -> Arc<dyn Handler> {
            let (seen, time_limit) = (Arc::clone(&self.seen), Duration::from_secs(2));
            Arc::new(Obedient { kind, seen, keeps_order, time_limit })
        };
        Worker::start(queue, vec![handler("plain", false), handler("ordered", true)])
    }

    async fn commit(&self, queue: &Queue, messages: &[(&'static str, &str, &str)], waits: bool) {
        let unit = UnitOfWork::new(self.database.clone(), self.clock.clone(), Random::system())
            .dispatched_by(queue.clone());
        let messages: Vec<_> =
            messages.iter().map(|(kind, lane, payload)| message(kind, lane, payload)).collect();
        let written = unit.commit(move |transaction| {
            for message in &messages {
                transaction.enqueue(message.clone());
            }
            if waits {
                transaction.wait_for_first_tries();
            }
            Ok::<_, DatabaseError>(())
        });
        written.await.unwrap();
        self.clock.advance_ms(1);
    }

    async fn list(&self) -> Vec<QueuedMessage> {
        let now_ms = self.clock.now_ms();
        let listed =
            self.database.read(move |conn| queue::list(conn, &MessageFilter::default(), now_ms, 10_000));
        listed.await.unwrap()
    }

    fn tried(&self) -> Vec<String> {
        self.seen.tried.lock().unwrap().clone()
    }

    fn delivered(&self) -> Vec<String> {
        self.seen.delivered.lock().unwrap().clone()
    }

    async fn until(&self, what: &str, mut holds: impl AsyncFnMut() -> bool) {
        let waiting = async {
            while !holds().await {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let came = tokio::time::timeout(LIMIT, waiting).await;
        assert!(came.is_ok(), "not within {LIMIT:?}: {what}; tried {:?}", self.tried());
    }

    async fn until_empty(&self) {
        self.until("the queue is empty", async || self.list().await.is_empty()).await;
    }
}

fn message(kind: &'static str, lane: &str, payload: &str) -> NewMessage {
    NewMessage { kind, receiver: "somebody".to_owned(), lane: lane.to_owned(), payload: payload.to_owned() }
}
