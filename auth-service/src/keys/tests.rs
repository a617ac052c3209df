//! Tests of the keystore on both databases: replicas that start together agree on one key, and a wrong encryption key
//! never leads to a new signing key.

use std::sync::Arc;

use service_kit::database::Database;
use service_kit::database::testing::TestDatabase;
use shared_claims::clock::{Clock as _, SharedClock, SystemClock};

use super::*;
use crate::domain::signing_key::RotationStart;
use crate::random::Random;
use crate::storage::{self, UnitOfWork};

async fn opened(test: &TestDatabase) -> Database {
    let database = Database::connect(&test.settings()).await.unwrap();
    database.migrate(storage::migrations()).await.unwrap();
    ensure_database_id(&database, &Random::system()).await.unwrap();
    database
}

fn sealer(phrase: &str) -> Sealer {
    Sealer::new(&MasterKey::parse(phrase).unwrap(), Random::system()).unwrap()
}

async fn keystore(database: &Database, phrase: &str) -> Result<KeyStore, KeysError> {
    let clock: SharedClock = Arc::new(SystemClock);
    let settings = KeyStoreSettings::default();
    let unit_of_work = UnitOfWork::new(database.clone(), clock, Random::system());
    KeyStore::open(unit_of_work, sealer(phrase), settings).await
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
            let id = ensure_database_id(&replica, &random).await.unwrap();
            let (sealer, name) = (sealer(RIGHT), SecretName::PasswordPepper);
            let secret = ensure_secret(&replica, &sealer, &random, &SystemClock, name).await.unwrap();
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
async fn a_key_in_an_unknown_state_does_not_prevent_signing() {
    for test in TestDatabase::both() {
        let database = opened(&test).await;
        let store = keystore(&database, RIGHT).await.unwrap();
        let kid = store.active_kid();
        let insert = database.write(|conn| {
            let active = storage::signing_keys::all(conn)?.remove(0);
            let newer = storage::signing_keys::SigningKeyRow {
                kid: "newer".to_owned(),
                state: "resting".to_owned(),
                ..active
            };
            storage::signing_keys::insert(conn, &newer).map_err(KeysError::from)
        });
        insert.await.unwrap();
        for store in [store, keystore(&database, RIGHT).await.unwrap()] {
            store.refresh().await.unwrap();
            assert_eq!((store.active_kid(), store.lifecycles().len()), (kid.clone(), 1));
            let published = store.published().await;
            let json = String::from_utf8_lossy(&published.json);
            assert!(json.contains("newer"), "others may sign with it");
            let until_s = SystemClock.now_seconds() + 900;
            store.sign(&serde_json::json!({"sub": "ada"}), until_s).await.unwrap();
        }
        // A command that is to change the keys reports the error.
        let store = keystore(&database, RIGHT).await.unwrap();
        assert!(store.rotation().rotate(RotationStart::AtOnce).await.is_err());
    }
}

#[tokio::test]
async fn a_wrong_encryption_key_stops_the_start_and_creates_no_signing_key() {
    for test in TestDatabase::both() {
        let database = opened(&test).await;
        assert!(!has_sealed_values(&database).await.unwrap());
        let kid = keystore(&database, RIGHT).await.unwrap().active_kid();
        assert!(has_sealed_values(&database).await.unwrap());
        let refused = keystore(&database, WRONG).await.err().unwrap();
        assert!(matches!(refused, KeysError::WrongKey(_)), "{refused}");
        assert!(refused.to_string().starts_with("keys.encryption_key: "));
        assert_eq!(keystore(&database, RIGHT).await.unwrap().active_kid(), kid);
    }
}

#[tokio::test]
async fn a_change_of_the_keys_by_another_process_is_noticed() {
    for test in TestDatabase::both() {
        let database = opened(&test).await;
        let (keys, other) =
            (keystore(&database, RIGHT).await.unwrap(), keystore(&database, RIGHT).await.unwrap());
        let first = (keys.active_kid(), keys.published().await);
        keys.refresh().await.unwrap();
        assert_eq!(keys.published().await, first.1);

        other.rotation().rotate(RotationStart::AtOnce).await.unwrap();
        keys.refresh().await.unwrap();
        other.refresh().await.unwrap();
        assert_ne!(keys.active_kid(), first.0);
        assert_eq!(keys.active_kid(), other.active_kid());
        let published = keys.published().await;
        assert_ne!(published.etag, first.1.etag);
        assert_eq!(published, other.published().await);
    }
}

fn claims() -> serde_json::Value {
    serde_json::json!({
        "iss": "i", "sub": "s", "aud": [], "client_id": "c", "iat": 0, "exp": 0,
        "jti": "018bcfe5-6800-7e8a-8173-0b6b7e62ac19",
    })
}

/// The table of parsed keys is shared by the whole process. A second keystore with the same key must not remove it,
/// and a key that was removed from the table is parsed again.
#[tokio::test]
async fn a_key_signs_after_other_keystores_were_dropped() {
    let test = TestDatabase::create(service_kit::database::Backend::Sqlite);
    let database = opened(&test).await;
    let stays = keystore(&database, RIGHT).await.unwrap();
    drop(keystore(&database, RIGHT).await.unwrap());
    assert_eq!(stays.sign(&claims(), 0).await.unwrap(), stays.sign(&claims(), 0).await.unwrap());
}

/// A key stays published for as long as its tokens are valid, even if another replica retires it while they are
/// signed.
#[tokio::test]
async fn the_expiry_of_a_token_is_stored_before_it_is_signed() {
    for test in TestDatabase::both() {
        let database = opened(&test).await;
        let (keys, other) =
            (keystore(&database, RIGHT).await.unwrap(), keystore(&database, RIGHT).await.unwrap());
        let first = keys.active_kid();
        let end_s = SystemClock.now_seconds() + 100_000;
        keys.sign(&claims(), end_s).await.unwrap();
        other.rotation().rotate(RotationStart::AtOnce).await.unwrap();
        let row = |kid: String| {
            let database = database.clone();
            async move { stored_keys(&database).await.unwrap().into_iter().find(|row| row.kid == kid).unwrap() }
        };
        let retired = row(first.clone()).await;
        assert_eq!(retired.state, "retired");
        assert!(retired.retires_at_ms.unwrap() >= (end_s + 60) * 1000);

        // This keystore has not noticed the rotation. It may still sign tokens that expire within the noted time. For
        // later ones it must read again, and then signs with the new key.
        let later_s = end_s + 100_000;
        let token = keys.sign(&claims(), later_s).await.unwrap();
        assert_ne!(keys.active_kid(), first);
        let header = jsonwebtoken::decode_header(token).unwrap();
        assert_eq!(header.kid, Some(keys.active_kid()));
        assert_eq!(row(first).await, retired, "a retired key takes on nothing more");
        assert!(row(keys.active_kid()).await.tokens_end_by_s >= later_s);
    }
}

#[tokio::test]
async fn a_key_that_cannot_be_decrypted_is_still_published() {
    let test = TestDatabase::create(service_kit::database::Backend::Sqlite);
    let database = opened(&test).await;
    let keys = keystore(&database, RIGHT).await.unwrap();
    let other = Arc::new(sealer(WRONG));
    let unit_of_work = UnitOfWork::new(database.clone(), Arc::new(SystemClock), Random::system());
    let rotation = Rotation::new(unit_of_work, other, KeyStoreSettings::default());
    rotation.rotate(RotationStart::AfterPublishing).await.unwrap();
    keys.refresh().await.unwrap();
    assert_eq!(keys.handle().get().unwrap().len(), 2);
    assert!(keys.can_sign());
    rotation.rotate(RotationStart::AtOnce).await.unwrap();
    keys.refresh().await.unwrap();
    assert!(!keys.can_sign());
    let refused = keys.sign(&claims(), 0).await.unwrap_err();
    assert!(matches!(refused, KeysError::Unusable(_)), "{refused}");
}

#[tokio::test]
async fn the_encryption_key_is_replaced_while_replicas_run() {
    for test in TestDatabase::both() {
        let database = opened(&test).await;
        let secret = async |sealer: &Sealer| {
            let name = SecretName::PasswordPepper;
            ensure_secret(&database, sealer, &Random::system(), &SystemClock, name).await
        };
        let (old, new) = (MasterKey::parse(RIGHT).unwrap(), MasterKey::parse(WRONG).unwrap());
        let current = |key: &MasterKey| Sealer::new(key, Random::system()).unwrap();
        let pepper = secret(&current(&old)).await.unwrap();
        let running = keystore(&database, RIGHT).await.unwrap();

        let reencrypt = async |sealer: Sealer| {
            let (clock, settings) = (Arc::new(SystemClock), KeyStoreSettings::default());
            let (database, sealer) = (database.clone(), Arc::new(sealer));
            Rotation::new(UnitOfWork::new(database, clock, Random::system()), sealer, settings)
                .reencrypt()
                .await
        };
        let both = || current(&new).opening(&old).unwrap();
        let done = reencrypt(both()).await.unwrap();
        assert_eq!((done.secrets, done.signing_keys), (1, vec![running.active_kid()]));
        assert_eq!(reencrypt(both()).await.unwrap(), Reencrypted::default());
        // A running process continues with the keys that it has decrypted. A new process needs the new encryption
        // key, and no longer the old one.
        running.refresh().await.unwrap();
        assert!(running.sign(&claims(), 0).await.is_ok());
        assert!(matches!(secret(&current(&old)).await, Err(KeysError::WrongKey(_))));
        assert_eq!(secret(&current(&new)).await.unwrap(), pepper);
        assert_eq!(keystore(&database, WRONG).await.unwrap().active_kid(), running.active_kid());
        // A process that cannot decrypt a value does not encrypt it anew.
        let stranger = sealer("a third phrase of more than thirty-two characters");
        assert!(matches!(reencrypt(stranger).await, Err(KeysError::WrongKey(_))));
        // Back to the old encryption key, to test the other direction.
        let back = current(&old).opening(&new).unwrap();
        assert_eq!(reencrypt(back).await.unwrap().secrets, 1);
        assert_eq!(secret(&current(&old)).await.unwrap(), pepper);
    }
}
