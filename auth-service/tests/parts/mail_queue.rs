//! Mails in the queue: each once, whatever the replicas, the mail server and the processes do.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use auth_service::domain::{Email, MessageState, NewMessage, QueuedMessage};
use auth_service::mail::{
    Letter, LetterSource, Locale, MailParts, Mails, TransportSettings, Writing, Written,
};
use auth_service::queue::{Outcome, Queue, Worker};
use auth_service::random::Random;
use auth_service::storage::queue::{self, Claim, KindRules, MessageFilter};
use auth_service::storage::{self, UnitOfWork};
use service_kit::database::testing::TestDatabase;
use service_kit::database::{Database, DatabaseError};
use shared_claims::clock::{Clock as _, ManualClock};

use crate::mail_transport::{mailer, smtp};
use crate::smtp_server::{Behaviour, SmtpServer};

const START_MS: i64 = 1_793_727_600_000;
const LIMIT: Duration = Duration::from_secs(60);

/// Writes to the address that the payload names; `gone` is nobody.
struct ToPayload;

impl LetterSource for ToPayload {
    fn write<'a>(&'a self, message: &'a QueuedMessage) -> Writing<'a> {
        Box::pin(async move {
            if message.payload == "gone" {
                return Ok(Written::Nobody("there is nobody"));
            }
            let to = Email::parse(&message.payload).unwrap();
            Ok(Written::Letter { to, language: Locale::German, letter: Letter::Test { at_ms: START_MS } })
        })
    }
}

struct World {
    database: Database,
    clock: Arc<ManualClock>,
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
        Self { database, clock: ManualClock::at(START_MS), _place: place }
    }

    fn start(&self, transport: TransportSettings) -> (Queue, Worker) {
        let queue = Queue::new(self.database.clone(), self.clock.clone(), Random::system());
        let mails = Mails::new(MailParts {
            mailer: Arc::new(mailer(transport).unwrap()),
            source: Arc::new(ToPayload),
            clock: self.clock.clone(),
        });
        let worker = Worker::start(&queue, vec![Arc::new(mails)]);
        (queue, worker)
    }

    async fn commit(&self, queue: &Queue, receivers: Vec<String>) {
        let unit = UnitOfWork::new(self.database.clone(), self.clock.clone(), Random::system())
            .dispatched_by(queue.clone());
        let written = unit.commit(move |transaction| {
            for receiver in &receivers {
                transaction.enqueue(NewMessage::mail("user", receiver.clone()));
            }
            Ok::<_, DatabaseError>(())
        });
        written.await.unwrap();
    }

    async fn list(&self) -> Vec<QueuedMessage> {
        let now_ms = self.clock.now_ms();
        let listed =
            self.database.read(move |conn| queue::list(conn, &MessageFilter::default(), now_ms, 10_000));
        listed.await.unwrap()
    }

    fn state(&self, message: &QueuedMessage) -> MessageState {
        message.state(self.clock.now_ms())
    }
}

async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let waiting = async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    assert!(tokio::time::timeout(LIMIT, waiting).await.is_ok(), "not within {LIMIT:?}: {what}");
}

fn url(server: &SmtpServer) -> String {
    format!("smtp://127.0.0.1:{}", server.port())
}

fn one(address: &str) -> Vec<String> {
    vec![address.to_owned()]
}

#[tokio::test]
async fn three_replicas_send_each_mail_once_over_three_connections() {
    for world in World::both().await {
        let server = SmtpServer::start(Behaviour::default());
        let replicas: Vec<_> = (0..3).map(|_| world.start(smtp(&url(&server), None))).collect();
        for (number, (queue, _)) in replicas.iter().enumerate() {
            let receivers = (0..40).map(|mail| format!("user-{number}-{mail}@example.org")).collect();
            world.commit(queue, receivers).await;
        }
        until("the queue is empty", async || world.list().await.is_empty()).await;
        let taken = server.taken();
        let ids: BTreeSet<_> = taken.iter().map(|mail| mail.message_id().to_owned()).collect();
        let receivers: BTreeSet<_> = taken.iter().map(|mail| mail.to.clone()).collect();
        assert_eq!((taken.len(), ids.len(), receivers.len()), (120, 120, 120));
        // A connection ends a moment after its mail was taken.
        assert!(server.most_open() <= 6, "{}", server.most_open());
        for (_, worker) in replicas {
            worker.stop().await;
        }
    }
}

