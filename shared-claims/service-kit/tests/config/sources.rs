//! Where settings come from, and which source wins.

use super::*;

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
