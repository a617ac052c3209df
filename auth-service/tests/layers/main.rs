//! Checks which modules of the service use which, as ARCHITECTURE.md states it. Reads the sources and compiles nothing.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod paths;
mod rules;

use std::fs;
use std::path::Path;

use self::rules::breaches;

/// Returns the path below `src` and the text of every source file.
fn sources(folder: &Path, found: &mut Vec<(String, String)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
            let name = path.strip_prefix(src).unwrap().to_str().unwrap().replace('\\', "/");
            found.push((name, fs::read_to_string(&path).unwrap()));
        }
    }
}

#[test]
fn every_module_uses_only_the_modules_below_it() {
    let mut found = Vec::new();
    sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut found);
    assert!(found.len() > 100, "only {} files were read", found.len());
    found.sort();
    let breaches: Vec<_> = found.iter().flat_map(|(name, text)| breaches(name, text)).collect();
    assert!(breaches.is_empty(), "the layers of ARCHITECTURE.md are broken:\n{}", breaches.join("\n"));
}

fn lines_of(name: &str, text: &str) -> Vec<usize> {
    let line = |breach: &String| breach.split(':').nth(1).unwrap().parse().unwrap();
    breaches(name, text).iter().map(line).collect()
}

#[test]
fn a_breach_is_reported_with_its_file_line_and_rule() {
    let text = "//! Queries.\n\nuse crate::domain::User;\nuse crate::revocation::Revocations;\n";
    assert_eq!(
        breaches("storage/users.rs", text),
        ["src/storage/users.rs:4: `storage` must not use `crate::revocation`; it may use: domain, random"]
    );
    assert_eq!(
        breaches("tokens/cut.rs", "use diesel::QueryResult;\n"),
        ["src/tokens/cut.rs:1: only `storage` may use `diesel`"]
    );
    assert_eq!(
        breaches("cli/context.rs", "fn tokens() {\n    crate::tokens::Tokens::new(parts);\n}\n"),
        [
            "src/cli/context.rs:2: `cli` must not use `crate::tokens`; it may use: accounts, clients, config, domain, \
             http, keys, mail, passwords, restore, startup, storage",
            "src/cli/context.rs:2: only `startup` may build components: `Tokens::new`",
        ]
    );
    assert_eq!(
        breaches("reports/mod.rs", "use crate::domain::User;\n"),
        ["src/reports/mod.rs:1: no rule names the module `reports`: add it to LAYERS and to ARCHITECTURE.md"]
    );
}

#[test]
fn paths_are_found_however_they_are_written() {
    assert_eq!(
        lines_of("domain/user.rs", "use crate::{\n    domain::{Email, User},\n    storage,\n};\n"),
        [1]
    );
    assert_eq!(lines_of("domain/user.rs", "use super::super::storage::users;\n"), [1]);
    assert_eq!(lines_of("domain/mod.rs", "\nuse super::storage;\n"), [2]);
    assert_eq!(
        lines_of("domain/user.rs", "fn f() {\n    super::super::storage::users::find(conn)\n}\n"),
        [2]
    );
    assert_eq!(lines_of("domain/user.rs", "pub(crate) use crate::storage::users as rows;\n"), [1]);
    assert_eq!(lines_of("tokens/cut.rs", "type Rows = ::diesel::QueryResult<()>;\n"), [1]);
    assert_eq!(lines_of("accounts/mod.rs", "#[derive(diesel::Queryable)]\nstruct Row;\n"), [1]);
    assert_eq!(lines_of("tokens/cut.rs", "use crate::storage::{schema::users, users as rows};\n"), [1]);
}

#[test]
fn comments_tests_and_the_own_module_are_no_breach() {
    let free = [
        (
            "domain/user.rs",
            "//! See [`crate::storage`].\n/// As `diesel::QueryResult`.\nfn f() {} // crate::http\n",
        ),
        ("domain/user.rs", "#[cfg(test)]\nmod tests {\n    use crate::storage::users;\n}\n"),
        ("domain/signing_key/tests.rs", "use crate::storage::users;\n"),
        ("domain/user.rs", "use super::Email;\nuse crate::domain::Username;\n"),
        ("revocation/redis/list.rs", "use redis::Script;\n"),
        ("keys/store.rs", "let rotation = Rotation::new(unit_of_work, sealer, settings);\n"),
    ];
    for (name, text) in free {
        assert!(breaches(name, text).is_empty(), "{name}: {text}");
    }
}
