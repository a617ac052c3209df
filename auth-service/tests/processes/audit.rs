//! Tests of `auth-service audit`: one JSON object per line, and `--follow` misses no event.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use auth_service::domain::{AuditEvent, AuditKind, Initiator};
use auth_service::random::Random;
use auth_service::storage::audit;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use service_kit::database::testing::TestDatabase;
use service_kit::database::{Backend, Database, DatabaseError};
use shared_claims::clock::{Clock as _, SystemClock};

use crate::helpers::{ServiceSettings, WAIT_LIMIT};

fn command(settings: &ServiceSettings, arguments: &[&str]) -> Command {
    let mut command = settings.command();
    command.arg("audit").args(arguments);
    command
}

/// Runs a command, which must succeed. Returns its output.
fn printed(settings: &ServiceSettings, arguments: &[&str]) -> String {
    let output = command(settings, arguments).output().unwrap();
    let err = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success() && err.is_empty(), "{arguments:?}: {err}");
    String::from_utf8(output.stdout).unwrap()
}

fn events(settings: &ServiceSettings, arguments: &[&str]) -> Vec<Value> {
    printed(settings, arguments).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn kinds(events: &[Value]) -> Vec<&str> {
    events.iter().map(|event| event["kind"].as_str().unwrap()).collect()
}

/// A running `audit --follow`.
struct Follower {
    child: Child,
    lines: Receiver<Value>,
}

impl Follower {
    fn start(settings: &ServiceSettings, arguments: &[&str]) -> Self {
        let mut command = command(settings, arguments);
        let mut child = command.arg("--follow").stdout(Stdio::piped()).spawn().unwrap();
        let out: ChildStdout = child.stdout.take().unwrap();
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(out).lines() {
                // The test may have ended already.
                let _ = sender.send(serde_json::from_str(&line.unwrap()).unwrap());
            }
        });
        Self { child, lines }
    }

    fn next(&self) -> Value {
        self.lines.recv_timeout(WAIT_LIMIT).unwrap()
    }

    fn subject(&self) -> String {
        self.next()["subject"].as_str().unwrap().to_owned()
    }

    /// Ends the command with this signal, which must succeed. Returns the remaining output.
    fn end(mut self, signal: Signal) -> Vec<Value> {
        kill_process(Pid::from_raw(i32::try_from(self.child.id()).unwrap()).unwrap(), signal).unwrap();
        assert!(self.child.wait().unwrap().success());
        self.lines.iter().collect()
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        // The process may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

async fn migrated(place: &TestDatabase) -> Database {
    let database = Database::connect(&place.settings()).await.unwrap();
    database.migrate(auth_service::storage::migrations()).await.unwrap();
    database
}

/// Inserts an event about `subject`, with an id of the time `at_ms`, in a transaction that waits before it commits.
async fn record(database: &Database, subject: &str, at_ms: i64, before_commit: Option<Receiver<()>>) {
    let event = AuditEvent::new(AuditKind::KeyImported, &Initiator::operator()).subject(subject);
    let recorded = database.write_once(move |conn| {
        audit::record(conn, &event, &Random::system(), at_ms)?;
        if let Some(commit) = before_commit {
            commit.recv().unwrap();
        }
        Ok::<_, DatabaseError>(())
    });
    recorded.await.unwrap();
}

#[actix_web::test]
async fn events_are_printed_as_json_lines_and_options_filter_them() {
    for database in TestDatabase::both() {
        let settings = ServiceSettings::on(&database);
        assert_eq!(printed(&settings, &[]), "", "a database that no service has used yet");
        let service = settings.start().await;
        service.register("alice").await;
        service.register("bob").await;
        service.access_token("alice").await;
        service.access_token("bob").await;

        let all = events(&settings, &[]);
        assert_eq!(
            kinds(&all),
            ["key.generated", "user.registered", "user.registered", "login.ok", "login.ok"]
        );
        let login = &all[3];
        let mut members: Vec<_> = login.as_object().unwrap().keys().map(String::as_str).collect();
        members.sort_unstable();
        assert_eq!(
            members,
            [
                "actor",
                "address",
                "at",
                "client_id",
                "id",
                "kind",
                "reason",
                "request_id",
                "session_id",
                "subject",
                "user_agent",
                "user_id"
            ]
        );
        assert_eq!((&login["actor"], &login["address"]), (&"caller".into(), &"127.0.0.1".into()));
        assert_eq!((&login["client_id"], &login["subject"]), (&"first-party".into(), &Value::Null));
        let at = login["at"].as_str().unwrap();
        assert!(at.len() == 24 && at.ends_with('Z'), "{at}");

        assert_eq!(events(&settings, &["--json"]), all);
        assert_eq!(events(&settings, &["--since", "1h"]), all);
        assert_eq!(events(&settings, &["--since", "2020-01-01T00:00:00Z"]), all);
        assert_eq!(events(&settings, &["--since", at]), all[3..]);
        assert_eq!(printed(&settings, &["--since", "0s"]), "");
        assert_eq!(events(&settings, &["--limit", "2"]), all[3..]);
        assert_eq!(events(&settings, &["--limit", "9"]), all);
        assert_eq!(printed(&settings, &["--limit", "0"]), "");
        assert_eq!(events(&settings, &["--kind", "login"]), all[3..]);
        assert_eq!(kinds(&events(&settings, &["--kind", "key,login.ok", "--limit", "3"])).len(), 3);
        assert_eq!(printed(&settings, &["--kind", "login.refused"]), "");
        let alice = all[1]["user_id"].as_str().unwrap();
        assert_eq!(events(&settings, &["--user", alice]), events(&settings, &["--user", "Alice"]));
        assert_eq!(kinds(&events(&settings, &["--user", "alice"])), ["user.registered", "login.ok"]);
        assert_eq!(events(&settings, &["--client", "first-party"]), all[3..]);
        assert_eq!(printed(&settings, &["--client", "another"]), "");
        let text = printed(&settings, &["--text", "--kind", "login"]);
        assert!(text.lines().count() == 2 && text.contains("login.ok") && text.contains(alice), "{text}");
    }
}

#[actix_web::test]
async fn invalid_options_are_reported_on_standard_error() {
    let database = TestDatabase::create(Backend::Sqlite);
    let settings = ServiceSettings::on(&database);
    for refused in [
        ["--since", "yesterday"],
        ["--since", "15"],
        ["--kind", "log"],
        ["--limit", "-1"],
        ["--user", "nobody"],
        ["--text", "--json"],
    ] {
        let output = command(&settings, &refused).output().unwrap();
        let err = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && output.stdout.is_empty(), "{refused:?}");
        assert!(err.starts_with("error: "), "{refused:?}: {err}");
    }
}

