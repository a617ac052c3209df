//! Settings as an operator writes them, and the error line that stops the start.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use service_kit::config::{
    InvalidSetting, LoadSpec, Secret, UrlWithSecret, Validate, in_range, load, render,
};
use service_kit::database::DatabaseSettings;
use service_kit::http::HttpSettings;
use service_kit::telemetry::LogSettings;

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Settings {
    issuer: String,
    http: HttpSettings,
    log: LogSettings,
    database: DatabaseSettings,
    passwords: Passwords,
    keys: Keys,
    revocation: Revocation,
    apps: Vec<App>,
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct App {
    id: String,
    secret: Option<Secret>,
    #[serde(default)]
    scopes: Vec<String>,
    seconds: Option<u32>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Passwords {
    bcrypt_cost: u32,
    peppered: bool,
}

impl Default for Passwords {
    fn default() -> Self {
        Self { bcrypt_cost: 12, peppered: true }
    }
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Keys {
    encryption_key: Option<Secret>,
    previous: Vec<Secret>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Revocation {
    redis_url: Option<UrlWithSecret>,
    max_entries: Option<u32>,
}

impl Validate for Settings {
    fn validate(&self) -> Result<(), InvalidSetting> {
        self.http.validate().map_err(|error| error.under("http"))?;
        self.log.validate().map_err(|error| error.under("log"))?;
        self.database.validate().map_err(|error| error.under("database"))?;
        in_range("passwords.bcrypt_cost", self.passwords.bcrypt_cost, 4..=31)
    }
}

fn from(file: Option<(&str, &str)>, env: &[(&str, &str)]) -> Result<Settings, String> {
    let folder = tempfile::tempdir().unwrap();
    let file = file.map(|(name, content)| {
        let path = folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        path
    });
    let env = env.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
    let result = load(LoadSpec { prefix: "AUTH".to_owned(), file, env });
    result.map_err(|error| {
        let line = error.to_string();
        assert!(!line.contains('\n'), "more than one line: {line}");
        line.replace(&folder.path().display().to_string(), "DIR")
    })
}

fn env(name: &str, text: &str) -> Result<Settings, String> {
    from(None, &[(name, text)])
}

fn toml(content: &str) -> Result<Settings, String> {
    from(Some(("settings.toml", content)), &[])
}

#[test]
fn the_environment_overrides_the_file_and_the_file_overrides_the_defaults() {
    let file = "issuer = 'from-file'\n[passwords]\nbcrypt_cost = 10\n[http]\nworkers = 3\n";
    let settings =
        from(Some(("settings.toml", file)), &[("AUTH__PASSWORDS__BCRYPT_COST", "11"), ("PATH", "/bin")])
            .unwrap();
    assert_eq!(settings.issuer, "from-file");
    assert_eq!(settings.passwords.bcrypt_cost, 11);
    assert_eq!(settings.http.workers, 3);
    assert_eq!(settings.http.bind.to_string(), "127.0.0.1:8000");
    assert!(settings.http.cors_origins.contains(&"http://localhost:5173".to_owned()));
}

#[test]
fn yaml_and_json_files_are_equivalent_to_toml() {
    let yaml = "http:\n  cors_origins:\n    - https://a.example\n    - https://b.example\n";
    let json = r#"{"http": {"cors_origins": ["https://a.example", "https://b.example"]}}"#;
    let toml = "[http]\ncors_origins = ['https://a.example', 'https://b.example']\n";
    for (name, content) in [("s.yaml", yaml), ("s.yml", yaml), ("s.json", json), ("s.toml", toml)] {
        let settings = from(Some((name, content)), &[]).unwrap();
        assert_eq!(settings.http.cors_origins, ["https://a.example", "https://b.example"], "{name}");
    }
}

#[test]
fn lists_are_comma_separated_in_the_environment_and_replace_the_default() {
    let list = |text| env("AUTH__HTTP__CORS_ORIGINS", text).unwrap().http.cors_origins;
    assert_eq!(list("https://a.example, https://b.example"), ["https://a.example", "https://b.example"]);
    assert_eq!(list("https://a.example"), ["https://a.example"]);
    assert!(list("[]").is_empty());
    assert!(!list("").is_empty(), "an empty variable counts as unset");
    let proxies = env("AUTH__HTTP__TRUSTED_PROXIES", "10.0.0.0/8,::1").unwrap().http.trusted_proxies;
    assert_eq!(proxies.len(), 2);
}

#[test]
fn a_string_that_looks_like_a_number_is_kept_as_written() {
    for text in ["12345", "0x10", "1e9", "007", "true", "null", " spaced ", "a,b"] {
        let settings = from(None, &[("AUTH__ISSUER", text), ("AUTH__KEYS__ENCRYPTION_KEY", text)]).unwrap();
        assert_eq!(settings.issuer, text);
        assert_eq!(settings.keys.encryption_key.unwrap().expose(), text.trim());
    }
    assert_eq!(
        toml("keys.encryption_key = 1e9").unwrap_err(),
        "keys.encryption_key: must be a string in quotes"
    );
    assert_eq!(toml("issuer = 12345").unwrap_err(), "issuer: must be a string, in quotes");
}

#[test]
fn an_empty_variable_counts_as_unset() {
    let file = "revocation.redis_url = 'redis://h:1/0'\npasswords.bcrypt_cost = 11";
    let empty = [
        ("AUTH__REVOCATION__REDIS_URL", ""),
        ("AUTH__REVOCATION__MAX_ENTRIES", ""),
        ("AUTH__PASSWORDS__BCRYPT_COST", ""),
        ("AUTH__PASSWORDS__PEPPERED", ""),
        ("AUTH__HTTP__BIND", ""),
        ("AUTH__LOG__FORMAT", ""),
        ("AUTH__KEYS__ENCRYPTION_KEY_FILE", ""),
    ];
    let settings = from(Some(("s.toml", file)), &empty).unwrap();
    assert_eq!(settings.revocation.redis_url.unwrap().expose(), "redis://h:1/0", "the file stands");
    assert_eq!(settings.passwords.bcrypt_cost, 11);
    assert_eq!(settings.http.bind, Settings::default().http.bind);
    assert!(settings.keys.encryption_key.is_none());
    // The value that is not empty counts, whether it is given directly or as a file.
    let both = [("AUTH__KEYS__ENCRYPTION_KEY", "k"), ("AUTH__KEYS__ENCRYPTION_KEY_FILE", "")];
    assert_eq!(from(None, &both).unwrap().keys.encryption_key.unwrap().expose(), "k");
    assert!(env("AUTH__NOTHING", "").unwrap_err().starts_with("AUTH__NOTHING: unknown setting"));
    assert!(env("AUTH__HTTP", "").unwrap_err().starts_with("AUTH__HTTP: is a group"));
}

#[test]
fn an_optional_number_comes_from_the_environment_too() {
    assert_eq!(env("AUTH__REVOCATION__MAX_ENTRIES", "7").unwrap().revocation.max_entries, Some(7));
    let line = env("AUTH__REVOCATION__MAX_ENTRIES", "many").unwrap_err();
    assert_eq!(line, "AUTH__REVOCATION__MAX_ENTRIES: must be an integer");
}

#[test]
fn an_unknown_key_stops_the_start() {
    assert_eq!(
        env("AUTH__PASSWORDS__BCRYPT_COTS", "12").unwrap_err(),
        "AUTH__PASSWORDS__BCRYPT_COTS: unknown setting; known here: BCRYPT_COST, PEPPERED"
    );
    assert_eq!(
        toml("[passwords]\nbcrypt_cots = 12").unwrap_err(),
        "passwords.bcrypt_cots in DIR/settings.toml: unknown setting; known here: bcrypt_cost, peppered"
    );
    assert!(env("AUTH__NOTHING", "x").unwrap_err().starts_with("AUTH__NOTHING: unknown setting"));
    assert!(env("AUTH__", "x").unwrap_err().starts_with("AUTH__: unknown setting"));
    assert!(env("AUTH__ISSUER__DEEPER", "x").unwrap_err().starts_with("AUTH__ISSUER__DEEPER: unknown"));
    assert_eq!(env("AUTH__HTTP", "x").unwrap_err(), "AUTH__HTTP: is a group of settings, not a setting");
    assert!(toml("passwords = 3").unwrap_err().starts_with("passwords: is a group"));
    env("AUTHENTICATION__X", "of somebody else").unwrap();
    env("TODO__ISSUER__X", "of the other service").unwrap();
}

#[test]
fn an_invalid_value_is_reported_with_its_key_as_the_user_wrote_it() {
    for (name, text, line) in [
        ("AUTH__PASSWORDS__BCRYPT_COST", "high", "must be a whole number"),
        ("AUTH__PASSWORDS__BCRYPT_COST", "12.5", "must be a whole number"),
        ("AUTH__PASSWORDS__BCRYPT_COST", "true", "must be a whole number"),
        ("AUTH__PASSWORDS__BCRYPT_COST", "3", "must be from 4 to 31"),
        ("AUTH__PASSWORDS__PEPPERED", "maybe", "must be true or false"),
        ("AUTH__LOG__FORMAT", "xml", "must be `json` or `pretty`"),
        (
            "AUTH__LOG__LEVEL",
            "loud=very",
            "must be error, warn, info, debug, trace or off, or directives like info,auth_service=debug",
        ),
        ("AUTH__HTTP__BIND", "nowhere", "must be an IP address and a port, like 127.0.0.1:8000"),
        ("AUTH__HTTP__TRUSTED_PROXIES", "proxy", "must be IP addresses or networks like 10.0.0.0/8"),
        (
            "AUTH__HTTP__CORS_ORIGINS",
            "*",
            "must be origins like https://app.example.com: scheme, host and port, no path and no *",
        ),
        (
            "AUTH__HTTP__CORS_ORIGINS",
            "https://*.example.com",
            "must be origins like https://app.example.com: scheme, host and port, no path and no *",
        ),
        (
            "AUTH__HTTP__CORS_ORIGINS",
            "https://a.example/",
            "must be origins like https://app.example.com: scheme, host and port, no path and no *",
        ),
        (
            "AUTH__DATABASE__URL",
            "mysql://u:hunter2@h/d",
            "must be postgres://user:password@host/name or sqlite://path/to/file.db",
        ),
    ] {
        assert_eq!(env(name, text).unwrap_err(), format!("{name}: {line}"), "{name}={text}");
    }
    let huge = env("AUTH__PASSWORDS__BCRYPT_COST", "4294967308").unwrap_err();
    assert!(huge.starts_with("AUTH__PASSWORDS__BCRYPT_COST: must be a whole number"), "{huge}");
    let negative = env("AUTH__PASSWORDS__BCRYPT_COST", "-1").unwrap_err();
    assert!(negative.starts_with("AUTH__PASSWORDS__BCRYPT_COST: must be "), "{negative}");
    assert_eq!(toml("passwords.bcrypt_cost = 3").unwrap_err(), "passwords.bcrypt_cost: must be from 4 to 31");
    assert_eq!(
        toml("passwords.bcrypt_cost = 12.7").unwrap_err(),
        "passwords.bcrypt_cost: must be a whole number"
    );
    assert_eq!(toml("log.format = 'xml'").unwrap_err(), "log.format: must be `json` or `pretty`");
}

#[test]
fn secrets_may_be_read_from_files() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key");
    for (content, secret) in [
        ("s3cret\n", "s3cret"),
        ("s3cret", "s3cret"),
        ("s3cret\n\n", "s3cret"),
        ("s3cret\r\n\r\n", "s3cret"),
        (" s 3 \t\r\n", "s 3"),
        ("\u{feff}s3cret\n", "s3cret"),
    ] {
        std::fs::write(&path, content).unwrap();
        let path = path.to_str().unwrap();
        let settings = env("AUTH__KEYS__ENCRYPTION_KEY_FILE", path).unwrap();
        assert_eq!(settings.keys.encryption_key.unwrap().expose(), secret);
        let settings = toml(&format!("keys.encryption_key_file = '{path}'")).unwrap();
        assert_eq!(settings.keys.encryption_key.unwrap().expose(), secret);
    }
    let path = path.to_str().unwrap();
    let both = from(None, &[("AUTH__KEYS__ENCRYPTION_KEY", "x"), ("AUTH__KEYS__ENCRYPTION_KEY_FILE", path)])
        .unwrap_err();
    assert_eq!(both, "AUTH__KEYS__ENCRYPTION_KEY_FILE: is given twice, also as AUTH__KEYS__ENCRYPTION_KEY");
    let missing = env("AUTH__KEYS__ENCRYPTION_KEY_FILE", "/nowhere/key").unwrap_err();
    assert!(
        missing.starts_with("AUTH__KEYS__ENCRYPTION_KEY_FILE: must name a readable text file"),
        "{missing}"
    );
    // A list: one secret per line; commas do not separate.
    std::fs::write(path, "one, with a comma\n\n two\n").unwrap();
    for settings in [
        env("AUTH__KEYS__PREVIOUS_FILE", path).unwrap(),
        toml(&format!("keys.previous_file = '{path}'")).unwrap(),
    ] {
        let keys: Vec<_> = settings.keys.previous.iter().map(Secret::expose).collect();
        assert_eq!(keys, ["one, with a comma", "two"]);
    }
    std::fs::write(path, "\u{feff}postgres://a:b@c/d \r\n\n").unwrap();
    assert_eq!(env("AUTH__DATABASE__URL_FILE", path).unwrap().database.url.expose(), "postgres://a:b@c/d");
    assert_eq!(env("AUTH__DATABASE__URL", "sqlite://a.db ").unwrap().database.url.expose(), "sqlite://a.db");
    std::fs::write(path, " \n").unwrap();
    let empty = env("AUTH__KEYS__ENCRYPTION_KEY_FILE", path).unwrap_err();
    assert!(empty.starts_with("AUTH__KEYS__ENCRYPTION_KEY_FILE: must name a file that holds"), "{empty}");
    let number = env("AUTH__PASSWORDS__BCRYPT_COST_FILE", path).unwrap_err();
    assert!(number.starts_with("AUTH__PASSWORDS__BCRYPT_COST_FILE: unknown setting"), "{number}");
}

#[test]
fn an_unreadable_file_is_named_and_not_quoted() {
    let missing = load::<Settings>(LoadSpec {
        prefix: "AUTH".to_owned(),
        file: Some(PathBuf::from("/nowhere/settings.toml")),
        env: Vec::new(),
    });
    assert!(missing.unwrap_err().to_string().starts_with("/nowhere/settings.toml: cannot be read"));
    for (name, content) in [
        ("s.toml", "keys.encryption_key = 'hunter2\n"),
        ("s.toml", "keys.encryption_key = hunter2\n"),
        ("s.yaml", "keys: {encryption_key: 'hunter2"),
        ("s.json", "{\"keys\": {\"encryption_key\": \"hunter2}"),
        ("s.ini", "[keys]\nencryption_key=hunter2"),
        ("s", "hunter2"),
        ("s.yaml", "hunter2"),
        ("s.json", "\"hunter2\""),
    ] {
        let line = from(Some((name, content)), &[]).unwrap_err();
        assert!(line.starts_with(&format!("DIR/{name}: ")), "{line}");
        assert!(!line.contains("hunter2"), "{line}");
    }
    let line = from(Some(("s.toml", "issuer = 'a'\nkeys.encryption_key = hunter2\n")), &[]).unwrap_err();
    assert!(line.contains("line 2, column "), "{line}");
}

#[test]
fn a_database_url_that_is_not_encoded_is_refused_and_never_shown() {
    const RAW: [&str; 13] = [
        "Zq9%Kd7Yt",
        "Zq9@Kd7Yt",
        "Zq9/Kd7Yt",
        "Zq9 Kd7Yt+",
        "Zq9?Kd7Yt",
        "Zq9#Kd7Yt",
        "Zq9%4",
        "Zq9%zzKd7Yt",
        "Zq9@Kd7Yt@",
        "Zq9/Kd7Yt?a=b@",
        "Zq9?Kd7Yt&x=Kd7Yt",
        "Zq9%00Kd7Yt",
        "Zq9//Kd7Yt",
    ];
    for password in RAW {
        let url = format!("postgres://auth:{password}@127.0.0.1:5432/auth");
        for line in [
            env("AUTH__DATABASE__URL", &url).unwrap_err(),
            toml(&format!("database.url = '{url}'")).unwrap_err(),
        ] {
            assert!(
                line.starts_with("AUTH__DATABASE__URL: ") || line.starts_with("database.url: "),
                "{line}"
            );
            assert!(line.contains("percent-encode"), "{line}");
            assert!(!line.contains("Zq9") && !line.contains("Kd7Yt"), "{line}");
        }
        let shown = UrlWithSecret::new(url).masked();
        assert!(!shown.contains("Zq9") && !shown.contains("Kd7Yt"), "{shown}");
        let encoded = password.bytes().fold(String::new(), |url, byte| format!("{url}%{byte:02x}"));
        if !password.contains("%00") {
            let url = format!("postgres://auth:{encoded}@127.0.0.1:5432/auth");
            assert!(render(&env("AUTH__DATABASE__URL", &url).unwrap()).unwrap().contains("auth:********@"));
        }
    }
    for (url, shown) in [
        ("redis://hunter2@cache:6379/0", "redis://********@cache:6379/0"),
        ("redis://:hunter2", "********"),
        ("postgres://auth:hunter2", "********"),
        ("postgres://auth@db/auth", "postgres://auth@db/auth"),
        (
            "redis-sentinel://u:hunter2@a:1,b:2/m?sentinel_password=hunter2&x=hunter2",
            "redis-sentinel://u:********@a:1,b:2/m?sentinel_password=********",
        ),
        ("redis://[::1]:6379/0", "redis://[::1]:6379/0"),
        ("sqlite:///data/auth.db", "sqlite:///data/auth.db"),
        ("hunter2", "********"),
    ] {
        assert_eq!(UrlWithSecret::new(url).masked(), shown);
    }
}

#[test]
fn no_error_and_no_listing_shows_a_secret() {
    for (name, text) in [
        ("AUTH__REVOCATION__MAX_ENTRIES", "hunter2"),
        ("AUTH__PASSWORDS__BCRYPT_COST", "hunter2"),
        ("AUTH__HTTP__BIND", "hunter2"),
        ("AUTH__LOG__FORMAT", "hunter2"),
        ("AUTH__LOG__LEVEL", "=hunter2="),
        ("AUTH__DATABASE__URL", "hunter2"),
    ] {
        let line = env(name, text).unwrap_err();
        assert!(!line.contains("hunter2"), "{line}");
    }
    let settings = from(
        None,
        &[
            ("AUTH__KEYS__ENCRYPTION_KEY", "hunter2"),
            ("AUTH__REVOCATION__REDIS_URL", "redis://:hunter2@cache:6379/0"),
            (
                "AUTH__DATABASE__URL",
                "postgres://latchkey:hunter2@db/auth?sslpassword=hunter2&application_name=a",
            ),
        ],
    )
    .unwrap();
    let listing = render(&settings).unwrap();
    let debug = format!("{settings:?} {}", settings.keys.encryption_key.as_ref().unwrap());
    assert!(!listing.contains("hunter2"), "{listing}");
    assert!(!debug.contains("hunter2"), "{debug}");
    assert!(listing.contains(r#"keys.encryption_key = "********""#), "{listing}");
    assert!(listing.contains(r#"revocation.redis_url = "redis://:********@cache:6379/0""#), "{listing}");
    assert!(
        listing.contains(r#"database.url = "postgres://latchkey:********@db/auth?sslpassword=********""#),
        "{listing}"
    );
    assert!(listing.contains("# revocation.max_entries is unset"), "{listing}");
    assert_eq!(
        settings.database.url.expose(),
        "postgres://latchkey:hunter2@db/auth?sslpassword=hunter2&application_name=a"
    );
}

#[test]
fn a_list_of_groups_is_given_as_tables_in_a_file_and_as_json_in_the_environment() {
    let expected = [
        App {
            id: "a".into(),
            secret: Some(Secret::new("s3cret")),
            scopes: vec!["x".into(), "y".into()],
            seconds: None,
        },
        App { id: "b".into(), secret: None, scopes: Vec::new(), seconds: Some(5) },
    ];
    let text = r#"[{"id": "a", "secret": "s3cret", "scopes": ["x", "y"]}, {"id": "b", "seconds": 5}]"#;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("apps");
    std::fs::write(&path, format!("{text}\n")).unwrap();
    let tables =
        "[[apps]]\nid = 'a'\nsecret = 's3cret'\nscopes = ['x', 'y']\n[[apps]]\nid = 'b'\nseconds = 5";
    for settings in [
        toml(tables),
        env("AUTH__APPS", text),
        env("AUTH__APPS_FILE", path.to_str().unwrap()),
        from(Some(("a.json", &format!("{{\"apps\": {text}}}"))), &[]),
    ] {
        assert_eq!(settings.unwrap().apps, expected);
    }
    assert!(env("AUTH__APPS", "").unwrap().apps.is_empty());
    let listing = render(&env("AUTH__APPS", text).unwrap()).unwrap();
    assert!(listing.contains(r#"apps = [{ id = "a", "#) && !listing.contains("s3cret"), "{listing}");
    assert_eq!(toml(&listing).unwrap().apps.len(), 2);

    for (name, text, line) in [
        ("AUTH__APPS", r#"[{"id": "a", "seconds": "s3cret"}]"#, "AUTH__APPS[0].seconds: must be "),
        ("AUTH__APPS", r#"[{"id": "a"}, {"id": "b", "scopes": "s3cret"}]"#, "AUTH__APPS[1].scopes: must be "),
        ("AUTH__APPS", r#"[{"id": "a", "idd": "s3cret"}]"#, "unknown setting `idd`"),
        ("AUTH__APPS", r#"[{"secret": "s3cret"}]"#, "id"),
        ("AUTH__APPS", "s3cret", "AUTH__APPS"),
        ("AUTH__APPS", r#"[{"id": "s3cret"}"#, "AUTH__APPS"),
    ] {
        let refused = env(name, text).unwrap_err();
        assert!(refused.contains(line) && !refused.contains("s3cret"), "{text}: {refused}");
        assert_eq!(refused.lines().count(), 1);
    }
    let refused = toml("[[apps]]\nid = 'a'\nseconds = -1").unwrap_err();
    assert!(refused.starts_with("apps[0].seconds: must be "), "{refused}");
    let refused = toml("[[apps]]\nid = 'a'\nidd = 's3cret'").unwrap_err();
    assert!(refused.contains("`idd`") && refused.contains("apps"), "{refused}");
}

#[test]
fn the_rendered_settings_can_be_loaded_as_a_file() {
    let listing = render(&env("AUTH__ISSUER", "say \"hi\"\\").unwrap()).unwrap();
    let again = toml(&listing).unwrap();
    assert_eq!(again.issuer, "say \"hi\"\\");
    assert_eq!(render(&again).unwrap(), listing);
}

#[test]
fn a_masked_default_does_not_replace_the_value() {
    #[derive(Serialize, Deserialize)]
    #[serde(default)]
    struct WithSecret {
        token: Secret,
        other: u32,
    }
    impl Default for WithSecret {
        fn default() -> Self {
            Self { token: Secret::new("built-in"), other: 1 }
        }
    }
    impl Validate for WithSecret {}
    let env = vec![("X__OTHER".to_owned(), "2".to_owned())];
    let settings: WithSecret = load(LoadSpec { prefix: "X".to_owned(), file: None, env }).unwrap();
    assert_eq!((settings.token.expose(), settings.other), ("built-in", 2));
}
