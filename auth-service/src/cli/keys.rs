//! `auth-service keys`.

use std::io::Read;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde::Serialize;
use service_kit::timestamp::rfc3339;
use zeroize::Zeroizing;

use super::output::{Format, Report, table};
use super::{Context, Failure};
use crate::domain::signing_key::RotationStart;
use crate::keys::{Jwk, JwkSet, stored_keys};
use crate::storage::signing_keys::SigningKeyRow;

/// The largest file that `import` reads, in bytes. A key of 16,384 bits in PEM form has 13 kB.
const MAX_FILE: usize = 64 * 1024;

#[derive(Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    pub(super) format: Format,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// List the keys of the key set
    List,
    /// Replace the active key by a new one, which is published first, for twice the key set's max-age
    Rotate(RotateArguments),
    /// Publish a key of your own, which becomes active after it was published for the same time
    Import(ImportArguments),
    /// Print the public keys, as a JWK Set
    ExportPublic(ExportArguments),
    /// Encrypt with `keys.encryption_key` everything that `keys.previous_encryption_keys` encrypted
    Reencrypt,
}

#[derive(Args)]
struct RotateArguments {
    /// Remove this key at once and revoke every token that it signed. Another key signs from now on; sessions go on
    // One key id in sixty-four begins with a hyphen.
    #[arg(long, value_name = "KID", allow_hyphen_values = true)]
    compromised: Option<String>,
    /// Do not wait until every verifier knows the key. A verifier that rarely looks up unknown keys refuses good
    /// tokens until it knows this one
    #[arg(long, conflicts_with = "compromised")]
    now: bool,
}

