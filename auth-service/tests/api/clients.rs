//! Tests of creating, changing, disabling and deleting clients, as commands and maintenance do it.

use auth_service::clients::{
    Administration, AdministrationError, AdministrationSettings, ClientMetadata, ClientParts, Clients,
    Lifetime,
};
use auth_service::domain::{AuditKind, ClientId, ClientSecretPlain, Initiator, Session};
use auth_service::random::Random;
use auth_service::storage::{UnitOfWork, clients, sessions};
use rand::SeedableRng;
use rand::rngs::StdRng;
use reqwest::StatusCode;
use serde_json::json;
use service_kit::database::DatabaseError;
use shared_claims::clock::Clock;
use shared_claims::scope::Scopes;

use crate::helpers::{START_MS, TestApp, both, claims_of};

/// The use cases of a command, next to the app.
fn operator(app: &TestApp) -> (Administration, Clients) {
    let (database, clock) = (app.database.clone(), app.clock.clone());
    let clients = Clients::new(ClientParts { database: database.clone(), clock: clock.clone() });
    let unit_of_work = UnitOfWork::new(database, clock, Random::from_rng(StdRng::from_seed([9; 32])));
    let settings = AdministrationSettings {
        audience: "todo-service".to_owned(),
        access_ttl_s: 900,
        clock_skew_ms: 1000,
        is_local: true,
    };
    let operator = Administration::new(unit_of_work, clients.clone(), settings);
    (operator.caused_by(Initiator::operator()), clients)
}

fn machine() -> ClientMetadata {
    metadata(|metadata| metadata.grants = Some(vec!["client_credentials".to_owned()]))
}

fn metadata(change: impl FnOnce(&mut ClientMetadata)) -> ClientMetadata {
    let mut metadata = ClientMetadata { name: Some("Billing".to_owned()), ..ClientMetadata::default() };
    change(&mut metadata);
    metadata
}

fn id(text: &str) -> ClientId {
    ClientId::parse(text).unwrap()
}

/// The facts of kind `client` in the feed.
async fn cuts(app: &TestApp) -> Vec<serde_json::Value> {
    app.facts().await.into_iter().filter(|fact| fact["kind"] == "client").collect()
}

#[tokio::test]
async fn disabling_a_client_cuts_its_tokens_and_the_cut_outlives_the_client() {
    for app in both().await {
        let (operator, known) = operator(&app);
        operator.create(Some(id("billing")), machine()).await.unwrap();
        assert!(known.find("billing").await.unwrap().unwrap().client.is_active);

        let disabled = operator.disable("billing").await.unwrap();
        assert!(!disabled.registered.client.is_active && disabled.seq.is_some());
        let found = known.find("billing").await.unwrap().unwrap();
        assert!(!found.client.is_active, "the same process sees the change at once");
        let exp = (START_MS + 1000) / 1000 + 900 + 60;
        let first = json!({"kind": "client", "id": "billing", "at": START_MS + 1000, "exp": exp});
        assert_eq!(cuts(&app).await, std::slice::from_ref(&first));
        assert_eq!(found.client.token_cut_ms, Some(START_MS + 1000));

        assert_eq!(operator.disable("billing").await.unwrap().seq, None, "the client is disabled already");
        let enabled = operator.enable("billing").await.unwrap();
        assert!(enabled.registered.client.is_active && enabled.seq.is_none());
        operator.enable("billing").await.unwrap();
        assert_eq!(cuts(&app).await, std::slice::from_ref(&first));

        // The clock does not move, but the second cut is still later than the first.
        let deleted = operator.delete("billing").await.unwrap();
        assert!(deleted.seq.is_some());
        let second = json!({"kind": "client", "id": "billing", "at": START_MS + 1001, "exp": exp});
        assert_eq!(cuts(&app).await, [first, second.clone()]);
        assert!(known.find("billing").await.unwrap().is_none());
        assert!(matches!(operator.delete("billing").await, Err(AdministrationError::Unknown(_))));
        assert!(matches!(operator.disable("billing").await, Err(AdministrationError::Unknown(_))));
        assert!(matches!(operator.enable("billing").await, Err(AdministrationError::Unknown(_))));

        let again = operator.create(Some(id("billing")), machine()).await.unwrap();
        assert_eq!(again.registered.client.token_cut_ms, Some(START_MS + 1001));
    }
}

