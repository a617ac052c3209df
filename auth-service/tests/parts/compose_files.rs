//! Tests of `scripts/compose-init`, which makes `.env` and the secrets, and of `docker-compose.yml` as a text.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output};

use tempfile::TempDir;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
const COMPOSE: &str = include_str!("../../../docker-compose.yml");
const EXAMPLE: &str = include_str!("../../../.env.example");

/// A copy of the files that `compose-init` works on.
fn checkout() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for name in ["deploy/postgres", "deploy/redis", "scripts"] {
        fs::create_dir_all(folder.path().join(name)).unwrap();
    }
    for name in [
        ".env.example",
        "Cargo.toml",
        "docker-compose.yml",
        "scripts/lib.sh",
        "scripts/compose.sh",
        "scripts/compose-init",
    ] {
        fs::copy(format!("{ROOT}/{name}"), folder.path().join(name)).unwrap();
    }
    folder
}

fn init(folder: &TempDir, arguments: &[&str]) -> Output {
    let mut command = Command::new("bash");
    command.arg(folder.path().join("scripts/compose-init")).args(arguments);
    // No engine: what volumes exist is not asked.
    command.env("DOCKER_HOST", "unix:///nowhere").env("GIT_CEILING_DIRECTORIES", "/").output().unwrap()
}

