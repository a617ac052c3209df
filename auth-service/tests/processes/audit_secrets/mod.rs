//! Tests that neither the audit events nor the log contain a secret, in any successful or failed action.

mod mailed;
mod visitor;

use std::fs::File;

use reqwest::Client;
use serde_json::Value;
use service_kit::database::testing::TestDatabase;
use shared_claims::testing::free_port;

use self::visitor::Visitor;
use crate::helpers::{Service, ServiceSettings};

const ENCRYPTION_KEY: &str = "encryption0key0that0is0recognisable0anywhere";
const FEED_TOKEN: &str = "feed0token0that0is0recognisable";
const PASSWORD: &str = "password0that0is0recognisable";
const NEW_PASSWORD: &str = "newpassword0that0is0recognisable";
const WRONG_PASSWORD: &str = "wrongpassword0that0is0recognisable";
/// A password that is typed into the field for the name.
const NAME_THAT_IS_A_PASSWORD: &str = "misplaced0password0recognisable";
const EMAIL: &str = "recognisable0address";
const CLAIM: &str = "recognisable0claim";
const WRONG_SECRET: &str = "wrongsecret0that0is0recognisable";
const MADE_UP_CODE: &str = "lkc_AAAArecognisable0code0AAAAAAAAAAAAAAAAAAAAAA";

#[actix_web::test]
async fn no_secret_is_in_the_record_or_in_the_log() {
    for database in TestDatabase::both() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log");
        let port = free_port();
        let settings = ServiceSettings::on(&database)
            .with("AUTH__HTTP__BIND", &format!("127.0.0.1:{port}"))
            .with("AUTH__KEYS__ENCRYPTION_KEY", ENCRYPTION_KEY)
            .with("AUTH__REVOCATION__FEED_TOKEN", FEED_TOKEN)
            .with("AUTH__LOG__LEVEL", "info,auth_service=trace,service_kit=trace,shared_claims=trace");
        let service = settings.start_logging_to(File::create(&log).unwrap()).await;
        let known = [
            ENCRYPTION_KEY,
            FEED_TOKEN,
            PASSWORD,
            NEW_PASSWORD,
            WRONG_PASSWORD,
            NAME_THAT_IS_A_PASSWORD,
            EMAIL,
            CLAIM,
            WRONG_SECRET,
            MADE_UP_CODE,
        ];
        let mut visitor = Visitor {
            settings: &settings,
            service: &service,
            client: Client::new(),
            secrets: known.map(str::to_owned).to_vec(),
            complaints: String::new(),
        };
        visitor.first_party().await;
        visitor.browser().await;
        visitor.clients().await;
        visitor.feed().await;
        visitor.mailed_links().await;
        visitor.operator().await;
        let Visitor { secrets, complaints, .. } = visitor;
        assert!(service.terminate().success());

        let record = settings.command().arg("audit").output().unwrap();
        assert!(record.status.success());
        let record = String::from_utf8(record.stdout).unwrap();
        let log = std::fs::read_to_string(&log).unwrap();
        for (name, text) in [("record", &record), ("log", &log), ("standard error", &complaints)] {
            for secret in &secrets {
                let found = text.lines().find(|line| line.contains(secret.as_str()));
                assert_eq!(found, None, "{secret} is in the {name}");
            }
        }

        // The search is effective: all events were recorded, and every row of the service has its line in the log.
        let parsed = |text: &str| -> Vec<Value> {
            text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
        };
        let (rows, lines) = (parsed(&record), parsed(&log));
        let told = |row: &Value| {
            let same = |line: &&Value| {
                line["target"] == "audit"
                    && line["event"] == row["kind"]
                    && line["span"]["request_id"] == row["request_id"]
            };
            lines.iter().filter(same).count()
        };
        let requested: Vec<_> = rows.iter().filter(|row| row["actor"] == "caller").collect();
        assert!(
            requested.len() > 20 && secrets.len() > 60,
            "{} events, {} secrets",
            requested.len(),
            secrets.len()
        );
        for row in requested {
            assert!(row["request_id"].is_string() && told(row) == 1, "{row}");
        }
        for kind in [
            "user.registered",
            "login.ok",
            "login.refused",
            "refresh.reused",
            "session.ended",
            "session.all_ended",
            "token.revoked",
            "client.created",
            "client.secret_rotated",
            "client.updated",
            "client.refused",
            "client.disabled",
            "client.enabled",
            "client.deleted",
            "user.created",
            "user.password_changed",
            "user.link_mailed",
            "user.email_change_requested",
            "user.invited",
            "user.roles_changed",
            "user.email_changed",
            "user.claims_changed",
            "user.tokens_revoked",
            "user.disabled",
            "user.enabled",
            "user.deleted",
            "key.generated",
            "key.imported",
            "key.rotated",
            "key.compromised",
        ] {
            assert!(rows.iter().any(|row| row["kind"] == kind), "{kind}");
        }
    }
}