#[tokio::test]
async fn the_fact_of_a_client_is_kept_as_long_as_its_longest_token() {
    for app in both().await {
        let (operator, _) = operator(&app);
        let described = metadata(|metadata| {
            metadata.grants = Some(vec!["client_credentials".to_owned()]);
            metadata.access_ttl = Some(Lifetime(Some(3600)));
        });
        operator.create(Some(id("billing")), described).await.unwrap();
        let shorter = ClientMetadata { access_ttl: Some(Lifetime(Some(60))), ..ClientMetadata::default() };
        operator.update("billing", shorter).await.unwrap();
        operator.disable("billing").await.unwrap();
        let exp = cuts(&app).await[0]["exp"].as_i64().unwrap();
        assert_eq!(exp, (START_MS + 1000) / 1000 + 3600 + 60);
    }
}

/// Begins a session of the client.
async fn session_of(app: &TestApp, client_id: &str) -> uuid::Uuid {
    let tokens = app.login("alice").await;
    let claims = claims_of(&tokens.access);
    let user_id = claims["sub"].as_str().unwrap().parse().unwrap();
    let now_ms = app.clock.now_ms();
    let id = Random::system().uuid();
    let session = Session {
        browser_session_id: None,
        userinfo_claims: std::collections::BTreeSet::new(),
        id,
        user_id,
        client_id: client_id.to_owned(),
        scope: Scopes::parse("openid").unwrap(),
        audience: vec!["todo-service".to_owned()],
        amr: vec!["pwd".to_owned()],
        auth_time_s: now_ms / 1000,
        created_at_ms: now_ms,
        last_used_at_ms: now_ms,
        expires_at_ms: now_ms + 1_000_000,
        idle_expires_at_ms: now_ms + 1_000_000,
        ended_at_ms: None,
        user_agent: None,
        address: None,
        access_expires_at_s: now_ms / 1000 + 900,
    };
    let stored = app.database.write(move |conn| sessions::insert(conn, &session));
    stored.await.unwrap();
    id
}

async fn is_over(app: &TestApp, id: uuid::Uuid) -> bool {
    let session = app.database.read(move |conn| sessions::find(conn, id));
    !session.await.unwrap().unwrap().is_live(app.clock.now_ms())
}

#[tokio::test]
async fn ending_a_client_ends_its_sessions_only() {
    for app in both().await {
        let (operator, _) = operator(&app);
        for name in ["billing", "other"] {
            operator.create(Some(id(name)), machine()).await.unwrap();
        }
        let first_party = app.user("alice").await;
        let (own, other) = (session_of(&app, "billing").await, session_of(&app, "other").await);
        operator.disable("billing").await.unwrap();
        assert!(is_over(&app, own).await && !is_over(&app, other).await);
        // A session that a request in progress began after the client was disabled is ended before the client is
        // enabled.
        let late = session_of(&app, "billing").await;
        operator.enable("billing").await.unwrap();
        assert!(is_over(&app, late).await);
        operator.delete("other").await.unwrap();
        assert!(is_over(&app, other).await);
        assert_eq!(app.me(&first_party.access).await.status(), StatusCode::OK);
    }
}

