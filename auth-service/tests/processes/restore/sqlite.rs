//! The commands `backup` and `restore` for SQLite files.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use diesel::connection::SimpleConnection;
use diesel::{Connection, SqliteConnection};
use reqwest::StatusCode;
use service_kit::database::Backend;
use service_kit::database::testing::TestDatabase;

use super::{document, run};
use crate::helpers::{PASSWORD, ServiceSettings, WAIT_LIMIT, eventually};

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap().flatten();
    let mut names: Vec<_> = entries.map(|entry| entry.file_name().into_string().unwrap()).collect();
    names.retain(|name| name != "mail");
    names.sort();
    names
}

/// A database in which alice is registered, a back-up of it, and a server that was killed after bob was registered, too, so that
/// what was committed last is in the `-wal`.
struct Case {
    database: TestDatabase,
    settings: ServiceSettings,
    backup: PathBuf,
    token: String,
}

impl Case {
    async fn prepared() -> Self {
        let database = TestDatabase::create(Backend::Sqlite);
        let settings = ServiceSettings::on(&database);
        let service = settings.start().await;
        service.register("alice").await;
        let token = service.access_token("alice").await;
        let folder = database.folder().join("backups");
        std::fs::create_dir(&folder).unwrap();
        let backup = folder.join("file:1.db");
        document(&settings, &["backup", backup.to_str().unwrap()]);
        assert_eq!(names(&folder), ["file:1.db"], "nothing else is left");
        assert_eq!(backup.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        service.register("bob").await;
        service.kill();
        let case = Self { database, settings, backup, token };
        assert!(case.path("-wal").metadata().unwrap().len() > 0);
        case
    }

    /// A file beside the database.
    fn path(&self, suffix: &str) -> PathBuf {
        self.database.folder().join(format!("test.db{suffix}"))
    }

    fn restore(&self) -> (bool, String, String) {
        run(&self.settings, &["restore", self.backup.to_str().unwrap(), "--yes"], "")
    }

    fn refusal(&self, file: &Path) -> String {
        let (ok, out, err) = run(&self.settings, &["restore", file.to_str().unwrap(), "--yes"], "");
        assert!(!ok && out.is_empty() && err.starts_with("error: "), "{out}{err}");
        err
    }

    fn replaced(&self) -> Vec<String> {
        let mut names = names(self.database.folder());
        names.retain(|name| name.starts_with("test.db.replaced-"));
        names
    }

    /// Whether the database that is in place is the former one; otherwise it is the restored one, complete and with nothing of
    /// before.
    async fn is_former(&self) -> bool {
        let service = self.settings.start().await;
        let me = service.me(&self.token).await;
        let form = [("username", "bob"), ("password", PASSWORD)];
        let login = service.client.post(format!("{}/auth/token", service.url)).form(&form).send().await;
        let has_bob = login.unwrap().status() == StatusCode::OK;
        assert_eq!(
            me == StatusCode::OK,
            has_bob,
            "the former one, or the restored one after `after-restore`"
        );
        assert!([StatusCode::OK, StatusCode::UNAUTHORIZED].contains(&me));
        service.access_token("alice").await;
        service.kill();
        has_bob
    }
}

#[actix_web::test]
async fn a_backup_is_put_in_place_of_a_database_with_a_wal() {
    let case = Case::prepared().await;
    let service = case.settings.start().await;
    let refused = case.refusal(&case.backup);
    assert!(refused.contains("stop it first"), "{refused}");
    service.kill();
    let (ok, out, err) = case.restore();
    assert!(ok, "{err}");
    assert!(out.contains("The replaced database is"), "{out}");
    assert!(!case.is_former().await);
    // The replaced one is whole: with its `-wal`, it has bob.
    let replaced = case.replaced();
    let name = replaced.iter().find(|name| !name.ends_with("-wal")).unwrap();
    assert!(replaced.contains(&format!("{name}-wal")), "{replaced:?}");
    let file = case.database.folder().join(name);
    let mut connection = SqliteConnection::establish(file.to_str().unwrap()).unwrap();
    let bob = "UPDATE users SET username = 'x' WHERE username = 'bob'";
    assert_eq!(diesel::RunQueryDsl::execute(diesel::sql_query(bob), &mut connection).unwrap(), 1);
    drop(connection);

    // Somebody deleted the database, and left what belongs to it.
    let wal = std::fs::read(case.path("-wal")).unwrap();
    assert!(!wal.is_empty());
    std::fs::remove_file(case.path("")).unwrap();
    let (ok, _, err) = case.restore();
    assert!(ok, "{err}");
    assert!(!case.is_former().await);
}

#[actix_web::test]
async fn what_cannot_be_backed_up_or_restored_is_refused_and_nothing_changes() {
    let case = Case::prepared().await;
    let folder = case.database.folder().join("backups");
    let save = |arguments: &[&str]| {
        let (ok, out, err) = run(&case.settings, &[&["backup"], arguments].concat(), "");
        assert!(!ok && out.is_empty(), "{arguments:?}: {out}");
        err
    };
    let existing = case.backup.to_str().unwrap();
    assert!(save(&[existing]).contains("--overwrite"));
    document(&case.settings, &["backup", existing, "--overwrite"]);
    for part in ["", "-wal"] {
        let part = case.path(part);
        assert!(save(&[part.to_str().unwrap(), "--overwrite"]).contains("a part of the database"));
    }
    let nowhere =
        case.settings.clone().with("AUTH__DATABASE__URL", &format!("sqlite://{}/none.db", folder.display()));
    let (ok, _, err) = run(&nowhere, &["backup", folder.join("x").to_str().unwrap()], "");
    assert!(!ok && err.contains("there is no database"), "{err}");
    assert_eq!(names(&folder), ["file:1.db"]);

    // Files that are no back-up of this service, or not whole, or too new.
    let text = folder.join("text");
    std::fs::write(&text, "not a database, whatever its length is").unwrap();
    assert!(case.refusal(&text).contains("no SQLite database"));
    assert!(case.refusal(&folder.join("missing")).contains("cannot be read"));
    let changed = |name: &str, sql: &str| {
        let copy = folder.join(name);
        std::fs::copy(&case.backup, &copy).unwrap();
        SqliteConnection::establish(copy.to_str().unwrap()).unwrap().batch_execute(sql).unwrap();
        copy
    };
    let newer = "INSERT INTO __diesel_schema_migrations (version) VALUES ('20990101000000')";
    assert!(case.refusal(&changed("newer", newer)).contains("newer than this release"));
    let other = "DELETE FROM __diesel_schema_migrations";
    assert!(case.refusal(&changed("other", other)).contains("no database of this service"));
    let lost = "PRAGMA foreign_keys = OFF; DELETE FROM users";
    assert!(case.refusal(&changed("lost", lost)).contains("refer to rows that are not there"));
    let damaged = changed("damaged", "SELECT 1");
    let mut bytes = std::fs::read(&damaged).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle..middle + 9000].fill(0x5a);
    std::fs::write(&damaged, bytes).unwrap();
    assert!(case.refusal(&damaged).contains("damaged"));
    let in_use = changed("in-use", "PRAGMA journal_mode = WAL");
    std::fs::write(folder.join("in-use-wal"), "the newest commits").unwrap();
    assert!(case.refusal(&in_use).contains("the command `backup` wrote"));
    // With another encryption key, no server could start on it.
    let other_key = case.settings.clone().with("AUTH__KEYS__ENCRYPTION_KEY", &"fedcba9876543210".repeat(4));
    let (ok, _, err) = run(&other_key, &["restore", existing, "--yes"], "");
    assert!(!ok && err.contains("encryption"), "{err}");
    let (ok, _, err) = run(&case.settings, &["restore", existing], "");
    assert!(!ok && err.contains("--yes"), "{err}");

