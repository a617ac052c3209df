//! Tests of the import of signing keys.

use auth_service::keys::KeysError;
use rsa::pkcs1::EncodeRsaPrivateKey;
use rsa::pkcs8::{EncodePrivateKey, LineEnding};

use crate::helpers::both;
use crate::keys::{PUBLISH_MS, becomes_true, kid_of};

fn rsa_key(bits: usize) -> rsa::PrivateKey {
    use rand::SeedableRng;
    let mut rng = rand::rngs::StdRng::from_seed([u8::try_from(bits / 256).unwrap(); 32]);
    rsa::PrivateKey::new(&mut rng, bits).unwrap()
}

#[tokio::test]
async fn an_imported_key_is_published_before_it_signs() {
    let key = rsa_key(2048);
    let pem = key.to_pkcs8_pem(LineEnding::LF).unwrap();
    for app in both().await {
        app.register("alice").await;
        let kid = app.rotation().import(&pem).await.unwrap();
        assert_eq!(app.kids("next").await, std::slice::from_ref(&kid));
        let again = app.rotation().import(&pem).await.unwrap_err();
        assert!(matches!(again, KeysError::KnownKey(_)), "{again}");
        app.clock.advance_ms(PUBLISH_MS);
        becomes_true("it signs", async || kid_of(&app.login("alice").await.access) == kid).await;
        app.rotation().revoke_compromised(kid).await.unwrap();
        let revoked = app.rotation().import(&pem).await.unwrap_err();
        assert!(matches!(revoked, KeysError::RevokedKey(_)), "{revoked}");
    }
}

#[tokio::test]
async fn an_unsuitable_key_is_refused_with_a_reason() {
    let [app, _] = both().await;
    let pkcs1 = rsa_key(2048).to_pkcs1_pem(LineEnding::LF).unwrap();
    let short = rsa_key(1024).to_pkcs8_pem(LineEnding::LF).unwrap();
    let elliptic = "-----BEGIN PRIVATE KEY-----\nMIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgevZzL1gdAFr88hb2\nOF/2NxApJCzGCEDdfSp6VQO30hyhRANCAAQRWz+jn65BtOMvdyHKcvjBeBSDZH2r\n1RTwjmYSi9R/zpBnuQ4EiMnCqfMPWiZqB4QdbAd0E7oH50VpuZ1P087G\n-----END PRIVATE KEY-----\n";
    let encrypted = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMAA=\n-----END ENCRYPTED PRIVATE KEY-----\n";
    for (pem, reason) in [
        (pkcs1.as_str(), "PKCS#1"),
        (short.as_str(), "2048 bits"),
        (elliptic, "RSA"),
        (encrypted, "encrypted"),
        (
            "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\nMAA=\n-----END RSA PRIVATE KEY-----\n",
            "decrypt it with `openssl pkey",
        ),
        ("0\u{82}not text", "openssl pkey -inform DER"),
        ("-----BEGIN PUBLIC KEY-----\nMAA=\n-----END PUBLIC KEY-----\n", "public key"),
        ("", "PEM"),
        ("-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n", "CERTIFICATE"),
    ] {
        let refused = app.rotation().import(pem).await.unwrap_err().to_string();
        assert!(refused.contains(reason) && !refused.contains('\n'), "{reason}: {refused}");
    }
    assert_eq!(app.stored_keys().await.len(), 1);
}
