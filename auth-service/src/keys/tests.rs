//! The keystore on both back ends: one key however many start, and never another one for want of the right secret.

use std::sync::Arc;

use service_kit::database::Database;
use service_kit::database::testing::TestDatabase;
use shared_claims::clock::{SharedClock, SystemClock};

use super::*;
use crate::random::Random;
use crate::storage;

async fn opened(test: &TestDatabase) -> Database {
    let database = Database::connect(&test.settings()).await.unwrap();
    database.migrate(storage::migrations()).await.unwrap();
    agree_on_database_id(&database, &Random::system()).await.unwrap();
    database
}

fn sealer(phrase: &str) -> Sealer {
    Sealer::new(&MasterKey::parse(phrase).unwrap(), Random::system()).unwrap()
}

async fn keystore(database: &Database, phrase: &str) -> Result<KeyStore, KeysError> {
    let clock: SharedClock = Arc::new(SystemClock);
    let settings = KeyStoreSettings { rsa_bits: 2048 };
    KeyStore::open(database.clone(), sealer(phrase), &Random::system(), &clock, settings).await
}

const RIGHT: &str = "a phrase of more than thirty-two characters";
const WRONG: &str = "another phrase of more than thirty-two characters";

#[tokio::test]
async fn replicas_that_start_together_agree_on_one_key_id_and_secret() {
    for test in TestDatabase::both() {
        let database = Database::connect(&test.settings()).await.unwrap();
        database.migrate(storage::migrations()).await.unwrap();
        let start = || async {
            let replica = Database::connect(&test.settings()).await.unwrap();
            let random = Random::system();
            let id = agree_on_database_id(&replica, &random).await.unwrap();
            let (sealer, name) = (sealer(RIGHT), SecretName::PasswordPepper);
            let secret = agree_on_secret(&replica, &sealer, &random, &SystemClock, name).await.unwrap();
            (id, secret, keystore(&replica, RIGHT).await.unwrap().active_kid())
        };
        let (one, two, three) = tokio::join!(start(), start(), start());
        assert_eq!(one, two);
        assert_eq!(one, three);
        let keys =
            database.read(|conn| storage::signing_keys::all(conn).map_err(KeysError::from)).await.unwrap();
        assert_eq!(keys.len(), 1, "{:?}", test.backend());
    }
}

#[tokio::test]
async fn another_encryption_key_stops_the_start_and_makes_no_key() {
    for test in TestDatabase::both() {
        let database = opened(&test).await;
        assert!(!has_sealed(&database).await.unwrap());
        let kid = keystore(&database, RIGHT).await.unwrap().active_kid();
        assert!(has_sealed(&database).await.unwrap());
        let refused = keystore(&database, WRONG).await.err().unwrap();
        assert!(matches!(refused, KeysError::WrongKey(_)), "{refused}");
        assert!(refused.to_string().starts_with("keys.encryption_key: "));
        assert_eq!(keystore(&database, RIGHT).await.unwrap().active_kid(), kid);
    }
}

#[tokio::test]
async fn a_key_that_another_replica_stored_is_noticed() {
    let test = TestDatabase::create(service_kit::database::Backend::Sqlite);
    let database = opened(&test).await;
    let keys = keystore(&database, RIGHT).await.unwrap();
    let first = (keys.active_kid(), keys.published());
    keys.refresh().await.unwrap();
    assert_eq!(keys.published(), first.1);

    let made = generate::generate(2048, &Random::system()).unwrap();
    let row = storage::signing_keys::SigningKeyRow {
        private_key: sealer(RIGHT).seal(&made.kid, &made.pkcs8).unwrap(),
        kid: made.kid.clone(),
        state: "active".into(),
        algorithm: "RS256".into(),
        modulus: made.modulus,
        exponent: made.exponent,
        key_id: sealer(RIGHT).key_id().into(),
        created_at_ms: i64::MAX,
        activates_at_ms: i64::MAX,
        retires_at_ms: None,
    };
    database
        .write(move |conn| storage::signing_keys::insert(conn, &row).map_err(KeysError::from))
        .await
        .unwrap();
    keys.refresh().await.unwrap();
    assert_eq!(keys.active_kid(), made.kid);
    assert_ne!(keys.published().etag, first.1.etag);
    assert!(keys.published().json.contains(&first.0), "the older key stays published");
    assert_eq!(keys.handle().get().unwrap().len(), 2);
}

/// The table of parsed keys is shared by the process: a second keystore on the same key must not take it away, and a
/// key that the table lost is parsed again.
#[tokio::test]
async fn a_key_signs_however_many_keystores_come_and_go() {
    let test = TestDatabase::create(service_kit::database::Backend::Sqlite);
    let database = opened(&test).await;
    let stays = keystore(&database, RIGHT).await.unwrap();
    drop(keystore(&database, RIGHT).await.unwrap());
    let message = |keys: &KeyStore| {
        let claims = serde_json::json!({
            "iss": "i", "sub": "s", "aud": [], "client_id": "c", "iat": 0, "exp": 0,
            "jti": "018bcfe5-6800-7e8a-8173-0b6b7e62ac19",
        });
        keys.sign(&claims).unwrap()
    };
    assert_eq!(message(&stays), message(&stays));
}