#[tokio::test]
async fn a_bad_address_is_given_up_and_holds_up_nobody() {
    for world in World::both().await {
        let server = SmtpServer::start(Behaviour::default());
        let (queue, worker) = world.start(smtp(&url(&server), None));
        let receivers = ["bad@example.org", "grey@example.org", "gone", "good@example.org"];
        world.commit(&queue, receivers.map(str::to_owned).to_vec()).await;
        until("good is served, grey waits and bad is given up", async || {
            let states: Vec<_> = world.list().await.iter().map(|message| world.state(message)).collect();
            states == [MessageState::Failed, MessageState::Waiting]
        })
        .await;
        let [bad, grey] = world.list().await.try_into().unwrap();
        assert_eq!(bad.last_error.as_deref(), Some("the mail server refused the receiver: 554 5.1.1"));
        assert_eq!((bad.tries, grey.tries), (1, 1));
        assert_eq!(grey.last_error.as_deref(), Some("the mail server refused the receiver: 450 4.2.1"));
        assert_eq!(
            server.taken().iter().map(|mail| mail.to.as_str()).collect::<Vec<_>>(),
            ["good@example.org"]
        );
        let tries = queue.status().tries();
        for outcome in [Outcome::Delivered, Outcome::Retried, Outcome::GivenUp, Outcome::Dropped] {
            assert_eq!(tries[&("mail", outcome)], 1, "{outcome:?}");
        }
        world.clock.advance_ms(3_000);
        until("grey is served at its second try", async || server.taken().len() == 2).await;
        until("only bad is listed", async || world.list().await.len() == 1).await;
        worker.stop().await;
    }
}

#[tokio::test]
async fn an_hour_without_a_mail_server_loses_nothing() {
    for world in World::both().await {
        let port = shared_claims::testing::free_port();
        let (queue, worker) = world.start(smtp(&format!("smtp://127.0.0.1:{port}"), None));
        world.commit(&queue, one("ada@example.org")).await;
        let mut minutes = 0;
        while minutes < 60 {
            let due_ms = START_MS + minutes * 60_000;
            until("it was tried and waits", async || {
                world.list().await.first().is_some_and(|message| {
                    message.claimed_by.is_none() && message.tries > 0 && message.due_at_ms > Some(due_ms)
                })
            })
            .await;
            world.clock.advance_ms(600_000);
            minutes += 10;
        }
        worker.stop().await;
        let server = SmtpServer::start(Behaviour::default());
        let (_, worker) = world.start(smtp(&url(&server), None));
        world.clock.advance_ms(3_600_000);
        until("it arrives", async || server.taken().len() == 1).await;
        until("the queue is empty", async || world.list().await.is_empty()).await;
        worker.stop().await;
    }
}

#[tokio::test]
async fn a_mail_whose_sender_died_is_sent_by_another_replica_under_the_same_id() {
    for world in World::both().await {
        let idle = Queue::new(world.database.clone(), world.clock.clone(), Random::system());
        world.commit(&idle, one("ada@example.org")).await;
        // A replica claims the mail and dies before it sends it.
        let now_ms = world.clock.now_ms();
        let claimed = world.database.write(move |conn| {
            let kinds = [KindRules { kind: "mail", most_at_a_time: 3, keeps_order: false, lease_ms: 50_000 }];
            queue::claim(conn, &Claim { holder: "dead", kinds: &kinds, most: 1, now_ms })
        });
        let [claimed] = claimed.await.unwrap().try_into().unwrap();
        let server = SmtpServer::start(Behaviour::default());
        let (queue, worker) = world.start(smtp(&url(&server), None));
        world.commit(&queue, one("other@example.org")).await;
        until("the other mail is sent", async || server.taken().len() == 1).await;
        assert_eq!(server.taken()[0].to, "other@example.org", "the claim holds");
        world.clock.advance_ms(50_001);
        until("the mail is sent", async || server.taken().len() == 2).await;
        let taken = server.taken();
        assert_eq!(taken[1].message_id(), format!("<{}@mail.example.com>", claimed.id));
        worker.stop().await;
    }
}

#[tokio::test]
async fn a_mail_that_may_have_arrived_keeps_its_id_at_the_next_try() {
    for world in World::both().await {
        let server = SmtpServer::start(Behaviour { breaks: 1, ..Behaviour::default() });
        let (queue, worker) = world.start(smtp(&url(&server), None));
        world.commit(&queue, one("ada@example.org")).await;
        until("the first try failed", async || {
            world.list().await.first().is_some_and(|message| message.last_error.is_some())
        })
        .await;
        let id = world.list().await[0].id;
        world.clock.advance_ms(3_000);
        until("it arrives", async || server.taken().len() == 1).await;
        assert_eq!(server.taken()[0].message_id(), format!("<{id}@mail.example.com>"));
        worker.stop().await;
    }
}

#[tokio::test]
async fn without_a_transport_mails_wait_and_say_why() {
    for world in World::both().await {
        let (queue, worker) = world.start(TransportSettings::None);
        world.commit(&queue, one("ada@example.org")).await;
        until("it was tried", async || {
            let listed = world.list().await;
            listed.first().is_some_and(|message| {
                message.last_error.as_deref() == Some("mail is off: mail.transport is none")
            })
        })
        .await;
        assert_eq!(world.state(&world.list().await[0]), MessageState::Waiting);
        worker.stop().await;
    }
}
