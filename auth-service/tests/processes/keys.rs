//! Tests of `auth-service keys` while servers are running.

use std::collections::{BTreeMap, HashSet};
use std::io::Write;
use std::process::{Output, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use reqwest::StatusCode;
use rustix::process::Signal;
use serde_json::Value;
use service_kit::database::Backend;
use service_kit::database::testing::TestDatabase;
use shared_claims::revocation::{FeedSettings, Mirror, MirrorSettings};
use shared_claims::testing::RedisProcess;
use shared_claims::verifier::Verifier;

use crate::helpers::{Decision, ResourceServer, Service, ServiceSettings, WAIT_LIMIT, eventually};

/// Whether a command succeeded, its standard output and its standard error.
fn outcome(output: Output) -> (bool, String, String) {
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.success(), text(output.stdout), text(output.stderr))
}

fn keys(settings: &ServiceSettings, arguments: &[&str]) -> (bool, String, String) {
    outcome(settings.command().arg("keys").args(arguments).output().unwrap())
}

/// Runs a command, which must succeed without a warning. Returns its JSON document.
fn document(settings: &ServiceSettings, arguments: &[&str]) -> Value {
    let (ok, out, err) = keys(settings, &[arguments, &["--json"]].concat());
    assert!(ok && err.is_empty(), "{arguments:?}: {err}");
    serde_json::from_str(&out).unwrap()
}

fn kids(settings: &ServiceSettings, state: &str) -> Vec<String> {
    let listed = document(settings, &["list"]);
    let listed = listed.as_array().unwrap().iter().filter(|key| key["state"] == state);
    listed.map(|key| key["kid"].as_str().unwrap().to_owned()).collect()
}

async fn published(service: &Service) -> String {
    let url = format!("{}/.well-known/jwks.json", service.url);
    service.client.get(url).send().await.unwrap().text().await.unwrap()
}

/// Settings with a max-age of one second for the key set and no clock skew: a key signs three seconds after it is
/// published.
fn hasty(database: &TestDatabase) -> ServiceSettings {
    ServiceSettings::on(database)
        .with("AUTH__KEYS__JWKS_MAX_AGE_SECONDS", "1")
        .with("AUTH__REVOCATION__CLOCK_SKEW_MS", "0")
}

#[actix_web::test]
async fn a_command_prints_one_document_and_errors_on_standard_error() {
    for database in TestDatabase::both() {
        let settings = ServiceSettings::on(&database);
        assert_eq!(
            document(&settings, &["list"]),
            serde_json::json!([]),
            "a database that nobody served yet"
        );
        let first = document(&settings, &["rotate"]);
        let mut members: Vec<_> = first[0].as_object().unwrap().keys().map(String::as_str).collect();
        members.sort_unstable();
        assert_eq!(members, ["activates_at", "created_at", "kid", "retires_at", "state"]);
        assert_eq!((&first[0]["state"], &first[0]["retires_at"]), (&"active".into(), &Value::Null));
        let service = settings.start().await;
        let second = document(&settings, &["rotate"]);
        assert_eq!(second[1]["state"], "next");
        let time = |name: &str| {
            let text = second[1][name].as_str().unwrap();
            assert!(text.len() == 24 && text.ends_with('Z'), "{text}");
            seconds_of_the_day(text)
        };
        let published_for = (time("activates_at") - time("created_at")).rem_euclid(86_400);
        assert!((600..=605).contains(&published_for), "{published_for}");
        let kid = second[1]["kid"].as_str().unwrap();
        eventually("the server publishes it", WAIT_LIMIT, async || published(&service).await.contains(kid))
            .await;
        assert_eq!(document(&settings, &["rotate"]), second, "a rotation is in progress already");

        let exported = document(&settings, &["export-public"]);
        assert_eq!(exported[1]["jwk"]["kid"], *kid);
        let (ok, set, _) = keys(&settings, &["export-public"]);
        assert!(ok);
        let set: Value = serde_json::from_str(&set).unwrap();
        assert_eq!(set, serde_json::from_str::<Value>(&published(&service).await).unwrap());
        let (ok, pem, _) = keys(&settings, &["export-public", "--pem"]);
        assert!(ok && pem.matches("-----BEGIN PUBLIC KEY-----").count() == 2, "{pem}");
        let (ok, table, _) = keys(&settings, &["list"]);
        assert!(ok && table.starts_with("KID") && table.lines().count() == 3, "{table}");

        let (_, _, err) = keys(&settings, &["rotate", "--compromised", "-begins-with-a-hyphen"]);
        assert!(err.contains("no signing key has the id -begins"), "{err}");
        for refused in [
            ["rotate", "--compromised", "unknown"].as_slice(),
            &["import", "/nowhere/key.pem"],
            &["import", "-"],
            &["rotate", "--now", "--compromised", kid],
            &["burn"],
        ] {
            for json in [[].as_slice(), &["--json"]] {
                let (ok, out, err) = keys(&settings, &[refused, json].concat());
                assert!(!ok && out.is_empty() && err.starts_with("error: "), "{refused:?}: {out}{err}");
            }
        }
    }
}