#[derive(Args)]
struct ImportArguments {
    /// An RSA key of 2048 bits or more, PKCS#8 in PEM form; `-` for standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

#[derive(Args)]
struct ExportArguments {
    /// Print PEM instead
    #[arg(long, conflicts_with = "json")]
    pem: bool,
}

pub(super) async fn run(arguments: Arguments, context: &Context) -> Result<Report, Failure> {
    match arguments.command {
        Command::List => {
            let documents = documents(context).await?;
            Report::new(&documents, keys_as_table(&documents))
        }
        Command::Rotate(arguments) => rotate(&arguments, context).await,
        Command::Import(ImportArguments { file }) => import(&file, context).await,
        Command::ExportPublic(ExportArguments { pem }) => export_public(pem, context).await,
        Command::Reencrypt => reencrypt(context).await,
    }
}

async fn rotate(arguments: &RotateArguments, context: &Context) -> Result<Report, Failure> {
    let rotation = context.rotation().await?;
    let done = if let Some(kid) = &arguments.compromised {
        rotation.revoke_compromised(kid.clone()).await?;
        format!("{kid} is removed, and every token that it signed is revoked.\n")
    } else {
        let start = if arguments.now { RotationStart::AtOnce } else { RotationStart::AfterPublishing };
        rotation.rotate(start).await?;
        String::new()
    };
    let documents = documents(context).await?;
    let text = format!("{done}{}\n\n{}", describe_active_and_next(&documents), keys_as_table(&documents));
    Report::new(&documents, text)
}

async fn import(file: &Path, context: &Context) -> Result<Report, Failure> {
    let pem = read_pem(file).map_err(|error| format!("{}: {error}", file.display()))?;
    let pem = pem.trim_start_matches('\u{feff}');
    let kid = context.rotation().await?.import(pem).await?;
    let documents = documents(context).await?;
    let imported = documents.iter().find(|key| key.kid == kid);
    let when = imported.map_or_else(String::new, |key| format!(", and signs from {} on", key.activates_at));
    Report::new(&documents, format!("{kid} is published{when}.\n\n{}", keys_as_table(&documents)))
}

fn read_pem(file: &Path) -> std::io::Result<Zeroizing<String>> {
    // The full capacity is allocated at once: a buffer that grows would leave copies of the key in memory.
    let mut bytes = Zeroizing::new(Vec::with_capacity(MAX_FILE));
    let reader: Box<dyn Read> = if file == Path::new("-") {
        Box::new(std::io::stdin())
    } else {
        Box::new(std::fs::File::open(file)?)
    };
    reader.take(MAX_FILE as u64).read_to_end(&mut bytes)?;
    // A file that is not UTF-8 becomes an empty text, which is then refused as no PEM with advice on what to do.
    Ok(Zeroizing::new(std::str::from_utf8(&bytes).unwrap_or_default().to_owned()))
}

async fn export_public(as_pem: bool, context: &Context) -> Result<Report, Failure> {
    let rows = stored_keys(&context.database).await?;
    let jwks: Vec<_> = rows.iter().map(Jwk::of).collect();
    let text = if as_pem {
        jwks.iter().map(Jwk::to_pem).collect::<Result<Vec<_>, _>>()?.join("\n")
    } else {
        serde_json::to_string_pretty(&JwkSet { keys: jwks.clone() })?
    };
    let documents =
        rows.iter().zip(jwks).map(|(row, jwk)| KeyDocument { jwk: Some(jwk), ..KeyDocument::of(row) });
    Report::new(&documents.collect::<Vec<_>>(), text.trim_end())
}

async fn reencrypt(context: &Context) -> Result<Report, Failure> {
    let done = context.rotation().await?.reencrypt().await?;
    let documents: Vec<_> = documents(context)
        .await?
        .into_iter()
        .map(|key| KeyDocument { reencrypted: Some(done.signing_keys.contains(&key.kid)), ..key })
        .collect();
    let (keys, secrets) = (done.signing_keys.len(), done.secrets);
    let text = match keys + secrets {
        0 => "Everything is encrypted with keys.encryption_key already.".to_owned(),
        _ => format!("Encrypted with keys.encryption_key: {keys} signing keys, {secrets} secrets."),
    };
    Report::new(&documents, text)
}

/// The JSON document for a key of the key set.
#[derive(Serialize)]
struct KeyDocument {
    kid: String,
    state: String,
    created_at: String,
    activates_at: String,
    retires_at: Option<String>,
    /// Only printed by `export-public`.
    #[serde(skip_serializing_if = "Option::is_none")]
    jwk: Option<Jwk>,
    /// Only printed by `reencrypt`.
    #[serde(skip_serializing_if = "Option::is_none")]
    reencrypted: Option<bool>,
}

impl KeyDocument {
    fn of(row: &SigningKeyRow) -> Self {
        Self {
            kid: row.kid.clone(),
            state: row.state.clone(),
            created_at: rfc3339(row.created_at_ms),
            activates_at: rfc3339(row.activates_at_ms),
            retires_at: row.retires_at_ms.map(rfc3339),
            jwk: None,
            reencrypted: None,
        }
    }
}

/// Reads the keys from the database, oldest first.
async fn documents(context: &Context) -> Result<Vec<KeyDocument>, Failure> {
    Ok(stored_keys(&context.database).await?.iter().map(KeyDocument::of).collect())
}

/// Says which key signs now and which one signs next.
fn describe_active_and_next(keys: &[KeyDocument]) -> String {
    let in_state = |state: &'static str| keys.iter().filter(move |key| key.state == state);
    let active = in_state("active").map(|key| format!("{} signs.", key.kid));
    let next = in_state("next").map(|key| format!("{} signs from {} on.", key.kid, key.activates_at));
    active.chain(next).collect::<Vec<_>>().join("\n")
}

fn keys_as_table(keys: &[KeyDocument]) -> String {
    let rows: Vec<_> = keys
        .iter()
        .map(|key| {
            let retires_at = key.retires_at.clone().unwrap_or_default();
            [&key.kid, &key.state, &key.created_at, &key.activates_at, &retires_at].map(Clone::clone)
        })
        .collect();
    table(["KID", "STATE", "CREATED", "ACTIVATES", "RETIRES"], &rows)
}
