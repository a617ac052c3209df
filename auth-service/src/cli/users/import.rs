//! `auth-service users import`.

use std::io::Read;
use std::path::{Path, PathBuf};

use clap::Args;
use serde::Deserialize;

use super::create::said;
use super::person::tabled;
use super::{Context, Failure, People, Report};
use crate::accounts::{Draft, DraftRequest, Import, Imported};
use crate::domain::{BcryptHash, RoleNames};

/// The most lines that an error message names.
const NAMED: usize = 10;

#[derive(Args)]
pub(super) struct Arguments {
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
    #[serde(default = "yes")]
    is_active: bool,
}

fn yes() -> bool {
    true
}

pub(super) async fn run(arguments: &Arguments, context: &Context) -> Result<Report, Failure> {
    let named = arguments.file.display();
    let text = read(&arguments.file).map_err(|error| format!("{named}: {error}"))?;
    let imports = parse(&text).map_err(|wrong| nothing(&named, &wrong))?;
    match context.administration().import(imports, arguments.skip_existing).await? {
        Imported::Taken(lines) => {
            let wrong = lines.into_iter().map(|line| {
                format!(
                    "line {line}: the username, or one that looks like it, is taken or was on an earlier line"
                )
            });
            Err(nothing(&named, &wrong.collect::<Vec<_>>()).into())
        }
        Imported::Done { users, skipped } => {
            let left = if skipped.is_empty() {
                String::new()
            } else {
                format!(", and {} left alone", skipped.len())
            };
            let text = format!("{} imported{left}.\n\n{}", users.len(), tabled(&users));
            Report::new(&users.into_iter().map(Into::into).collect::<People>(), text)
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
fn parse(text: &str) -> Result<Vec<Import>, Vec<String>> {
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let (mut good, mut wrong) = (Vec::new(), Vec::new());
    for (at, line) in lines {
        let at = at + 1;
        match parse_line(at, line) {
            Ok(import) => good.push(import),
            Err(why) => wrong.push(format!("line {at}: {why}")),
        }
    }
    if wrong.is_empty() { Ok(good) } else { Err(wrong) }
}

fn parse_line(at: usize, line: &str) -> Result<Import, String> {
    let line: Line = serde_json::from_str(line).map_err(|error| describe(&error))?;
    let request = DraftRequest { username: &line.username, email: line.email.as_deref(), roles: "" };
    let draft = Draft::parse(request).map_err(|broken| said(&broken))?;
    let roles = RoleNames::from_names(line.roles.iter().map(String::as_str))
        .map_err(|error| format!("roles: {error}"))?;
    let hash = BcryptHash::parse(&line.password_hash).map_err(|error| format!("password_hash {error}"))?;
    let draft = Draft { email_verified: line.email_verified, is_active: line.is_active, roles, ..draft };
    Ok(Import { line: at, draft, hash })
}

/// The error message without its position, which would count from the beginning of the line and not of the file.
fn describe(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let end = text.rfind(" at line ").unwrap_or(text.len());
    text.get(..end).unwrap_or(&text).to_owned()
}

fn nothing(file: &impl std::fmt::Display, wrong: &[String]) -> String {
    let named = wrong.iter().take(NAMED).cloned().collect::<Vec<_>>().join("; ");
    let more = wrong.len().saturating_sub(NAMED);
    let more = if more == 0 { String::new() } else { format!("; and {more} more") };
    format!("{file}: nothing was imported: {named}{more}")
}
