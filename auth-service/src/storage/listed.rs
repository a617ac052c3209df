//! Lists of which some rows cannot be read.

use diesel::QueryResult;

/// The rows of a list. One that this version cannot read, because a newer replica wrote it or somebody changed it by hand, does
/// not keep the others from being read. Not for the revocation log, of which no fact may be passed over.
#[derive(Debug)]
pub struct Listed<T> {
    /// What could be read, in the order of the list.
    pub readable: Vec<T>,
    /// What could not.
    pub unreadable: Vec<Unreadable>,
}

/// A row that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable {
    /// Its primary key.
    pub id: String,
    /// Why, without what stands in it.
    pub why: String,
}

impl<T> Listed<T> {
    /// Reads each row.
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

    /// What can be read; the log is told of the rest.
    pub fn or_log(self, table: &'static str) -> Vec<T> {
        for Unreadable { id, why } in &self.unreadable {
            tracing::error!(table, id, why, "storage.row_unreadable: it is left out");
        }
        self.readable
    }
}
