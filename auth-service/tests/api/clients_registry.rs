//! Tests of the client registry: requests see the clients as the database had them at most half a second ago.

use std::sync::Arc;
use std::time::Duration;

use auth_service::clients::{ClientParts, Clients, ClientsError};
use auth_service::domain::{Client, ClientId, ClientSecretPlain, GrantType};
use auth_service::storage::{client_secrets, clients, migrations};
use service_kit::database::Database;
use service_kit::database::testing::TestDatabase;
use shared_claims::clock::ManualClock;
use shared_claims::scope::Scopes;

use crate::helpers::START_MS;

/// The registry of one replica, on a database that other processes change.
struct Replica {
    clients: Clients,
    clock: Arc<ManualClock>,
    database: Database,
}

async fn replicas() -> Vec<(TestDatabase, Replica)> {
    let mut replicas = Vec::new();
    for place in TestDatabase::both() {
        let database = Database::connect(&place.settings()).await.unwrap();
        database.migrate(migrations()).await.unwrap();
        let clock = ManualClock::at(START_MS);
        let clients = Clients::new(ClientParts { database: database.clone(), clock: clock.clone() });
        replicas.push((place, Replica { clients, clock, database }));
    }
    replicas
}

fn client(id: &str) -> Client {
    Client {
        is_first_party: false,
        id: ClientId::parse(id).unwrap(),
        name: "Billing".to_owned(),
        is_public: false,
        is_active: true,
        is_declared: false,
        grants: vec![GrantType::ClientCredentials],
        scopes: Scopes::parse("todos:read").unwrap(),
        audiences: vec!["todo-service".to_owned()],
        redirect_uris: Vec::new(),
        post_logout_redirect_uris: Vec::new(),
        backchannel_logout_uri: None,
        pkce_optional: false,
        access_ttl_s: None,
        refresh_ttl_s: None,
        token_cut_ms: None,
        created_at_ms: START_MS,
        updated_at_ms: START_MS,
    }
}

fn secret(text: &str) -> ClientSecretPlain {
    ClientSecretPlain::presented(text)
}

impl Replica {
    /// Inserts a client as another process would, without notifying this replica.
    async fn insert(&self, client: Client, plain: &str) {
        let hash = secret(plain).hash();
        let inserted = self.database.write(move |conn| {
            clients::begin_change(conn)?;
            clients::insert(conn, &client, 900)?;
            client_secrets::insert(conn, client.id.as_str(), &hash, START_MS)
        });
        inserted.await.unwrap();
    }

    async fn update(&self, client: Client) {
        let updated = self.database.write(move |conn| {
            clients::begin_change(conn)?;
            clients::update(conn, &client, 900)
        });
        updated.await.unwrap();
    }

    async fn is_active(&self, id: &str) -> Option<bool> {
        self.clients.find(id).await.unwrap().map(|found| found.client.is_active)
    }
}

#[tokio::test]
async fn a_change_of_another_process_is_seen_within_half_a_second() {
    for (_place, replica) in replicas().await {
        assert_eq!(replica.is_active("billing").await, None);
        replica.insert(client("billing"), "first").await;
        replica.clock.advance_ms(501);
        assert_eq!(replica.is_active("billing").await, Some(true));
        let found = replica.clients.find("billing").await.unwrap().unwrap();
        assert_eq!(found.client, client("billing"));

        replica.update(Client { is_active: false, ..client("billing") }).await;
        replica.clock.advance_ms(150);
        assert_eq!(replica.is_active("billing").await, Some(true), "the table is not read each time");
        replica.clock.advance_ms(351);
        assert_eq!(replica.is_active("billing").await, Some(false));
        assert_eq!(replica.is_active("other").await, None);
    }
}

#[tokio::test]
async fn a_used_snapshot_is_renewed_in_the_background() {
    for (_place, replica) in replicas().await {
        replica.insert(client("billing"), "first").await;
        assert_eq!(replica.is_active("billing").await, Some(true));
        replica.update(Client { is_active: false, ..client("billing") }).await;
        replica.clock.advance_ms(201);
        assert_eq!(replica.is_active("billing").await, Some(true), "no request waits for the reading");
        let began = tokio::time::Instant::now();
        while replica.is_active("billing").await == Some(true) {
            assert!(began.elapsed() < Duration::from_secs(20), "renewed");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        assert_eq!(replica.clients.status().age_ms, Some(0));
        assert_eq!(replica.clients.status().reads, 2);
    }
}

#[tokio::test]
async fn concurrent_lookups_share_one_read() {
    for (_place, replica) in replicas().await {
        replica.insert(client("billing"), "first").await;
        for round in 1..=2 {
            let asked = (0..50).map(|_| replica.is_active("billing"));
            let answers = futures_util::future::join_all(asked).await;
            assert!(answers.into_iter().all(|answer| answer == Some(true)));
            assert_eq!(replica.clients.status().reads, round);
            replica.clock.advance_ms(501);
        }
        assert_eq!(replica.clients.status().clients, 1);
    }
}

#[tokio::test]
async fn a_change_in_this_process_is_seen_at_once() {
    for (_place, replica) in replicas().await {
        replica.insert(client("billing"), "first").await;
        assert_eq!(replica.is_active("billing").await, Some(true));
        replica.update(Client { is_active: false, ..client("billing") }).await;
        replica.clients.invalidate();
        assert_eq!(replica.is_active("billing").await, Some(false));
    }
}

#[tokio::test]
async fn secrets_are_valid_until_they_expire() {
    for (_place, replica) in replicas().await {
        replica.insert(client("billing"), "first").await;
        replica.insert(client("other"), "another").await;
        let replaced = replica.database.write(|conn| {
            clients::begin_change(conn)?;
            client_secrets::replace_current(conn, "billing", START_MS + 1000)?;
            let hash = secret("second").hash();
            client_secrets::insert(conn, "billing", &hash, START_MS)
        });
        replaced.await.unwrap();
        let found = replica.clients.find("billing").await.unwrap().unwrap();
        let accepts = |plain, after_ms| found.accepts(&secret(plain), START_MS + after_ms);
        assert!(accepts("first", 999) && accepts("second", 999));
        assert!(!accepts("first", 1000) && accepts("second", i64::MAX / 2));
        assert!(!accepts("another", 0) && !accepts("", 0));
    }
}

#[tokio::test]
async fn without_the_database_clients_are_known_for_half_a_second_at_most() {
    let place = TestDatabase::create(service_kit::database::Backend::Postgres);
    let database = Database::connect(&place.settings()).await.unwrap();
    database.migrate(migrations()).await.unwrap();
    let clock = ManualClock::at(START_MS);
    let clients = Clients::new(ClientParts { database: database.clone(), clock: clock.clone() });
    let replica = Replica { clients, clock, database };
    replica.insert(client("billing"), "first").await;
    assert_eq!(replica.is_active("billing").await, Some(true));
    drop(place);
    replica.clock.advance_ms(200);
    assert_eq!(replica.is_active("billing").await, Some(true));
    replica.clock.advance_ms(301);
    let error = replica.clients.find("billing").await.unwrap_err();
    assert!(error.is_transient() && matches!(error, ClientsError::Database(_)), "{error}");
    assert_eq!(replica.clients.status().failures, 1);
}
