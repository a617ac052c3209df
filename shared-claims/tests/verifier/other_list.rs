//! Another revocation list is a reason to read the key set: the issuer's database may have been restored.

use std::future::{Future, ready};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use shared_claims::revocation::{
    RevocationCheck, RevocationQuery, RevocationSource, RevocationStatus, Verdict,
};
use shared_claims::testing::{TestIssuer, TestKey, eventually};
use shared_claims::verifier::{Reason, Verifier, VerifyError};

use crate::support::{AUDIENCE, clock};

const PATIENCE: Duration = Duration::from_secs(20);

/// A source that says how many lists it has read.
struct Lists(Arc<AtomicU64>);

impl RevocationCheck for Lists {
    fn check<'a>(&'a self, _: &'a RevocationQuery<'a>) -> Pin<Box<dyn Future<Output = Verdict> + Send + 'a>> {
        Box::pin(ready(Verdict::NotRevoked))
    }

    fn status(&self) -> Option<RevocationStatus> {
        let mut status = RevocationStatus::default();
        status.lists = self.0.load(Ordering::Relaxed);
        Some(status)
    }
}

/// The replica that is asked first may not know yet that the database was restored.
#[tokio::test]
async fn after_another_list_the_key_set_is_read_at_once_and_once_more() {
    let clock = clock();
    let issuer = TestIssuer::start([TestKey::shared(0), TestKey::shared(1)]);
    let lists = Arc::new(AtomicU64::new(0));
    let source = RevocationSource::Custom(Arc::new(Lists(Arc::clone(&lists))));
    let builder = Verifier::builder(issuer.url()).audience(AUDIENCE).clock(clock.clone());
    let verifier = builder.revocation(source).build().await.unwrap();
    let of_key = |number: usize| TestKey::shared(number).token(issuer.url(), AUDIENCE, &*clock).sign();
    let (kept, gone) = (of_key(0), of_key(1));
    assert!(verifier.verify(&gone).await.is_ok());
    assert_eq!(issuer.fetches().keys, 1);

    // The first list of all counts as well.
    lists.store(1, Ordering::Relaxed);
    eventually("it is read again", PATIENCE, || async { issuer.fetches().keys == 2 }).await;
    issuer.publish([TestKey::shared(0)]);
    let refused = || async { verifier.verify(&gone).await.err() };
    eventually("the key is gone", PATIENCE, || async {
        refused().await == Some(VerifyError::Invalid(Reason::UnknownKey))
    })
    .await;
    assert!(verifier.verify(&kept).await.is_ok());
}