fn initialised(folder: &TempDir, arguments: &[&str]) {
    let output = init(folder, arguments);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

fn secrets(folder: &TempDir) -> BTreeMap<String, String> {
    let entries = fs::read_dir(folder.path().join("secrets")).unwrap().map(Result::unwrap);
    let named = |path: &Path| path.file_name().unwrap().to_str().unwrap().to_owned();
    entries.map(|entry| (named(&entry.path()), fs::read_to_string(entry.path()).unwrap())).collect()
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn secrets_are_made_once_and_never_replaced() {
    let folder = checkout();
    initialised(&folder, &["https://id.example.com"]);
    let first = secrets(&folder);
    let env = fs::read_to_string(folder.path().join(".env")).unwrap();
    for line in [
        "PUBLIC_ORIGIN=https://id.example.com",
        "PUBLIC_PORT=443",
        "REDIRECT_PORT=80",
        "PUBLIC_ADDRESS=0.0.0.0",
    ] {
        assert!(env.lines().any(|written| written == line), "{line}: {env}");
    }
    assert!(env.lines().any(|line| line == concat!("LATCHKEY_VERSION=", env!("CARGO_PKG_VERSION"))), "{env}");
    let (empty, random): (Vec<_>, Vec<_>) = first.iter().partition(|(name, _)| {
        ["previous_encryption_keys", "smtp_password", "clients"].contains(&name.as_str())
    });
    assert_eq!((empty.len(), random.len()), (3, 8));
    for (name, value) in &random {
        let digits = value.trim_end();
        assert!(digits.len() == 64 && digits.bytes().all(|byte| byte.is_ascii_hexdigit()), "{name}");
        assert!(
            random.iter().filter(|(_, other)| other.trim_end() == digits).count() == 1,
            "{name} is not its own"
        );
        assert_eq!(mode(&folder.path().join("secrets").join(name)), 0o444, "other users' containers read it");
    }
    assert_eq!(mode(&folder.path().join("secrets")), 0o700, "on the host, nobody but the owner does");
    assert_eq!(mode(&folder.path().join(".env")), 0o600);

    // Another run, another origin, a secret that was changed by hand, and one that is missing.
    fs::remove_file(folder.path().join("secrets/smtp_password")).unwrap();
    fs::write(folder.path().join("secrets/smtp_password"), "p$a#s'w\"o\\r d%41").unwrap();
    fs::remove_file(folder.path().join("secrets/feed_token")).unwrap();
    initialised(&folder, &["https://elsewhere.example.com"]);
    let second = secrets(&folder);
    for (name, value) in &first {
        let wanted = if name == "smtp_password" { "p$a#s'w\"o\\r d%41" } else { value };
        assert_eq!(second[name] == wanted, name != "feed_token", "{name}");
    }
    assert_eq!(fs::read_to_string(folder.path().join(".env")).unwrap(), env);
    assert_eq!(mode(&folder.path().join("secrets/smtp_password")), 0o444);
}

#[test]
fn secrets_of_an_older_version_are_moved_out_of_the_environment() {
    let folder = checkout();
    let (key, clients) = (
        "0123456789abcdef".repeat(4),
        r#"[{"id": "billing", "secret": "of thirty-two characters or more"}]"#,
    );
    let old = format!(
        "PUBLIC_ORIGIN=http://localhost:8080\nENCRYPTION_KEY={key}\nAUTH_DB_PASSWORD=old\nCLIENTS='{clients}'\n"
    );
    fs::write(folder.path().join(".env"), old).unwrap();
    initialised(&folder, &[]);
    let made = secrets(&folder);
    assert_eq!(made["encryption_key"].trim_end(), key);
    assert_eq!((made["auth_db_password"].trim_end(), made["clients"].trim_end()), ("old", clients));
    let env = fs::read_to_string(folder.path().join(".env")).unwrap();
    assert!(!env.contains(&key) && !env.contains("thirty-two"), "{env}");
    initialised(&folder, &[]);
    assert_eq!(secrets(&folder), made);
}

#[test]
fn values_that_compose_would_misread_are_named_and_not_shown() {
    let folder = checkout();
    initialised(&folder, &[]);
    let env = fs::read_to_string(folder.path().join(".env")).unwrap();
    for (line, complaint) in [
        ("MAIL_FROM=costs$me", "MAIL_FROM has a $"),
        ("MAIL_FROM=a #comment", "MAIL_FROM has a #"),
        ("PAGES_ACCENT=#14532d", "PAGES_ACCENT has a #"),
        ("PUBLIC_ORIGIN=\"http://localhost\"", "PUBLIC_ORIGIN has a quote"),
        ("PAGES_NAME=Ada's", "PAGES_NAME has a quote"),
        ("PAGES_NAME= Ada", "PAGES_NAME begins or ends with a blank"),
        ("PAGES_NAME=Ada\r", "PAGES_NAME ends with a carriage return"),
        ("SMTP_URL=smtps://me:geheim@mail.example.com", "SMTP_URL has a password"),
        ("FEED_TOKEN=geheim", "FEED_TOKEN is a secret"),
        (r#"SMTP_URL=smtps://me:p$a#s'w"o\r d%41geheim@mail.example.com"#, "SMTP_URL has a"),
        (r#"AUTH_DB_PASSWORD=p$a#s'w"o\r d%41geheim"#, "AUTH_DB_PASSWORD has a"),
        ("export LOG_LEVEL=info", "export LOG_LEVEL is not NAME=VALUE"),
    ] {
        fs::write(folder.path().join(".env"), format!("{env}{line}\n")).unwrap();
        let output = init(&folder, &[]);
        let text = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && text.contains(complaint), "{line}: {text}");
        assert!(!text.contains("geheim"), "{text}");
    }
    for line in [
        "MAIL_FROM=Example <no-reply@example.com>",
        "PAGES_ACCENT='#14532d'",
        "SMTP_URL=smtps://me@mail.example.com",
    ] {
        fs::write(folder.path().join(".env"), format!("{env}{line}\n")).unwrap();
        initialised(&folder, &[]);
    }
}

/// PostgreSQL would make a role without a password, once, and not look at the file again.
#[test]
fn an_empty_secret_is_refused_and_rights_are_mended() {
    let folder = checkout();
    initialised(&folder, &[]);
    let file = |name: &str| folder.path().join("secrets").join(name);
    fs::set_permissions(file("encryption_key"), fs::Permissions::from_mode(0o600)).unwrap();
    initialised(&folder, &[]);
    assert_eq!(mode(&file("encryption_key")), 0o444);

    fs::remove_file(file("auth_db_password")).unwrap();
    fs::write(file("auth_db_password"), " \r\n").unwrap();
    let output = init(&folder, &[]);
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success() && text.contains("secrets/auth_db_password is empty"), "{text}");
    fs::remove_file(file("auth_db_password")).unwrap();
    initialised(&folder, &[]);
    assert_eq!(secrets(&folder)["auth_db_password"].trim_end().len(), 64);
}

/// The lines of a service in `docker-compose.yml`.
fn service(name: &str) -> Vec<&'static str> {
    let lines = COMPOSE.lines().skip_while(|line| *line != format!("  {name}:")).skip(1);
    lines.take_while(|line| line.starts_with("    ") || line.is_empty()).map(str::trim).collect()
}

#[test]
fn images_have_full_versions_and_bounds() {
    for name in ["gateway", "auth-service", "todo-service", "postgres", "redis"] {
        let lines = service(name);
        assert!(lines.iter().any(|line| line.starts_with("mem_limit: ")), "{name} has a memory limit");
        let image = lines.iter().find_map(|line| line.strip_prefix("image: ")).unwrap();
        let is_ours = image.starts_with("localhost/latchkey/");
        assert!(
            is_ours || image.split_once(":-").is_some_and(|(_, image)| image.matches('.').count() >= 1),
            "{image}"
        );
        assert_eq!(is_ours, lines.contains(&"<<: [*defaults, *build]"), "{name}: no registry is asked");
        assert!(!image.contains("latest"));
    }
    for bound in ["pids_limit: ", "max-size: ", "max-file: ", "pull_policy: never"] {
        assert!(COMPOSE.contains(bound), "{bound}");
    }
}

#[test]
fn only_the_auth_service_and_the_gateway_have_a_way_out() {
    let networks = COMPOSE.split("\nnetworks:\n").nth(1).unwrap().split("\nvolumes:\n").next().unwrap();
    for (name, is_internal) in
        [("public", false), ("front", true), ("back", true), ("out", false), ("services", true)]
    {
        let from = networks.find(&format!("  {name}:")).unwrap();
        let block = networks[from..].lines().skip(1).take_while(|line| line.starts_with("    "));
        assert_eq!(block.into_iter().any(|line| line == "    internal: true"), is_internal, "{name}");
    }
    let uses = |service_name: &str, network: &str| {
        let lines = service(service_name);
        let named = format!("{network}: {{}}");
        lines.iter().any(|line| {
            *line == named
                || *line == format!("{network}:")
                || (line.starts_with("networks: [") && line.contains(network))
        })
    };
    for name in ["todo-service", "postgres", "redis"] {
        assert!(!uses(name, "out") && !uses(name, "public"), "{name}");
    }
    assert!(uses("auth-service", "out") && !uses("auth-service", "public") && uses("gateway", "public"));
}

/// Every variable of the compose file is explained in the example, and the other way round.
#[test]
fn the_example_has_every_setting() {
    let mut used: Vec<&str> =
        COMPOSE.split("${").skip(1).filter_map(|rest| rest.split(['}', ':']).next()).collect();
    used.sort_unstable();
    used.dedup();
    let names = EXAMPLE
        .lines()
        .filter_map(|line| line.trim_start_matches("# ").split_once('='))
        .map(|(name, _)| name);
    let is_name = |name: &&str| {
        name.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_' || byte.is_ascii_digit())
    };
    let mut explained: Vec<&str> = names.filter(is_name).collect();
    explained.sort_unstable();
    let elsewhere = ["CADDY_IMAGE", "DEBIAN_IMAGE", "POSTGRES_IMAGE", "REDIS_IMAGE", "RUST_IMAGE", "SECRETS"];
    used.retain(|name| !elsewhere.contains(name));
    assert_eq!(used, explained);
}
