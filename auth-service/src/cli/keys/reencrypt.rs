//! `auth-service keys reencrypt`.

use super::entry::{Entry, entries};
use super::{Context, Failure, Report};

pub(super) async fn run(context: &Context) -> Result<Report, Failure> {
    let done = context.rotation().await?.reencrypt().await?;
    let entries: Vec<_> = entries(context)
        .await?
        .into_iter()
        .map(|entry| Entry { reencrypted: Some(done.signing_keys.contains(&entry.kid)), ..entry })
        .collect();
    let (keys, secrets) = (done.signing_keys.len(), done.secrets);
    let text = match keys + secrets {
        0 => "Everything is sealed with keys.encryption_key.".to_owned(),
        _ => format!("Sealed anew with keys.encryption_key: {keys} signing keys, {secrets} secrets."),
    };
    Report::new(&entries, text)
}