#[tokio::test]
async fn a_client_with_many_sessions_ends_in_batches() {
    for app in both().await {
        let (operator, _) = operator(&app);
        operator.create(Some(id("billing")), machine()).await.unwrap();
        app.register("alice").await;
        let one = session_of(&app, "billing").await;
        let copied = app.database.write(move |conn| {
            let one = sessions::find(conn, one)?.unwrap();
            for _ in 0..1100 {
                sessions::insert(conn, &Session { id: Random::system().uuid(), ..one.clone() })?;
            }
            Ok::<_, DatabaseError>(one)
        });
        let one = copied.await.unwrap();
        operator.disable("billing").await.unwrap();
        let now_ms = app.clock.now_ms();
        let live =
            app.database.read(move |conn| sessions::some_of_user(conn, one.user_id, now_ms, None, 1000));
        let live = live.await.unwrap();
        assert!(live.iter().all(|session| session.client_id != "billing") && !live.is_empty());
    }
}

/// Leaves a client as if the operator's process had died after the first step of disabling it.
async fn interrupted_disabling(app: &TestApp, id: &'static str) {
    let half = app.database.write(move |conn| {
        clients::begin_change(conn)?;
        let client = clients::find(conn, id)?.unwrap();
        clients::update(conn, &auth_service::domain::Client { is_active: false, ..client }, 900)?;
        clients::set_cut_due(conn, id, true)
    });
    half.await.unwrap();
}

#[tokio::test]
async fn an_interrupted_disabling_is_finished_by_the_next_change() {
    for app in both().await {
        let (operator, _) = operator(&app);
        for name in ["a", "b", "c", "d"] {
            operator.create(Some(id(name)), machine()).await.unwrap();
            interrupted_disabling(&app, name).await;
        }
        assert!(cuts(&app).await.is_empty());
        // Each of these commands may run before or after the service's own maintenance has taken the second step.
        operator.disable("a").await.unwrap();
        assert!(operator.enable("b").await.unwrap().registered.client.is_active);
        operator.delete("c").await.unwrap();
        operator.complete_disabling().await.unwrap();
        let mut named: Vec<_> =
            cuts(&app).await.iter().map(|fact| fact["id"].as_str().unwrap().to_owned()).collect();
        named.sort_unstable();
        assert_eq!(named, ["a", "b", "c", "d"], "each once");
        assert_eq!(operator.complete_disabling().await.unwrap(), None);
    }
}

#[tokio::test]
async fn two_concurrent_disablings_make_one_cut() {
    for app in both().await {
        let (operator, _) = operator(&app);
        operator.create(Some(id("billing")), machine()).await.unwrap();
        let (one, two) = tokio::join!(operator.disable("billing"), operator.disable("billing"));
        assert!(one.unwrap().seq.is_some() ^ two.unwrap().seq.is_some());
        assert_eq!(cuts(&app).await.len(), 1);
    }
}

#[tokio::test]
async fn maintenance_finishes_an_interrupted_disabling() {
    for app in both().await {
        let (operator, _) = operator(&app);
        operator.create(Some(id("billing")), machine()).await.unwrap();
        interrupted_disabling(&app, "billing").await;
        let finished = async {
            while cuts(&app).await.is_empty() {
                tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            }
        };
        tokio::time::timeout(std::time::Duration::from_secs(30), finished).await.unwrap();
    }
}