/// Seconds since midnight.
fn seconds_of_the_day(rfc3339: &str) -> i64 {
    let number = |at: std::ops::Range<usize>| rfc3339[at].parse::<i64>().unwrap();
    (number(11..13) * 60 + number(14..16)) * 60 + number(17..19)
}

#[actix_web::test]
async fn tokens_of_a_compromised_key_are_refused_through_redis_and_feed() {
    for database in TestDatabase::both() {
        let redis = RedisProcess::start().await;
        let settings = ServiceSettings::on(&database).projecting_to(&redis.address());
        let service = settings.start().await;
        service.register("alice").await;
        let token = service.access_token("alice").await;
        let by_redis = ResourceServer::mirroring(&settings.issuer, &redis.url()).await;
        let by_feed = ResourceServer::following(&settings.issuer).await;
        by_redis.eventually_decides(Decision::Accepted, &token).await;
        by_feed.eventually_decides(Decision::Accepted, &token).await;

        let [kid] = kids(&settings, "active").try_into().unwrap();
        let left = document(&settings, &["rotate", "--compromised", &kid]);
        assert_eq!((left.as_array().unwrap().len(), &left[0]["state"]), (1, &"active".into()));
        assert_eq!(service.me(&token).await, StatusCode::UNAUTHORIZED);
        // The command itself has delivered the fact to Redis.
        let mut connection = redis.connection().await;
        let fact = format!("{{revoked}}:key:{kid}");
        let stands: bool = redis::cmd("EXISTS").arg(fact).query_async(&mut connection).await.unwrap();
        assert!(stands);
        by_redis.eventually_decides(Decision::Revoked, &token).await;
        by_feed.eventually_decides(Decision::Revoked, &token).await;
        eventually("it is out of the key set", WAIT_LIMIT, async || {
            !published(&service).await.contains(&kid)
        })
        .await;
        let token = service.access_token("alice").await;
        by_redis.eventually_decides(Decision::Accepted, &token).await;
        by_feed.eventually_decides(Decision::Accepted, &token).await;
    }
}