    assert!(case.replaced().is_empty());
    assert!(!case.path(".restoring").exists());
    assert!(case.is_former().await, "nothing was changed");
}

#[actix_web::test]
async fn on_postgres_the_commands_say_what_to_use() {
    let database = TestDatabase::create(Backend::Postgres);
    let settings = ServiceSettings::on(&database);
    let file = database.folder().join("x").display().to_string();
    for (arguments, advice) in
        [(vec!["backup", &file], "pg_dump"), (vec!["restore", &file, "--yes"], "pg_restore")]
    {
        let (ok, _, err) = run(&settings, &arguments, "");
        assert!(!ok && err.contains(advice), "{err}");
    }
}

/// The steps of the last part of a restore, each of which may have been the last one.
#[actix_web::test]
async fn a_restore_that_was_cut_off_leaves_nothing_that_is_served() {
    for moved in [&[""][..], &["", "-wal"][..]] {
        let case = Case::prepared().await;
        std::fs::copy(&case.backup, case.path(".restoring")).unwrap();
        for suffix in moved {
            std::fs::rename(case.path(suffix), case.path(&format!(".replaced-20000101{suffix}"))).unwrap();
        }
        let mut server = case.settings.command();
        let refused = server.stdout(Stdio::null()).output().unwrap();
        let err = String::from_utf8(refused.stderr).unwrap();
        assert!(!refused.status.success() && err.contains("run the command `restore` again"), "{err}");
        let bad = case.database.folder().join("backups").join("bad");
        std::fs::write(&bad, "no database").unwrap();
        case.refusal(&bad);
        assert!(!case.settings.command().output().unwrap().status.success(), "still nothing is served");
        let (ok, _, err) = case.restore();
        assert!(ok, "{err}");
        assert!(!case.is_former().await);
        assert_eq!(case.replaced(), ["test.db.replaced-20000101", "test.db.replaced-20000101-wal"]);
    }
}

#[actix_web::test]
async fn a_restore_that_is_killed_leaves_one_database_or_the_other() {
    let case = Case::prepared().await;
    // What is there at the latest when the process is killed: the copy, the copy at work, the database moved away.
    for sign in ["test.db.restoring", "test.db.restoring-wal", "test.db.replaced-"] {
        let mut command = case.settings.command();
        command.args(["restore", case.backup.to_str().unwrap(), "--yes"]);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        eventually("it has come so far", WAIT_LIMIT, async || {
            let has_begun = names(case.database.folder()).iter().any(|name| name.starts_with(sign));
            has_begun || child.try_wait().unwrap().is_some()
        })
        .await;
        let _ = child.kill();
        child.wait().unwrap();
        if case.path("").exists() {
            case.is_former().await;
        } else {
            assert!(!case.settings.command().output().unwrap().status.success());
        }
    }
    let (ok, _, err) = case.restore();
    assert!(ok, "{err}");
    assert!(!case.is_former().await);
    assert!(!case.path(".restoring").exists());
}
