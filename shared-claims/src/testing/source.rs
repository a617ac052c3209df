//! A revocation source whose answers a test decides.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

use crate::revocation::{Kind, Marks, Revocation, RevocationCheck, Verdict};

type Script = Box<dyn FnMut(&Marks<'_>) -> Verdict + Send>;

/// A [`RevocationCheck`] for tests. A script (a closure) decides every check; it may also move clocks.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use shared_claims::clock::SystemClock;
/// use shared_claims::revocation::{Kind, Verdict};
/// use shared_claims::testing::{ScriptedSource, TestKey};
/// use shared_claims::verifier::{KeySet, KeySetHandle, Verifier};
///
/// let keys = KeySetHandle::new();
/// keys.set(KeySet::from_keys([TestKey::shared(0).public()]));
/// let source = ScriptedSource::revoking(Kind::Client, "first-party");
/// let builder = Verifier::builder("https://id.example").audience("notes").keys(keys);
/// let verifier = builder.revocation(source.revocation()).build().await?;
/// let token = TestKey::shared(0).token("https://id.example", "notes", &SystemClock).sign();
/// assert!(verifier.verify(&token).await.is_err());
///
/// source.set(|_| Verdict::Live);
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
    pub fn new(script: impl FnMut(&Marks<'_>) -> Verdict + Send + 'static) -> Self {
        Self { script: Arc::new(Mutex::new(Box::new(script))) }
    }

    /// A source that always gives the same answer.
    pub fn always(verdict: Verdict) -> Self {
        Self::new(move |_| verdict)
    }

    /// A source in which one identifier is revoked.
    pub fn revoking(kind: Kind, id: impl Into<String>) -> Self {
        let id = id.into();
        Self::new(move |marks| {
            let met = match kind {
                Kind::Jti => marks.jti.to_string() == id,
                Kind::Sid => marks.sid.is_some_and(|sid| sid.to_string() == id),
                Kind::Sub => marks.sub == id,
                Kind::Client => marks.client_id == id,
                Kind::Key => marks.kid == id,
            };
            if met { Verdict::Revoked(kind) } else { Verdict::Live }
        })
    }

    /// Replaces the script.
    pub fn set(&self, script: impl FnMut(&Marks<'_>) -> Verdict + Send + 'static) {
        *self.script.lock().unwrap_or_else(PoisonError::into_inner) = Box::new(script);
    }

    /// The source as the [`Revocation`] of a verifier.
    pub fn revocation(&self) -> Revocation {
        Revocation::Custom(Arc::new(self.clone()))
    }
}

impl RevocationCheck for ScriptedSource {
    fn check<'a>(&'a self, marks: &'a Marks<'a>) -> Pin<Box<dyn Future<Output = Verdict> + Send + 'a>> {
        let verdict = (self.script.lock().unwrap_or_else(PoisonError::into_inner))(marks);
        Box::pin(std::future::ready(verdict))
    }
}

impl std::fmt::Debug for ScriptedSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ScriptedSource").finish_non_exhaustive()
    }
}
