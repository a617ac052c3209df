//! The error line that stops the start.

use super::*;

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
        // A word that is no level would be the name of a module, and everything else would be off.
        (
            "AUTH__LOG__LEVEL",
            "debgu",
            "must be error, warn, info, debug, trace or off, or directives like info,auth_service=debug",
        ),
        (
            "AUTH__LOG__LEVEL",
            "info,auth_service",
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
    let levels = "error, warn, info, debug, trace or off, or directives like info,auth_service=debug";
    assert_eq!(toml("log.level = ' '").unwrap_err(), format!("log.level: must be {levels}"));
    assert_eq!(toml("log.format = 'xml'").unwrap_err(), "log.format: must be `json` or `pretty`");
}
