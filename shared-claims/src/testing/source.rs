//! A revocation source whose answers a test decides.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

use crate::revocation::{RevocationCheck, RevocationKind, RevocationQuery, RevocationSource, Verdict};

type Script = Box<dyn FnMut(&RevocationQuery<'_>) -> Verdict + Send>;

/// A [`RevocationCheck`] for tests. A script (a closure) decides every check; it may also move clocks.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use shared_claims::clock::SystemClock;
/// use shared_claims::revocation::{RevocationKind, Verdict};
/// use shared_claims::testing::{ScriptedSource, TestKey};
/// use shared_claims::verifier::{KeySet, KeySetHandle, Verifier};
///
/// let keys = KeySetHandle::new();
/// keys.set(KeySet::from_keys([TestKey::shared(0).public()]));
/// let source = ScriptedSource::revoking(RevocationKind::Client, "first-party");
/// let builder = Verifier::builder("https://id.example").audience("notes").keys(keys);
/// let verifier = builder.revocation(source.revocation()).build().await?;
/// let token = TestKey::shared(0).token("https://id.example", "notes", &SystemClock).sign();
/// assert!(verifier.verify(&token).await.is_err());
///
/// source.set(|_| Verdict::NotRevoked);
/// assert!(verifier.verify(&token).await.is_ok());
/// let _ = (ScriptedSource::always(Verdict::Unknown), ScriptedSource::new(|_| Verdict::Unknown));
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct ScriptedSource {
    script: Arc<Mutex<Script>>,
}

impl ScriptedSource {
    /// A source whose answers come from `script`.
    pub fn new(script: impl FnMut(&RevocationQuery<'_>) -> Verdict + Send + 'static) -> Self {
        Self { script: Arc::new(Mutex::new(Box::new(script))) }
    }

    /// A source that always gives the same answer.
    pub fn always(verdict: Verdict) -> Self {
        Self::new(move |_| verdict)
    }

    /// A source in which one identifier is revoked.
    pub fn revoking(kind: RevocationKind, id: impl Into<String>) -> Self {
        let id = id.into();
        Self::new(move |query| {
            let met = match kind {
                RevocationKind::Jti => query.jti.to_string() == id,
                RevocationKind::Sid => query.sid.is_some_and(|sid| sid.to_string() == id),
                RevocationKind::Sub => query.sub == id,
                RevocationKind::Client => query.client_id == id,
                RevocationKind::Key => query.kid == id,
            };
            if met { Verdict::Revoked(kind) } else { Verdict::NotRevoked }
        })
    }

    /// Replaces the script.
    pub fn set(&self, script: impl FnMut(&RevocationQuery<'_>) -> Verdict + Send + 'static) {
        *self.script.lock().unwrap_or_else(PoisonError::into_inner) = Box::new(script);
    }

    /// The source as the [`RevocationSource`] of a verifier.
    pub fn revocation(&self) -> RevocationSource {
        RevocationSource::Custom(Arc::new(self.clone()))
    }
}

impl RevocationCheck for ScriptedSource {
    fn check<'a>(
        &'a self,
        query: &'a RevocationQuery<'a>,
    ) -> Pin<Box<dyn Future<Output = Verdict> + Send + 'a>> {
        let verdict = (self.script.lock().unwrap_or_else(PoisonError::into_inner))(query);
        Box::pin(std::future::ready(verdict))
    }
}

impl std::fmt::Debug for ScriptedSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ScriptedSource").finish_non_exhaustive()
    }
}