#[tokio::test]
async fn rotating_a_secret_leaves_two_valid_at_most() {
    for app in both().await {
        let (operator, known) = operator(&app);
        let first = operator.create(Some(id("billing")), machine()).await.unwrap().secret.unwrap();
        let second = operator.rotate_secret("billing", 100).await.unwrap().secret.unwrap();
        let found = known.find("billing").await.unwrap().unwrap();
        let valid =
            |found: &auth_service::clients::RegisteredClient, secrets: &[&ClientSecretPlain], after_ms| {
                secrets.iter().map(|secret| found.accepts(secret, START_MS + after_ms)).collect::<Vec<_>>()
            };
        assert_eq!(valid(&found, &[&first, &second], 99_999), [true, true]);
        assert_eq!(valid(&found, &[&first, &second], 100_000), [false, true]);
        let third = operator.rotate_secret("billing", 100).await.unwrap().secret.unwrap();
        let found = known.find("billing").await.unwrap().unwrap();
        assert_eq!(valid(&found, &[&first, &second, &third], 0), [false, true, true]);
        assert_eq!(found.secrets.len(), 2);
        let fourth = operator.rotate_secret("billing", 0).await.unwrap().secret.unwrap();
        let found = known.find("billing").await.unwrap().unwrap();
        assert_eq!(valid(&found, &[&first, &second, &third, &fourth], 0), [false, false, false, true]);

        let public = metadata(|metadata| {
            metadata.public = Some(true);
            metadata.grants = Some(vec!["password".to_owned()]);
        });
        assert!(operator.create(Some(id("app")), public).await.unwrap().secret.is_none());
        let refused = operator.rotate_secret("app", 0).await;
        assert!(matches!(refused, Err(AdministrationError::NoSecret(_))));
        let confidential = ClientMetadata { public: Some(false), ..ClientMetadata::default() };
        let secret = operator.update("app", confidential).await.unwrap().secret.unwrap();
        assert!(known.find("app").await.unwrap().unwrap().accepts(&secret, START_MS));
        let public = ClientMetadata { public: Some(true), ..ClientMetadata::default() };
        assert!(operator.update("app", public).await.unwrap().secret.is_none());
        assert!(known.find("app").await.unwrap().unwrap().secrets.is_empty());
    }
}

#[tokio::test]
async fn each_change_is_recorded_once() {
    for app in both().await {
        let (operator, _) = operator(&app);
        operator.create(Some(id("billing")), machine()).await.unwrap();
        let changed = metadata(|metadata| metadata.scopes = Some(vec!["todos:read".to_owned()]));
        for _ in 0..2 {
            // The same update changes nothing the second time.
            operator.update("billing", changed.clone()).await.unwrap();
            app.clock.advance_ms(1);
        }
        operator.rotate_secret("billing", 0).await.unwrap();
        app.clock.advance_ms(1);
        operator.disable("billing").await.unwrap();
        app.clock.advance_ms(1);
        operator.enable("billing").await.unwrap();
        app.clock.advance_ms(1);
        operator.delete("billing").await.unwrap();
        let rows =
            app.audit_rows().await.into_iter().filter(|row| row.client_id.as_deref() == Some("billing"));
        let rows: Vec<_> = rows.map(|row| (row.kind, row.actor, row.subject)).collect();
        let expected = [
            (AuditKind::ClientCreated, None),
            (AuditKind::ClientUpdated, Some("scopes")),
            (AuditKind::ClientSecretRotated, None),
            (AuditKind::ClientDisabled, None),
            (AuditKind::ClientEnabled, None),
            (AuditKind::ClientDisabled, None),
            (AuditKind::ClientDeleted, None),
        ];
        let named = |(kind, subject): (AuditKind, Option<&str>)| {
            (kind.as_str().to_owned(), "operator".to_owned(), subject.map(str::to_owned))
        };
        assert_eq!(rows.len(), 7, "{rows:?}");
        for (kind, subject) in expected {
            assert!(rows.contains(&named((kind, subject))), "{kind:?}: {rows:?}");
        }
    }
}

#[tokio::test]
async fn a_generated_id_is_no_uuid_and_a_taken_id_is_refused() {
    for app in both().await {
        let (operator, known) = operator(&app);
        let made = operator.create(None, machine()).await.unwrap().registered.client.id;
        assert!(made.as_str().starts_with("client-") && ClientId::parse(made.as_str()).is_ok(), "{made}");
        let refused = operator.create(Some(made.clone()), machine()).await;
        assert!(matches!(refused, Err(AdministrationError::Taken(_))));
        assert!(known.find(made.as_str()).await.unwrap().unwrap().client.is_active);
        assert_eq!(operator.list().await.unwrap().len(), 1);
    }
}
