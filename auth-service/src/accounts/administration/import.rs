//! Imports users from another system, with their password hashes.

use std::collections::HashMap;
use std::sync::Arc;

use super::{Administration, Draft};
use crate::accounts::AccountError;
use crate::domain::{AuditEvent, AuditKind, BcryptHash, NewUser, User};
use crate::storage::users;

/// A user to import, and the line of the file that describes it.
#[derive(Clone, Debug)]
pub struct Import {
    /// The line number, counted from 1.
    pub line: usize,
    /// The description of the user.
    pub draft: Draft,
    /// The password hash.
    pub hash: BcryptHash,
}

/// The outcome of an import.
#[derive(Debug)]
pub enum Imported {
    /// The import was committed.
    Done {
        /// The created users, in the order of the lines.
        users: Vec<User>,
        /// The lines that were skipped because the name, or a confusable name, was taken.
        skipped: Vec<usize>,
    },
    /// Nothing was imported: these lines have a name that is taken or that is repeated in the file.
    Taken(Vec<usize>),
}

/// An error that rolls the transaction back.
enum Stop {
    Taken(Vec<usize>),
    Failed(AccountError),
}

impl<E: Into<AccountError>> From<E> for Stop {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

impl Administration {
    /// Creates all users in one transaction, or none. With `skip_existing`, a line whose name is taken in the
    /// database is skipped, so that the same file can be imported a second time.
    pub async fn import(&self, imports: Vec<Import>, skip_existing: bool) -> Result<Imported, AccountError> {
        let twice = repeated(&imports);
        if !twice.is_empty() {
            return Ok(Imported::Taken(twice));
        }
        let inner = Arc::clone(&self.inner);
        let new: Vec<(usize, NewUser)> = imports
            .into_iter()
            .map(|Import { line, draft, hash }| (line, inner.new_user(draft, hash.into_password_hash())))
            .collect();
        let done = self.inner.unit_of_work.commit(move |transaction| {
            let (mut made, mut taken) = (Vec::new(), Vec::new());
            for (line, new) in &new {
                if users::is_taken(transaction.conn(), new.username.key(), new.username.skeleton())? {
                    taken.push(*line);
                    continue;
                }
                users::insert(transaction.conn(), new)?;
                let event = AuditEvent::new(AuditKind::UserCreated, &inner.initiator);
                transaction.record(event.user(new.id).reason("import"));
                made.push(new.user());
            }
            if !taken.is_empty() && !skip_existing {
                return Err(Stop::Taken(taken));
            }
            Ok(Imported::Done { users: made, skipped: taken })
        });
        match done.await {
            Ok(committed) => Ok(committed.value),
            Err(Stop::Taken(lines)) => Ok(Imported::Taken(lines)),
            Err(Stop::Failed(error)) => Err(error),
        }
    }
}

/// The lines whose name, or a confusable name, occurs on an earlier line.
fn repeated(imports: &[Import]) -> Vec<usize> {
    let mut seen = HashMap::new();
    let names = imports.iter().map(|import| (import.line, &import.draft.username));
    names
        .filter_map(|(line, name)| {
            let key = seen.insert(format!("k{}", name.key()), line).is_some();
            let look = seen.insert(format!("l{}", name.skeleton()), line).is_some();
            (key || look).then_some(line)
        })
        .collect()
}
