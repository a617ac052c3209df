//! `auth-service users import`.

use std::io::Read;
use std::path::{Path, PathBuf};

use clap::Args;
use serde::Deserialize;

use super::{Context, Failure, Report, describe_invalid, documents, users_as_table};
use crate::accounts::{CreateUserRequest, ImportOutcome, UserDetails, UserImport};
use crate::domain::{BcryptHash, RoleNames};

/// The most wrong lines that an error message names.
const MAX_NAMED_LINES: usize = 10;

#[derive(Args)]
pub(super) struct ImportArguments {
    /// One user per line, as JSON: `{"username", "password_hash", "email"?, "email_verified"?, "roles"?,
    /// "is_active"?}`, with a bcrypt hash ($2a$, $2b$, $2y$); `-` for standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Skip lines whose user exists, instead of refusing the file
    #[arg(long)]
    skip_existing: bool,
}

/// One line of the file. Unknown members are refused, because one may be a misspelt name.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    username: String,
    password_hash: String,
    #[serde(default)]
    email: Option<String>,
    #[serde(default)]
    email_verified: bool,
    #[serde(default)]
    roles: Vec<String>,
    #[serde(default = "active_by_default")]
    is_active: bool,
}

fn active_by_default() -> bool {
    true
}

pub(super) async fn run(arguments: &ImportArguments, context: &Context) -> Result<Report, Failure> {
    let file = arguments.file.display();
    let text = read(&arguments.file).map_err(|error| format!("{file}: {error}"))?;
    let imports = parse(&text).map_err(|wrong| nothing_imported(&file, &wrong))?;
    match context.users().import(imports, arguments.skip_existing).await? {
        ImportOutcome::Taken(lines) => {
            let wrong = lines.into_iter().map(|line| {
                format!(
                    "line {line}: the username, or one that looks like it, is taken or was on an earlier line"
                )
            });
            Err(nothing_imported(&file, &wrong.collect::<Vec<_>>()).into())
        }
        ImportOutcome::Done { users, skipped } => {
            let skipped = match skipped.len() {
                0 => String::new(),
                count => format!(", {count} skipped because they exist"),
            };
            let text = format!("{} imported{skipped}.\n\n{}", users.len(), users_as_table(&users));
            Report::new(&documents(users), text)
        }
    }
}

fn read(file: &Path) -> std::io::Result<String> {
    let mut text = String::new();
    if file == Path::new("-") {
        std::io::stdin().read_to_string(&mut text)?;
    } else {
        std::fs::File::open(file)?.read_to_string(&mut text)?;
    }
    Ok(text)
}

/// Parses all lines. The error has a message for each line that is wrong.
fn parse(text: &str) -> Result<Vec<UserImport>, Vec<String>> {
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let (mut imports, mut wrong) = (Vec::new(), Vec::new());
    for (index, line) in lines {
        let number = index + 1;
        match parse_line(number, line) {
            Ok(import) => imports.push(import),
            Err(message) => wrong.push(format!("line {number}: {message}")),
        }
    }
    if wrong.is_empty() { Ok(imports) } else { Err(wrong) }
}

fn parse_line(number: usize, line: &str) -> Result<UserImport, String> {
    let line: Line = serde_json::from_str(line).map_err(|error| without_position(&error))?;
    let request = CreateUserRequest { username: &line.username, email: line.email.as_deref(), roles: "" };
    let details = UserDetails::parse(request).map_err(|invalid| describe_invalid(&invalid))?;
    let roles = RoleNames::from_names(line.roles.iter().map(String::as_str))
        .map_err(|error| format!("roles: {error}"))?;
    let hash = BcryptHash::parse(&line.password_hash).map_err(|error| format!("password_hash {error}"))?;
    let details =
        UserDetails { email_verified: line.email_verified, is_active: line.is_active, roles, ..details };
    Ok(UserImport { line: number, details, hash })
}

/// The error message without its position, which would count from the beginning of the line and not of the file.
fn without_position(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let end = text.rfind(" at line ").unwrap_or(text.len());
    text.get(..end).unwrap_or(&text).to_owned()
}

fn nothing_imported(file: &impl std::fmt::Display, wrong: &[String]) -> String {
    let named = wrong.iter().take(MAX_NAMED_LINES).cloned().collect::<Vec<_>>().join("; ");
    let more = wrong.len().saturating_sub(MAX_NAMED_LINES);
    let more = if more == 0 { String::new() } else { format!("; and {more} more") };
    format!("{file}: nothing was imported: {named}{more}")
}