#[actix_web::test]
async fn a_key_is_imported_from_standard_input_and_encrypted_with_another_key() {
    for database in TestDatabase::both() {
        let settings = ServiceSettings::on(&database);
        let service = settings.start().await;
        service.register("alice").await;
        let mut command = settings.command();
        command.args(["keys", "import", "-", "--json"]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let key = aws_lc_rs::rsa::KeyPair::generate(aws_lc_rs::rsa::KeySize::Rsa3072).unwrap();
        let der = aws_lc_rs::encoding::AsDer::<aws_lc_rs::encoding::Pkcs8V1Der<'_>>::as_der(&key).unwrap();
        let pem = rsa::pkcs8::der::SecretDocument::try_from(der.as_ref()).unwrap();
        let pem = pem.to_pem("PRIVATE KEY", rsa::pkcs8::LineEnding::LF).unwrap();
        child.stdin.take().unwrap().write_all(pem.as_bytes()).unwrap();
        let (ok, out, err) = outcome(child.wait_with_output().unwrap());
        assert!(ok, "{err}");
        let imported: Value = serde_json::from_str(&out).unwrap();
        assert_eq!(imported[1]["state"], "next");

        let (old, new) = ("0123456789abcdef".repeat(4), "fedcba9876543210".repeat(4));
        let both = settings
            .replica()
            .with("AUTH__KEYS__ENCRYPTION_KEY", &new)
            .with("AUTH__KEYS__PREVIOUS_ENCRYPTION_KEYS", &old);
        let done = document(&both, &["reencrypt"]);
        assert!(done.as_array().unwrap().iter().all(|key| key["reencrypted"] == true), "{done}");
        let (ok, again, _) = keys(&both, &["reencrypt"]);
        assert!(ok && again.starts_with("Everything"), "{again}");
        // A running process continues. A new process needs the new encryption key only.
        let token = service.access_token("alice").await;
        let renewed = settings.replica().with("AUTH__KEYS__ENCRYPTION_KEY", &new).start().await;
        assert_eq!(renewed.me(&token).await, StatusCode::OK);
        renewed.access_token("alice").await;
        let (ok, _, err) = keys(&settings, &["reencrypt"]);
        assert!(!ok && err.starts_with("error: keys.encryption_key: ") && err.lines().count() == 1, "{err}");
    }
}

/// A resource server that rarely looks up unknown keys, so it depends on keys being published in time.
async fn resource(issuer: &str) -> Verifier {
    let feed = FeedSettings::new(&format!("{issuer}/revocations")).unwrap();
    Verifier::builder(issuer)
        .audience("todo-service")
        .jwks_cooldown(Duration::from_secs(3600))
        .revocation(Mirror::follow_feed(feed, MirrorSettings::default()).into())
        .build()
        .await
        .unwrap()
}

#[actix_web::test]
#[expect(clippy::print_stdout, reason = "the figure")]
async fn no_valid_token_is_refused_while_keys_rotate_five_times() {
    let database = TestDatabase::create(Backend::Postgres);
    let settings = hasty(&database);
    let (one, two) = (settings.start().await, settings.replica().start().await);
    one.register("alice").await;
    let verifier = resource(&settings.issuer).await;
    let first = one.access_token("alice").await;
    eventually("the resource server serves", WAIT_LIMIT, async || verifier.verify(&first).await.is_ok())
        .await;
    // A token with an unknown key id uses up the one extra reading of the key set.
    let _ = verifier.verify(&with_another_kid(&first)).await;

    let secret = billing(&settings);
    let stop = AtomicBool::new(false);
    let checked = Mutex::new(Checked::default());
    let verify = async |kind: &'static str, token: &str| {
        let verified = verifier.verify(token).await.unwrap_or_else(|error| panic!("a good {kind}: {error}"));
        let mut checked = checked.lock().unwrap();
        *checked.tokens.entry(kind).or_default() += 1;
        checked.kids.insert(verified.kid().to_owned());
    };
    let hammer = async {
        let mut newest = one.tokens("alice").await;
        let mut given = Vec::new();
        while !stop.load(Ordering::Relaxed) {
            for service in [&one, &two] {
                let form =
                    [("grant_type", "refresh_token"), ("refresh_token", text(&newest, "refresh_token"))];
                newest = ask(service, "/auth/token", &form).await;
                let form = [
                    ("grant_type", "client_credentials"),
                    ("client_id", "billing"),
                    ("client_secret", &secret),
                ];
                let own = ask(service, "/oauth2/token", &form).await;
                given.extend([
                    ("login", service.access_token("alice").await),
                    ("refresh", text(&newest, "access_token").to_owned()),
                    ("client_credentials", text(&own, "access_token").to_owned()),
                ]);
            }
            for (kind, token) in given.iter().rev().take(60) {
                verify(kind, token).await;
            }
            verify("the first of all", &first).await;
            // The issuer's own endpoints accept it, on the replica that did not issue it.
            assert_eq!(one.me(&two.access_token("alice").await).await, StatusCode::OK);
        }
    };
    let rotate = async {
        for round in 1..=5 {
            let command = settings.clone();
            let rotated = tokio::task::spawn_blocking(move || document(&command, &["rotate"])).await.unwrap();
            let next = rotated.as_array().unwrap().iter().find(|key| key["state"] == "next").unwrap();
            let next = next["kid"].as_str().unwrap().to_owned();
            eventually("tokens of the new key are verified", WAIT_LIMIT, async || {
                checked.lock().unwrap().kids.contains(&next)
            })
            .await;
            assert_eq!(checked.lock().unwrap().kids.len(), round + 1);
        }
        stop.store(true, Ordering::Relaxed);
    };
    tokio::join!(hammer, rotate);
    assert_eq!(kids(&settings, "retired").len(), 5, "each stays as long as its tokens");
    let checked = checked.into_inner().unwrap();
    println!("verified, none refused: {:?}", checked.tokens);
    assert!(checked.tokens.len() == 4 && checked.tokens.values().all(|count| *count >= 5), "{checked:?}");
    assert!(checked.tokens.values().sum::<u64>() > 500, "{checked:?}");
}

