//! Runs `pgbench` with the statements of a refresh, and nothing else.

use std::process::Command;

use diesel::connection::SimpleConnection as _;
use diesel::{Connection as _, PgConnection, QueryableByName, RunQueryDsl as _};
use tempfile::TempDir;

use crate::load::{seconds_in, ticks_seconds};

/// The number of connections, which is the size of the service's pool.
const CONNECTIONS: u32 = 8;
const SECONDS: u32 = 4;

/// The three statements of `tokens::refresh` in their transaction. Each connection rotates the tokens of its own
/// session.
const SCRIPT: &str = r"
\set next :generation + 1
BEGIN;
SELECT t.*, s.*, u.*
  FROM refresh_tokens t JOIN sessions s ON s.id = t.session_id JOIN users u ON u.id = s.user_id
  WHERE t.token_hash = sha256(int8send(:client_id) || int8send(:generation)) FOR NO KEY UPDATE OF u;
UPDATE refresh_tokens SET consumed_at_ms = 1
  WHERE token_hash = sha256(int8send(:client_id) || int8send(:generation)) AND refreshes = 0
  AND refreshes_since_ms = 0 AND consumed_at_ms IS NULL
  AND EXISTS (SELECT 1 FROM sessions WHERE id = session_id AND ended_at_ms IS NULL);
INSERT INTO refresh_tokens (token_hash, session_id, issued_at_ms, expires_at_ms, first_caller, late_replays, refreshes,
  refreshes_since_ms)
  VALUES (sha256(int8send(:client_id) || int8send(:next)), 'bench ' || :client_id, 0, 4102444800000, 1, 0, 0, 0);
COMMIT;
\set generation :next
";

/// Creates a database on the server of `BENCH_POSTGRES_URL`. Returns its URL.
pub(crate) fn database(name: &str) -> String {
    let server =
        std::env::var("BENCH_POSTGRES_URL").expect("BENCH_POSTGRES_URL: ./scripts/bench issue sets it");
    let mut connection = PgConnection::establish(&server).unwrap();
    connection.batch_execute(&format!("DROP DATABASE IF EXISTS bench_{name}")).unwrap();
    connection.batch_execute(&format!("CREATE DATABASE bench_{name}")).unwrap();
    let (server, _) = server.rsplit_once('/').unwrap();
    format!("{server}/bench_{name}")
}

pub(crate) struct Pgbench {
    url: String,
    directory: TempDir,
}

impl Pgbench {
    /// Uses the tables that a service has created at this URL.
    pub(crate) fn new(url: &str) -> Self {
        let directory = TempDir::new().unwrap();
        std::fs::write(directory.path().join("script.sql"), SCRIPT).unwrap();
        Self { url: url.to_owned(), directory }
    }

    /// Returns the transactions per second, and the processor time of PostgreSQL per transaction in microseconds.
    pub(crate) fn measure(&self) -> (f64, f64) {
        self.begin();
        let server = Postgres::find(&self.url);
        let before = server.processor_seconds();
        let a_second = self.transactions_a_second();
        (a_second, (server.processor_seconds() - before) * 1e6 / (a_second * f64::from(SECONDS)))
    }

    fn transactions_a_second(&self) -> f64 {
        let program = std::env::var("BENCH_PGBENCH").unwrap_or_else(|_| "pgbench".to_owned());
        let output = Command::new(program)
            .args(["--no-vacuum", "--protocol=prepared", "--define=generation=0", "--jobs=2"])
            .args([format!("--client={CONNECTIONS}"), format!("--time={SECONDS}")])
            .arg(format!("--file={}", self.directory.path().join("script.sql").display()))
            .arg(&self.url)
            .output()
            .expect("pgbench (package postgresql)");
        let text = String::from_utf8_lossy(&output.stdout);
        let error = String::from_utf8_lossy(&output.stderr);
        let rate = text.lines().find_map(|line| line.strip_prefix("tps = "));
        let rate = rate.unwrap_or_else(|| panic!("{text}{error}"));
        rate.split(' ').next().unwrap().parse().unwrap()
    }

    /// Inserts a user, a session and its first token for each connection.
    fn begin(&self) {
        let mut connection = PgConnection::establish(&self.url).unwrap();
        let (people, sessions, tokens) = (
            "INSERT INTO users SELECT (jsonb_populate_record(u, jsonb_build_object('id', 'bench ' || n, \
             'username', 'bench ' || n, 'username_key', 'bench ' || n, 'username_skeleton', 'bench ' || n))).* \
             FROM generate_series(0, 7) n, (SELECT u FROM users u LIMIT 1) any_user",
            "INSERT INTO sessions SELECT (jsonb_populate_record(s, jsonb_build_object('id', 'bench ' || n, \
             'user_id', 'bench ' || n))).* FROM generate_series(0, 7) n, (SELECT s FROM sessions s LIMIT 1) any_session",
            "INSERT INTO refresh_tokens (token_hash, session_id, issued_at_ms, expires_at_ms) SELECT \
             sha256(int8send(n) || int8send(0)), 'bench ' || n, 0, 4102444800000 FROM generate_series(0, 7) n",
        );
        for statement in
            ["DELETE FROM users WHERE id LIKE 'bench %'", people, sessions, tokens, "VACUUM ANALYZE"]
        {
            connection.batch_execute(statement).unwrap();
        }
    }
}

/// A PostgreSQL server on this machine.
pub(crate) struct Postgres {
    postmaster: u32,
}

impl Postgres {
    pub(crate) fn find(url: &str) -> Self {
        let mut connection = PgConnection::establish(url).unwrap();
        let ask = diesel::sql_query("SELECT pg_read_file('postmaster.pid') AS text");
        let file: Text = ask.get_result(&mut connection).unwrap();
        Self { postmaster: file.text.lines().next().unwrap().trim().parse().unwrap() }
    }

    /// Processor time of all its processes, including those that have ended.
    pub(crate) fn processor_seconds(&self) -> f64 {
        let postmaster = self.postmaster.to_string();
        let ended = ticks_seconds(&postmaster, 13);
        let running = std::fs::read_dir("/proc").unwrap().filter_map(|entry| {
            let process = entry.ok()?.file_name().into_string().ok()?;
            let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
            let parent = stat.rsplit_once(')')?.1.split_ascii_whitespace().nth(1)?;
            (parent == postmaster || process == postmaster).then(|| seconds_in(&stat, 11))
        });
        ended + running.sum::<f64>()
    }
}

#[derive(QueryableByName)]
struct Text {
    #[diesel(sql_type = diesel::sql_types::Text)]
    text: String,
}
