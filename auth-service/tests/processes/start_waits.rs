//! Tests of a start whose database does not work yet, or not at all.

use std::fs::File;
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use service_kit::database::Backend;
use service_kit::database::testing::{RefusingPostgres, TestDatabase};
use shared_claims::testing::{Proxy, ProxyMode};

use crate::helpers::{ServiceSettings, WAIT_LIMIT, eventually};

/// A server that was told to start, and its log.
struct Starting {
    child: Child,
    log: PathBuf,
}

impl Starting {
    fn of(settings: &ServiceSettings, database: &TestDatabase) -> Self {
        let log = database.folder().join("log");
        let written = File::create(&log).unwrap();
        let child = settings.command().stdout(Stdio::null()).stderr(written).spawn().unwrap();
        Self { child, log }
    }

    fn says(&self, what: &str) -> usize {
        std::fs::read_to_string(&self.log).unwrap().matches(what).count()
    }

    async fn eventually_says(&self, what: &str) {
        eventually(what, WAIT_LIMIT, async || self.says(what) > 0).await;
    }

    fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// Sends `SIGTERM`. Returns whether the process ended with success.
    async fn terminate(&mut self) -> bool {
        kill_process(Pid::from_child(&self.child), Signal::TERM).unwrap();
        let mut status = None;
        eventually("it has ended", Duration::from_secs(2), async || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        })
        .await;
        status.unwrap().success()
    }
}

impl Drop for Starting {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A PostgreSQL behind a proxy that accepts no connection yet, and the settings of a server on it.
async fn unreachable() -> (TestDatabase, Proxy, ServiceSettings) {
    let database = TestDatabase::create(Backend::Postgres);
    let proxy = Proxy::before(&database.address()).await;
    proxy.set(ProxyMode::Refuse);
    let settings =
        ServiceSettings::on(&database).with("AUTH__DATABASE__URL", &database.url_at(&proxy.address()));
    (database, proxy, settings)
}

/// Runs a command that must fail. Returns its standard error. The proxy runs on this thread, so another one waits.
async fn failure(settings: &ServiceSettings, arguments: &[&str]) -> String {
    let mut command = settings.command();
    command.args(arguments);
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    assert!(!output.status.success(), "{arguments:?}");
    String::from_utf8(output.stderr).unwrap()
}

#[actix_web::test]
async fn a_server_waits_until_its_database_is_reachable_and_has_started() {
    let (database, proxy, settings) = unreachable().await;
    let mut server = Starting::of(&settings, &database);
    server.eventually_says("database.waiting").await;
    assert!(server.says("Connection refused") > 0);
    // So a gateway passes requests on to replicas that have started.
    let address = settings.issuer.trim_start_matches("http://").to_owned();
    assert!(TcpStream::connect(&address).is_err(), "it listens");

    let starting = RefusingPostgres::start("the database system is starting up");
    let before = proxy.accepted();
    proxy.redirect(&starting.address());
    proxy.set(ProxyMode::Forward);
    eventually("it tries again", WAIT_LIMIT, async || proxy.accepted() > before + 1).await;
    assert!(!server.has_ended());

    proxy.redirect(&database.address());
    server.eventually_says("server.listening").await;
    assert_eq!(server.says("\"database.works\""), 1);
    assert_eq!(server.says("database.waiting"), 1, "logged once, and then now and then");
    assert!(TcpStream::connect(&address).is_ok());
    assert!(server.terminate().await);
}

#[actix_web::test]
async fn a_server_that_waits_for_its_database_ends_at_once_when_it_is_told_to() {
    for mode in [ProxyMode::Refuse, ProxyMode::Hang] {
        let (database, proxy, settings) = unreachable().await;
        let mut server = Starting::of(&settings, &database);
        server.eventually_says("database.waiting").await;
        proxy.set(mode);
        if mode == ProxyMode::Hang {
            let before = proxy.accepted();
            eventually("it connects", WAIT_LIMIT, async || proxy.accepted() > before).await;
        }
        assert!(server.terminate().await, "{mode:?}");
    }
}

#[actix_web::test]
async fn a_server_waits_no_longer_than_it_is_allowed_to() {
    let (_database, _proxy, settings) = unreachable().await;
    for (seconds, waits) in [("1", true), ("0", false)] {
        let said = failure(&settings.clone().with("AUTH__DATABASE__START_WAIT_SECONDS", seconds), &[]).await;
        assert!(said.contains("error: database.url: "), "{said}");
        assert_eq!(said.contains("database.waiting"), waits, "{said}");
    }
}

#[actix_web::test]
async fn what_waiting_does_not_cure_ends_the_start_at_once() {
    let database = TestDatabase::create(Backend::Postgres);
    let unknown = ["database", "user"].map(|what| {
        let mut url = url::Url::parse(database.url()).unwrap();
        match what {
            "database" => url.set_path("nobody_made_this"),
            _ => url.set_username("nobody_made_this").unwrap(),
        }
        (url.to_string(), "does not exist")
    });
    let wrong = RefusingPostgres::start("password authentication failed for user \"auth\"");
    let wrong = database.url_at(&wrong.address());
    for (url, expected) in unknown.into_iter().chain([(wrong, "until ALTER ROLE")]) {
        let said = failure(&ServiceSettings::on(&database).with("AUTH__DATABASE__URL", &url), &[]).await;
        assert!(said.contains("error: database.url: ") && said.contains(expected), "{said}");
        assert!(!said.contains("database.waiting"), "{said}");
    }
}

#[actix_web::test]
async fn commands_do_not_wait_for_the_database() {
    let (_database, _proxy, settings) = unreachable().await;
    for arguments in [["users", "list"].as_slice(), &["migrate"], &["keys", "rotate"]] {
        let said = failure(&settings, arguments).await;
        assert!(said.contains("Connection refused") && !said.contains("database.waiting"), "{said}");
    }
}
