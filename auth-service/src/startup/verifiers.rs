//! The verifiers of the auth-service's own endpoints.

use std::sync::Arc;

use service_kit::database::Database;
use shared_claims::actix::BearerAuth;
use shared_claims::claims::FIRST_PARTY_CLIENT;
use shared_claims::clock::SharedClock;
use shared_claims::revocation::RevocationSource;
use shared_claims::verifier::{BuildError, Verifier};

use super::StartError;
use crate::config::Settings;
use crate::http::{BrowserSessions, Cookies};
use crate::keys::KeyStore;
use crate::tokens::DatabaseRevocationCheck;

/// Verifies tokens of this issuer for any audience, and checks each one against the database.
pub(super) async fn issued(
    settings: &Settings,
    database: &Database,
    keys: &KeyStore,
    clock: SharedClock,
) -> Result<Verifier, BuildError> {
    let own = DatabaseRevocationCheck::new(database.clone(), clock.clone());
    Verifier::builder(&settings.issuer)
        .any_audience()
        .keys(keys.handle())
        .revocation(RevocationSource::Custom(Arc::new(own)))
        .clock(clock)
        .build()
        .await
}

/// Reads the sessions that a browser's cookies name, from expired tokens too.
pub(super) async fn browser(
    settings: &Settings,
    cookies: Cookies,
    keys: &KeyStore,
    clock: SharedClock,
) -> Result<BrowserSessions, BuildError> {
    let verifier = Verifier::builder(&settings.issuer)
        .audience(&settings.issuer)
        .keys(keys.handle())
        .without_revocation()
        .accept_expired()
        .policy(|claims| claims.client_id == FIRST_PARTY_CLIENT)
        .clock(clock)
        .build()
        .await?;
    Ok(BrowserSessions::new(cookies, verifier))
}

/// Authenticates requests to `/auth/*`: first-party tokens for this issuer, each checked against the database.
pub(super) async fn bearer(
    settings: &Settings,
    database: &Database,
    keys: &KeyStore,
    clock: SharedClock,
) -> Result<BearerAuth, StartError> {
    let own = DatabaseRevocationCheck::new(database.clone(), clock.clone());
    let verifier = Verifier::builder(&settings.issuer)
        .audience(&settings.issuer)
        .keys(keys.handle())
        .revocation(RevocationSource::Custom(Arc::new(own)))
        .policy(|claims| claims.client_id == FIRST_PARTY_CLIENT)
        .clock(clock)
        .build()
        .await?;
    // The issuer's own origin is allowed explicitly, because a proxy may rewrite `Host`.
    let own_origin = url::Url::parse(&settings.issuer).map(|url| url.origin().ascii_serialization());
    let origins = settings.http.cors_origins.iter().cloned().chain(own_origin);
    Ok(BearerAuth::new(verifier).cookie(settings.cookie_rules().access_token()).allowed_origins(origins)?)
}
