//! Lists in which some rows may be unreadable.

use diesel::QueryResult;

/// The rows of a list. A row that this version cannot read (a newer replica wrote it, or somebody changed it by hand)
/// does not prevent reading the others. Not for the revocation log, in which no fact may be skipped.
#[derive(Debug)]
pub struct Listed<T> {
    /// The readable rows, in the order of the list.
    pub readable: Vec<T>,
    /// The unreadable rows.
    pub unreadable: Vec<Unreadable>,
}

/// A row that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable {
    /// Its primary key.
    pub id: String,
    /// The reason. It does not contain values of the row.
    pub why: String,
}

impl<T> Listed<T> {
    /// Converts each row.
    pub(super) fn of<R>(rows: Vec<R>, id: impl Fn(&R) -> &str, read: impl Fn(R) -> QueryResult<T>) -> Self {
        let mut listed = Self { readable: Vec::with_capacity(rows.len()), unreadable: Vec::new() };
        for row in rows {
            let id = id(&row).to_owned();
            match read(row) {
                Ok(row) => listed.readable.push(row),
                Err(error) => listed.unreadable.push(Unreadable { id, why: error.to_string() }),
            }
        }
        listed
    }

    /// Returns the readable rows and logs the unreadable ones.
    pub fn or_log(self, table: &'static str) -> Vec<T> {
        for Unreadable { id, why } in &self.unreadable {
            tracing::error!(table, id, why, "storage.row_unreadable: it is left out");
        }
        self.readable
    }
}
