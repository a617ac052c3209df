//! Databases for tests: made fresh, dropped at their end.

mod pgbouncer;
mod process;
mod standby;

use diesel::connection::SimpleConnection;
use diesel::{Connection, PgConnection};
use rand::RngExt;

pub use self::pgbouncer::PgBouncer;
pub use self::standby::Standby;
use super::{Backend, DatabaseSettings};

/// A database of a test's own. Dropping it drops the database, whoever is still connected.
pub struct TestDatabase {
    url: String,
    backend: Backend,
    // Held for its Drop.
    _place: Place,
}

enum Place {
    Folder(#[expect(dead_code, reason = "removes the folder when dropped")] tempfile::TempDir),
    Server { admin: String, name: String },
}

impl TestDatabase {
    /// A fresh, empty database.
    ///
    /// # Panics
    /// Without `TEST_POSTGRES_URL`, for PostgreSQL: a test that lacks its database fails, it does not skip.
    #[expect(clippy::panic, clippy::expect_used, reason = "only tests call this")]
    pub fn create(backend: Backend) -> Self {
        match backend {
            Backend::Sqlite => {
                let folder = tempfile::tempdir().expect("a temporary folder");
                let url = format!("sqlite://{}/test.db", folder.path().display());
                Self { url, backend, _place: Place::Folder(folder) }
            }
            Backend::Postgres => {
                let Ok(admin) = std::env::var("TEST_POSTGRES_URL") else {
                    panic!(
                        "TEST_POSTGRES_URL is not set: run the tests by ./scripts/test, which starts a server"
                    );
                };
                let name = format!("latchkey_test_{:016x}", rand::rng().random::<u64>());
                let mut connection =
                    PgConnection::establish(&admin).expect("the server of TEST_POSTGRES_URL answers");
                connection.batch_execute(&format!("CREATE DATABASE {name}")).expect("may create a database");
                let mut url = url::Url::parse(&admin).expect("TEST_POSTGRES_URL is a URL");
                url.set_path(&name);
                Self { url: url.into(), backend, _place: Place::Server { admin, name } }
            }
        }
    }

    /// One of each back end.
    pub fn both() -> [Self; 2] {
        [Self::create(Backend::Sqlite), Self::create(Backend::Postgres)]
    }

    /// Its URL.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Which of the two it is.
    pub fn backend(&self) -> Backend {
        self.backend
    }

    /// Host and port of its server.
    ///
    /// # Panics
    /// For SQLite, which has none.
    #[expect(clippy::expect_used, reason = "only tests call this")]
    pub fn address(&self) -> String {
        let url = url::Url::parse(&self.url).expect("a URL of our own");
        format!("{}:{}", url.host_str().expect("a server"), url.port().unwrap_or(5432))
    }

    /// Its URL with another host and port: those of a proxy before it.
    ///
    /// # Panics
    /// Where the address is none.
    #[expect(clippy::expect_used, reason = "only tests call this")]
    pub fn url_at(&self, address: &str) -> String {
        let mut url = url::Url::parse(&self.url).expect("a URL of our own");
        let (host, port) = address.rsplit_once(':').expect("host and port");
        url.set_host(Some(host)).expect("a host");
        url.set_port(port.parse().ok()).expect("a URL with a host");
        url.into()
    }

    /// Settings for it, with a small pool.
    pub fn settings(&self) -> DatabaseSettings {
        DatabaseSettings { pool_size: 4, ..DatabaseSettings::at(&self.url) }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Self::Server { admin, name } = self
            && let Ok(mut connection) = PgConnection::establish(admin)
        {
            // What is left over is only litter on a throw-away server.
            let _ = connection.batch_execute(&format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"));
        }
    }
}
