//! Reads a new password from standard input or from a terminal. It is never an argument, because other users of the
//! machine can see arguments.

use std::io::{IsTerminal, Read};

use clap::Args;
use zeroize::Zeroizing;

use super::{Context, Failure};
use crate::domain::PasswordHash;
use crate::passwords::PasswordOwner;

/// The most bytes that are read; no password may be longer.
const MAX_BYTES: u64 = 1 << 20;

/// The option that selects where the password is read from.
#[derive(Args)]
pub(super) struct PasswordSource {
    /// Read the password from standard input; one newline at its end is no part of it
    #[arg(long)]
    password_stdin: bool,
}

impl PasswordSource {
    /// Reads the password, checks it against the rules, and hashes it.
    pub(super) async fn read_and_hash(
        &self,
        owner: PasswordOwner<'_>,
        context: &Context,
    ) -> Result<PasswordHash, Failure> {
        let text = if self.password_stdin { from_stdin()? } else { from_terminal()? };
        context.check_and_hash(&text, owner).await
    }
}

fn from_stdin() -> Result<Zeroizing<String>, Failure> {
    let mut text = Zeroizing::new(String::new());
    let read = std::io::stdin().take(MAX_BYTES).read_to_string(&mut text);
    read.map_err(|error| format!("the password cannot be read from standard input: {error}"))?;
    if let Some(line) = text.strip_suffix('\n') {
        return Ok(Zeroizing::new(line.strip_suffix('\r').unwrap_or(line).to_owned()));
    }
    Ok(text)
}

fn from_terminal() -> Result<Zeroizing<String>, Failure> {
    if !std::io::stdin().is_terminal() {
        return Err(
            "standard input is not a terminal: use --password-stdin to read the password from it".into()
        );
    }
    let typed = Zeroizing::new(rpassword::prompt_password("Password: ")?);
    let again = Zeroizing::new(rpassword::prompt_password("Repeat the password: ")?);
    if typed != again {
        return Err("the two passwords differ".into());
    }
    Ok(typed)
}