/// The tokens that the resource server accepted.
#[derive(Debug, Default)]
struct Checked {
    tokens: BTreeMap<&'static str, u64>,
    kids: HashSet<String>,
}

/// Creates a client for `client_credentials`. Returns its secret.
fn billing(settings: &ServiceSettings) -> String {
    let arguments =
        ["clients", "create", "--name", "B", "--id", "billing", "--grants", "client_credentials", "--json"];
    let (ok, out, err) = outcome(settings.command().args(arguments).output().unwrap());
    assert!(ok, "{err}");
    text(&serde_json::from_str(&out).unwrap(), "client_secret").to_owned()
}

fn text<'a>(answer: &'a Value, name: &str) -> &'a str {
    answer[name].as_str().unwrap_or_else(|| panic!("{answer}"))
}

async fn ask(service: &Service, path: &str, form: &[(&str, &str)]) -> Value {
    let answer = service.client.post(format!("{}{path}", service.url)).form(form).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK, "{path}");
    answer.json().await.unwrap()
}

fn with_another_kid(token: &str) -> String {
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    let (header, rest) = token.split_once('.').unwrap();
    let mut header: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(header).unwrap()).unwrap();
    header["kid"] = "unknown".into();
    format!("{}.{rest}", URL_SAFE_NO_PAD.encode(header.to_string()))
}

#[actix_web::test]
async fn a_replica_that_was_paused_during_rotations_issues_valid_tokens_when_it_resumes() {
    let database = TestDatabase::create(Backend::Postgres);
    let settings = hasty(&database);
    let (one, sleeper) = (settings.start().await, settings.replica().start().await);
    one.register("alice").await;
    let verifier = resource(&settings.issuer).await;
    let token = sleeper.access_token("alice").await;
    eventually("the resource server serves", WAIT_LIMIT, async || verifier.verify(&token).await.is_ok())
        .await;
    let [before] = kids(&settings, "active").try_into().unwrap();

    sleeper.signal(Signal::STOP);
    document(&settings, &["rotate"]);
    eventually("another key signs", WAIT_LIMIT, async || kids(&settings, "active") != [before.clone()]).await;
    // The request has arrived already when the stopped process continues.
    let (woken, ()) = tokio::join!(sleeper.access_token("alice"), async { sleeper.signal(Signal::CONT) });
    assert!(verifier.verify(&woken).await.is_ok());
    assert_eq!(one.me(&woken).await, StatusCode::OK);
    assert!(published(&sleeper).await.contains(&kids(&settings, "active")[0]));
}
