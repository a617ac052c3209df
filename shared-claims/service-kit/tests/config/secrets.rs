//! Secrets in settings, and that nothing shows them.

use super::*;

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
