//! Databases for tests: created empty, and dropped at the end.

mod refusing;
mod servers;

use std::path::Path;

use diesel::connection::SimpleConnection;
use diesel::{Connection, PgConnection};
use rand::RngExt;

pub use self::refusing::RefusingPostgres;
pub use self::servers::{PgBouncer, Standby};
use super::{Backend, DatabaseSettings};

/// A database of one test. Dropping it drops the database, even if clients are still connected.
pub struct TestDatabase {
    url: String,
    backend: Backend,
    // Kept because dropping it deletes the database.
    storage: Storage,
    /// Removed when it is dropped, after the database.
    folder: tempfile::TempDir,
}

enum Storage {
    Folder,
    Server { admin: &'static str, name: String },
}

impl TestDatabase {
    /// Creates an empty database. For PostgreSQL it is created on the server that `TEST_POSTGRES_URL` names; without
    /// that variable the process starts a server of its own, which ends with the process.
    ///
    /// # Panics
    /// If there is no PostgreSQL. A test without its database fails; it is not skipped.
    #[expect(clippy::expect_used, reason = "only tests call this")]
    pub fn create(backend: Backend) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        match backend {
            Backend::Sqlite => {
                let url = format!("sqlite://{}/test.db", folder.path().display());
                Self { url, backend, storage: Storage::Folder, folder }
            }
            Backend::Postgres => {
                let admin = servers::server_url();
                let name = format!("latchkey_test_{:016x}", rand::rng().random::<u64>());
                let mut connection = PgConnection::establish(admin).expect("the server for tests answers");
                connection.batch_execute(&format!("CREATE DATABASE {name}")).expect("may create a database");
                let mut url = url::Url::parse(admin).expect("the URL of the server for tests is one");
                url.set_path(&name);
                Self { url: url.into(), backend, storage: Storage::Server { admin, name }, folder }
            }
        }
    }

    /// Creates one database of each kind.
    pub fn both() -> [Self; 2] {
        [Self::create(Backend::Sqlite), Self::create(Backend::Postgres)]
    }

    /// The database's URL.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// A folder for files of the test, such as mails. It is deleted with the database.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The kind of the database.
    pub fn backend(&self) -> Backend {
        self.backend
    }

    /// Host and port of the database server.
    ///
    /// # Panics
    /// For SQLite, which has no server.
    #[expect(clippy::expect_used, reason = "only tests call this")]
    pub fn address(&self) -> String {
        let url = url::Url::parse(&self.url).expect("the URL of a test's database is valid");
        format!("{}:{}", url.host_str().expect("the database has a server"), url.port().unwrap_or(5432))
    }

    /// The database's URL with this host and port, for a proxy in front of the server.
    ///
    /// # Panics
    /// If `address` is not a host and port.
    #[expect(clippy::expect_used, reason = "only tests call this")]
    pub fn url_at(&self, address: &str) -> String {
        let mut url = url::Url::parse(&self.url).expect("the URL of a test's database is valid");
        let (host, port) = address.rsplit_once(':').expect("host and port");
        url.set_host(Some(host)).expect("a host");
        url.set_port(port.parse().ok()).expect("a URL with a host");
        url.into()
    }

    /// Settings for the database, with a small pool.
    pub fn settings(&self) -> DatabaseSettings {
        DatabaseSettings { pool_size: 4, ..DatabaseSettings::at(&self.url) }
    }
}

/// A saved state of a [`TestDatabase`].
pub struct SavedDatabase(Storage, tempfile::TempDir);

impl TestDatabase {
    /// Saves the current state. No service may use the database meanwhile.
    ///
    /// # Panics
    /// If the database is in use, or cannot be copied.
    #[expect(clippy::expect_used, reason = "only tests call this")]
    pub fn save(&self) -> SavedDatabase {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let storage = match &self.storage {
            Storage::Folder => {
                copy_files(self.folder.path(), folder.path());
                Storage::Folder
            }
            Storage::Server { admin, name } => {
                let saved = format!("{name}_saved_{:08x}", rand::rng().random::<u32>());
                let mut connection = PgConnection::establish(admin).expect("the server for tests answers");
                let copy = format!("CREATE DATABASE {saved} TEMPLATE {name}");
                connection.batch_execute(&copy).expect("nothing else uses the database");
                Storage::Server { admin, name: saved }
            }
        };
        SavedDatabase(storage, folder)
    }

    /// Replaces the current state by a saved one. Connections of PostgreSQL are cut; nothing may have SQLite's file open.
    ///
    /// # Panics
    /// If that fails.
    #[expect(clippy::expect_used, reason = "only tests call this")]
    pub fn restore(&self, saved: &SavedDatabase) {
        if let (Storage::Server { admin, name }, Storage::Server { name: saved, .. }) =
            (&self.storage, &saved.0)
        {
            let mut connection = PgConnection::establish(admin).expect("the server for tests answers");
            for statement in [
                format!("DROP DATABASE {name} WITH (FORCE)"),
                format!("CREATE DATABASE {name} TEMPLATE {saved}"),
            ] {
                connection.batch_execute(&statement).expect("may drop and create");
            }
            return;
        }
        for entry in std::fs::read_dir(self.folder.path()).expect("the folder is there").flatten() {
            if entry.file_name().to_string_lossy().starts_with("test.db") {
                std::fs::remove_file(entry.path()).expect("may delete");
            }
        }
        copy_files(saved.1.path(), self.folder.path());
    }
}

/// Copies the files of an SQLite database.
#[expect(clippy::expect_used, reason = "only tests call this")]
fn copy_files(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).expect("the folder is there").flatten() {
        let name = entry.file_name();
        if name.to_string_lossy().starts_with("test.db") {
            std::fs::copy(entry.path(), to.join(name)).expect("may copy");
        }
    }
}

impl Drop for Storage {
    fn drop(&mut self) {
        if let Self::Server { admin, name } = self
            && let Ok(mut connection) = PgConnection::establish(admin)
        {
            // If this fails, the database stays on a server that exists only for tests.
            let _ = connection.batch_execute(&format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"));
        }
    }
}
