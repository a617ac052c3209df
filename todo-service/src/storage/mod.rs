//! The database. The only module that knows Diesel.

pub mod todos;

use diesel_migrations::{EmbeddedMigrations, embed_migrations};
use service_kit::database::Migrations;

const POSTGRES: EmbeddedMigrations = embed_migrations!("../migrations/todo/postgres");
const SQLITE: EmbeddedMigrations = embed_migrations!("../migrations/todo/sqlite");

/// The migrations of this service's tables.
pub fn migrations() -> Migrations {
    Migrations { postgres: POSTGRES, sqlite: SQLITE }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::Path;

    fn names(backend: &str) -> BTreeSet<String> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../migrations/todo").join(backend);
        let entries = fs::read_dir(folder).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    #[test]
    fn both_back_ends_have_the_same_migrations() {
        let names = [names("postgres"), names("sqlite")];
        assert!(!names[0].is_empty());
        assert_eq!(names[0], names[1]);
    }
}
