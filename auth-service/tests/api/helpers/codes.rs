//! Helpers to issue authorization codes, without the hosted pages.

use std::collections::BTreeSet;
use std::sync::Arc;

use auth_service::audit::Recorder;
use auth_service::domain::authorization_request::ResponseMode;
use auth_service::domain::{CodeChallenge, Device};
use auth_service::keys::{KeyStore, ensure_database_id};
use auth_service::random::Random;
use auth_service::revocation::Revocations;
use auth_service::revocation::continuity::Continuity;
use auth_service::startup::{key_settings, limits, session_limits};
use auth_service::storage::{UnitOfWork, users};
use auth_service::throttle::Throttle;
use auth_service::tokens::{AccessRequest, CodeOutcome, NewCode, TokenParts, TokenSettings, Tokens};
use shared_claims::clock::SharedClock;
use shared_claims::scope::Scopes;
use uuid::Uuid;

use super::TestApp;
use super::clients::REDIRECT;

/// The example verifier of RFC 7636, appendix B.
pub(crate) const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

impl TestApp {
    /// The use cases around tokens, as in another replica.
    pub(crate) async fn use_cases(&self) -> Tokens {
        let (database, clock) = (self.database.clone(), Arc::clone(&self.clock) as SharedClock);
        let (random, settings) = (Random::system(), self.settings());
        let keys = key_settings(settings);
        let unit_of_work = UnitOfWork::new(database.clone(), clock.clone(), random.clone());
        let keys = KeyStore::open(unit_of_work.clone(), Self::sealer(), keys).await.unwrap();
        let id = ensure_database_id(&database, &random).await.unwrap();
        let revocations =
            Revocations::start(database.clone(), Continuity::of(id), None, clock.clone(), random.clone());
        let settings = TokenSettings {
            issuer: settings.issuer.clone(),
            audience: settings.tokens.audience.clone(),
            default_scope: Scopes::parse(&settings.tokens.default_scope).unwrap(),
            access_ttl_s: settings.tokens.access_ttl_seconds,
            refresh_ttl_s: settings.tokens.refresh_ttl_seconds,
            refresh_replay_s: settings.tokens.refresh_replay_seconds,
            sessions: session_limits(&settings.sessions),
            limits: limits(&settings.throttle),
            clock_skew_ms: settings.revocation.clock_skew_ms,
            shows_unverified_email: settings.claims.unverified_email,
        };
        let revocations = revocations.await.unwrap();
        let refresh_derivation = random.bytes::<32>().into();
        let unit_of_work =
            unit_of_work.with_audit_policy(Recorder::new(random, clock, true)).announced_by(revocations);
        let parts =
            TokenParts { unit_of_work, keys, refresh_derivation, throttle: Throttle::unlimited(), settings };
        Tokens::new(parts)
    }

    /// The consent of a user who has just logged in: everything that the client may have, with PKCE.
    pub(crate) async fn consent(&self, username: &str, client_id: &str) -> NewCode {
        let key = username.to_owned();
        let found = self.database.read(move |conn| users::find_by_name(conn, &key));
        let credentials = found.await.unwrap().unwrap();
        NewCode {
            user_id: credentials.user.id,
            version: credentials.version,
            client_id: client_id.to_owned(),
            redirect_uri: REDIRECT.to_owned(),
            challenge: CodeChallenge::parse(CHALLENGE),
            access: AccessRequest::default(),
            nonce: None,
            amr: vec!["pwd".to_owned()],
            auth_time_s: self.clock_seconds() - 5,
            device: Device { user_agent: Some("a browser".to_owned()), address: None },
            response_mode: ResponseMode::Query,
            userinfo_claims: BTreeSet::new(),
            browser_session_id: None,
        }
    }

    /// Issues a code for the consent.
    pub(crate) async fn code(&self, consent: NewCode) -> String {
        match self.use_cases().await.issue_code(consent).await.unwrap() {
            CodeOutcome::Issued(code) => code.expose().to_owned(),
            other => panic!("{other:?}"),
        }
    }

    /// Issues this many codes for the consent, a millisecond apart.
    pub(crate) async fn codes(&self, consent: &NewCode, count: usize) -> Vec<String> {
        let (tokens, mut codes) = (self.use_cases().await, Vec::new());
        for _ in 0..count {
            self.clock.advance_ms(1);
            match tokens.issue_code(consent.clone()).await.unwrap() {
                CodeOutcome::Issued(code) => codes.push(code.expose().to_owned()),
                other => panic!("{other:?}"),
            }
        }
        codes
    }

    /// Returns the outcome of a consent for which no code is issued.
    pub(crate) async fn no_code(&self, consent: NewCode) -> CodeOutcome {
        self.use_cases().await.issue_code(consent).await.unwrap()
    }

    fn clock_seconds(&self) -> i64 {
        shared_claims::clock::Clock::now_seconds(&*self.clock)
    }
}

/// The id of a user in the response of the registration.
pub(crate) fn id_of(user: &serde_json::Value) -> Uuid {
    user["id"].as_str().unwrap().parse().unwrap()
}
