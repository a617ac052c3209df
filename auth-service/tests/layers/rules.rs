//! The rules.

use crate::paths::{UsedPath, code, paths};

/// Each module of the service, and the modules that it may use. ARCHITECTURE.md explains them.
const LAYERS: &[(&str, &[&str])] = &[
    ("accounts", &["audit", "domain", "mail", "passwords", "storage", "throttle", "tokens"]),
    ("audit", &["domain", "random", "storage"]),
    ("backchannel", &["domain", "keys", "outbound", "queue", "random", "storage"]),
    ("background", &[]),
    (
        "cli",
        &[
            "accounts",
            "clients",
            "config",
            "domain",
            "http",
            "keys",
            "mail",
            "passwords",
            "restore",
            "startup",
            "storage",
        ],
    ),
    ("clients", &["background", "domain", "single_flight", "storage"]),
    ("config", &["clients", "domain", "keys", "mail", "pages", "revocation"]),
    ("domain", &[]),
    ("fuzzing", &["domain", "random", "seal"]),
    (
        "http",
        &[
            "accounts",
            "audit",
            "clients",
            "domain",
            "keys",
            "pages",
            "passwords",
            "revocation",
            "seal",
            "sign_in",
            "throttle",
            "tokens",
        ],
    ),
    ("keys", &["domain", "random", "single_flight", "storage"]),
    ("mail", &["domain", "pages", "queue"]),
    ("maintenance", &["background", "clients", "keys", "pruning", "revocation"]),
    (
        "observe",
        &["accounts", "clients", "domain", "keys", "passwords", "pruning", "queue", "revocation", "throttle"],
    ),
    ("outbound", &[]),
    ("pages", &[]),
    ("passwords", &["domain", "outbound", "random"]),
    ("pruning", &["random", "storage"]),
    ("queue", &["background", "domain", "random", "storage"]),
    ("random", &[]),
    ("restore", &["domain", "keys", "random", "storage"]),
    ("revocation", &["background", "domain", "random", "storage"]),
    ("seal", &["random"]),
    (
        "sign_in",
        &["accounts", "clients", "domain", "keys", "passwords", "random", "seal", "storage", "tokens"],
    ),
    ("single_flight", &[]),
    (
        "startup",
        &[
            "accounts",
            "audit",
            "backchannel",
            "clients",
            "config",
            "domain",
            "http",
            "keys",
            "mail",
            "maintenance",
            "observe",
            "outbound",
            "pages",
            "passwords",
            "pruning",
            "queue",
            "random",
            "revocation",
            "seal",
            "sign_in",
            "storage",
            "throttle",
            "tokens",
        ],
    ),
    ("storage", &["domain", "random"]),
    ("throttle", &["domain", "random", "storage"]),
    ("tokens", &["domain", "keys", "random", "storage", "throttle"]),
];

/// Libraries, and the modules that may use them.
const LIBRARIES: &[(&str, &[&str])] = &[
    ("actix_web", &["http", "startup"]),
    ("askama", &["mail", "pages"]),
    // `clients` defines the options that describe a client, so that there is one list of them.
    ("clap", &["cli", "clients"]),
    ("diesel", &["storage"]),
    ("diesel_migrations", &["storage"]),
    ("fluent_bundle", &["pages"]),
    ("lettre", &["mail"]),
    // What is called at somebody's wish is called with one set of rules.
    ("reqwest", &["outbound"]),
    ("tokio_rustls", &["outbound"]),
];

/// The functions that build components, and the module that each belongs to. The server and the commands build theirs in
/// `startup`, so that both have the same.
const CONSTRUCTORS: &[(&str, &str)] = &[
    ("Accounts::new", "accounts"),
    ("Administration::new", "accounts"),
    ("Administration::new", "clients"),
    ("Clients::new", "clients"),
    ("Database::connect", "startup"),
    ("Feed::start", "revocation"),
    ("KeyStore::open", "keys"),
    ("Pages::new", "pages"),
    ("Pages::new", "revocation"),
    ("LogoutTokens::new", "backchannel"),
    ("Letters::new", "accounts"),
    ("Mailer::new", "mail"),
    ("Mails::new", "mail"),
    ("Outbound::new", "outbound"),
    ("BreachCheck::new", "passwords"),
    ("PasswordPolicy::new", "passwords"),
    ("Passwords::new", "passwords"),
    ("Pruner::new", "pruning"),
    ("Queue::new", "queue"),
    ("Recorder::new", "audit"),
    ("Refusals::new", "audit"),
    ("Revocations::start", "revocation"),
    ("Rotation::new", "keys"),
    ("Sealer::new", "keys"),
    ("Throttle::new", "throttle"),
    ("Tokens::new", "tokens"),
    ("UnitOfWork::new", "storage"),
    ("Worker::start", "queue"),
];

/// Returns a message for each breach in this file, whose path is given below `src`.
pub(crate) fn breaches(file: &str, text: &str) -> Vec<String> {
    if ["lib.rs", "main.rs"].contains(&file) || file.ends_with("/tests.rs") || file.contains("/tests/") {
        return Vec::new();
    }
    let module = file.split('/').next().unwrap_or_default().trim_end_matches(".rs");
    let Some((_, allowed)) = LAYERS.iter().find(|(name, _)| *name == module) else {
        return vec![format!(
            "src/{file}:1: no rule names the module `{module}`: add it to LAYERS and to ARCHITECTURE.md"
        )];
    };
    let mut found = Vec::new();
    for UsedPath { line, path } in paths(file, &code(text)) {
        let mut report = |rule: String| {
            let message = format!("src/{file}:{line}: {rule}");
            if !found.contains(&message) {
                found.push(message);
            }
        };
        let mut segments = path.split("::");
        let (first, second) = (segments.next().unwrap_or_default(), segments.next().unwrap_or_default());
        if first == "crate" && second != module && !allowed.contains(&second) {
            let names = if allowed.is_empty() { "nothing of ours".to_owned() } else { allowed.join(", ") };
            report(format!("`{module}` must not use `crate::{second}`; it may use: {names}"));
        }
        if path.starts_with("crate::storage::schema") && module != "storage" {
            report("only `storage` may use the tables of its schema".to_owned());
        }
        if let Some((library, modules)) = LIBRARIES.iter().find(|(library, _)| *library == first)
            && !modules.contains(&module)
        {
            report(format!("only `{}` may use `{library}`", modules.join("` and `")));
        }
        let built: Vec<_> = CONSTRUCTORS.iter().filter(|(name, _)| is_call_of(&path, name)).collect();
        if let Some((name, _)) = built.first()
            && module != "startup"
            && !built.iter().any(|(_, owner)| *owner == module)
        {
            report(format!("only `startup` may build components: `{name}`"));
        }
    }
    found
}

/// Whether the path ends with this function of this type.
fn is_call_of(path: &str, name: &str) -> bool {
    path.strip_suffix(name).is_some_and(|before| before.is_empty() || before.ends_with("::"))
}
