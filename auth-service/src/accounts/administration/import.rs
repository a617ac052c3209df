//! Users from elsewhere, with the hashes of their passwords.

use std::collections::HashMap;
use std::sync::Arc;

use super::{Administration, Draft};
use crate::accounts::AccountError;
use crate::domain::{AuditEvent, AuditKind, BcryptHash, NewUser, User};
use crate::storage::{audit, users};

/// A user to be imported, and the line that says so.
#[derive(Clone, Debug)]
pub struct Import {
    /// The line, counted from one.
    pub line: usize,
    /// The user.
    pub draft: Draft,
    /// The hash of the password.
    pub hash: BcryptHash,
}

/// What became of an import.
#[derive(Debug)]
pub enum Imported {
    /// These users were made; the lines of users that were there are left out.
    Done {
        /// The new users, in the order of the lines.
        users: Vec<User>,
        /// Lines whose name, or one that looks like it, was taken.
        skipped: Vec<usize>,
    },
    /// Nothing was: these lines name somebody who exists, or stands on another line.
    Taken(Vec<usize>),
}

/// Rolls the transaction back.
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
    /// Makes all of them in one transaction, or none. With `skip_existing`, those whose name is taken in the database
    /// are left alone: for the second run of the same file.
    pub async fn import(&self, imports: Vec<Import>, skip_existing: bool) -> Result<Imported, AccountError> {
        let twice = repeated(&imports);
        if !twice.is_empty() {
            return Ok(Imported::Taken(twice));
        }
        let now_ms = self.parts.clock.now_ms();
        let new: Vec<(usize, NewUser)> = imports
            .into_iter()
            .map(|Import { line, draft, hash }| {
                (line, self.new_user(draft, hash.into_password_hash(), now_ms))
            })
            .collect();
        let parts = Arc::clone(&self.parts);
        let done = self.parts.database.write(move |conn| {
            let (mut made, mut events, mut taken) = (Vec::new(), Vec::new(), Vec::new());
            for (line, new) in &new {
                if users::is_taken(conn, new.username.key(), new.username.skeleton())? {
                    taken.push(*line);
                    continue;
                }
                users::insert(conn, new)?;
                let event = AuditEvent::new(AuditKind::UserCreated, &parts.origin);
                let event = event.user(new.id).reason("import");
                audit::record(conn, &event, &parts.random, now_ms)?;
                events.push(event);
                made.push(new.user());
            }
            if !taken.is_empty() && !skip_existing {
                return Err(Stop::Taken(taken));
            }
            Ok((Imported::Done { users: made, skipped: taken }, events))
        });
        match done.await {
            Ok((imported, events)) => {
                events.iter().for_each(AuditEvent::log);
                Ok(imported)
            }
            Err(Stop::Taken(lines)) => Ok(Imported::Taken(lines)),
            Err(Stop::Failed(error)) => Err(error),
        }
    }
}

/// The lines whose name, or one that looks like it, stands on an earlier line.
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