#[actix_web::test]
async fn follow_prints_new_events_soon_and_ends_on_a_signal() {
    for (place, signal) in TestDatabase::both().iter().zip([Signal::TERM, Signal::INT]) {
        let settings = ServiceSettings::on(place);
        let service = settings.start().await;
        service.register("alice").await;
        let follower = Follower::start(&settings, &["--kind", "user,login"]);
        assert_eq!(follower.next()["kind"], "user.registered");
        service.access_token("alice").await;
        let committed_ms = SystemClock.now_ms();
        assert_eq!(follower.next()["kind"], "login.ok");
        let took_ms = SystemClock.now_ms() - committed_ms;
        assert!(took_ms < 5000, "{took_ms} ms");
        assert_eq!(follower.end(signal), Vec::<Value>::new());
    }
}

/// An id contains the time of its transaction, which may commit after transactions with later ids.
#[actix_web::test]
async fn follow_misses_no_event_that_is_committed_late() {
    for place in TestDatabase::both() {
        let (settings, database) = (ServiceSettings::on(&place), migrated(&place).await);
        let began_ms = SystemClock.now_ms();
        record(&database, "first", began_ms, None).await;
        record(&database, "second", began_ms, None).await;
        // `--limit` skips the first event, but must not skip an event that is committed later with a similar id.
        let follower = Follower::start(&settings, &["--limit", "1"]);
        let [shown, passed] =
            if follower.subject() == "first" { ["first", "second"] } else { ["second", "first"] };

        let open = if place.backend() == Backend::Postgres {
            // A transaction that is slower than the time that each look reads again.
            let (commit, waiting) = channel();
            let database = database.clone();
            let late =
                actix_web::rt::spawn(
                    async move { record(&database, "late", began_ms + 1, Some(waiting)).await },
                );
            Some((commit, late))
        } else {
            None
        };
        record(&database, "early", SystemClock.now_ms(), None).await;
        assert_eq!(follower.subject(), "early");
        actix_web::rt::time::sleep(Duration::from_secs(6)).await;
        match open {
            Some((commit, late)) => {
                commit.send(()).unwrap();
                late.await.unwrap();
            }
            // On SQLite writers take turns. An event of a replica whose clock is behind has the same effect.
            None => record(&database, "late", began_ms + 1, None).await,
        }
        record(&database, "behind", SystemClock.now_ms() - 60_000, None).await;
        record(&database, "ahead", SystemClock.now_ms() + 60_000, None).await;
        record(&database, "after", SystemClock.now_ms(), None).await;
        let mut subjects: Vec<_> = (0..4).map(|_| follower.subject()).collect();
        subjects.sort_unstable();
        assert_eq!(subjects, ["after", "ahead", "behind", "late"], "after {shown}, without {passed}");
        // The whole window is read again, and no event is shown twice.
        actix_web::rt::time::sleep(Duration::from_secs(11)).await;
        assert_eq!(follower.end(Signal::TERM), Vec::<Value>::new());
    }
}

#[actix_web::test]
async fn the_command_ends_when_its_output_is_closed() {
    let place = TestDatabase::create(Backend::Sqlite);
    let (settings, database) = (ServiceSettings::on(&place), migrated(&place).await);
    for _ in 0..3 {
        record(&database, "event", SystemClock.now_ms(), None).await;
    }
    for arguments in [&["--follow"][..], &[]] {
        let mut command = command(&settings, arguments);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        out.read_line(&mut String::new()).unwrap();
        // Like `| head -n 1`: the output is closed, and no event follows.
        drop(out);
        assert!(child.wait().unwrap().success(), "{arguments:?}");
        let mut err = String::new();
        child.stderr.take().unwrap().read_to_string(&mut err).unwrap();
        assert_eq!(err, "", "{arguments:?}");
    }
}

/// Events are read in pages. A blocked output neither makes the memory grow nor delays a signal.
#[actix_web::test]
async fn a_long_record_is_read_in_pages() {
    let place = TestDatabase::create(Backend::Sqlite);
    let (settings, database) = (ServiceSettings::on(&place), migrated(&place).await);
    let filled = database.write(|conn| {
        let (random, now_ms) = (Random::system(), SystemClock.now_ms());
        for number in 0..20_000 {
            let event =
                AuditEvent::new(AuditKind::KeyImported, &Initiator::operator()).subject(number.to_string());
            audit::record(conn, &event, &random, now_ms - 200_000 + number * 10)?;
        }
        Ok::<_, DatabaseError>(())
    });
    filled.await.unwrap();
    let subjects: Vec<_> =
        events(&settings, &[]).iter().map(|event| event["subject"].as_str().unwrap().to_owned()).collect();
    assert_eq!(subjects, (0..20_000).map(|number| number.to_string()).collect::<Vec<_>>());
    let newest = events(&settings, &["--limit", "1200"]);
    assert_eq!((newest.len(), &newest[0]["subject"]), (1200, &"18800".into()));

    let mut child = command(&settings, &[]).stdout(Stdio::piped()).spawn().unwrap();
    actix_web::rt::time::sleep(Duration::from_secs(1)).await;
    assert!(child.try_wait().unwrap().is_none(), "the pipe is full");
    kill_process(Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap(), Signal::TERM).unwrap();
    assert!(child.wait().unwrap().success());
}
