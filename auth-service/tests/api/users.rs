//! Tests of the operator's actions on users, and of their effect on sessions and tokens.

use auth_service::accounts::{Administration, CreateUserRequest, ImportOutcome, UserDetails, UserImport};
use auth_service::domain::{BcryptHash, Email};
use auth_service::storage::users;
use reqwest::StatusCode;
use serde_json::{Value, json};
use service_kit::database::DatabaseError;

use crate::helpers::clients::{REDIRECT, public_client};
use crate::helpers::codes::VERIFIER;
use crate::helpers::{PASSWORD, START_MS, TestApp, Tokens, both, claims_of};

async fn is_dead(app: &TestApp, tokens: &Tokens) -> bool {
    !app.is_live(&tokens.access).await && app.is_refused(&tokens.refresh).await
}

async fn facts_about(app: &TestApp, id: &Value) -> Vec<Value> {
    app.facts().await.into_iter().filter(|fact| fact["id"] == *id).collect()
}

#[tokio::test]
async fn a_disabled_user_has_no_live_token_and_gets_none() {
    for app in both().await {
        let alice = app.register("alice").await;
        let bob = app.user("bob").await;
        let all = [app.login("alice").await, app.login("alice").await];
        app.disable("ALICE").await;
        for tokens in &all {
            assert!(is_dead(&app, tokens).await);
        }
        let facts = facts_about(&app, &alice["id"]).await;
        assert_eq!(facts.len(), 1);
        assert_eq!((&facts[0]["kind"], &facts[0]["at"]), (&json!("sub"), &json!(START_MS + 1000)));
        assert!(facts[0]["exp"].as_i64().unwrap() >= START_MS / 1000 + 900 + 60);
        assert_eq!(app.try_login("alice", PASSWORD).await.status(), StatusCode::UNAUTHORIZED);
        assert!(app.is_live(&bob.access).await);

        let user = app.administration().enable("alice").await.unwrap().unwrap();
        assert!(user.is_active);
        for tokens in &all {
            assert!(is_dead(&app, tokens).await, "an ended session stays ended");
        }
        // In the same millisecond, because the test's clock does not move.
        let again = app.login("alice").await;
        assert!(app.is_live(&again.access).await);
        app.disable("alice").await;
        assert!(is_dead(&app, &again).await, "the second cut is later than tokens issued after the first");
    }
}

#[tokio::test]
async fn a_password_change_ends_the_earlier_sessions() {
    for app in both().await {
        let tokens = app.user("alice").await;
        app.change_password("alice").await;
        assert!(is_dead(&app, &tokens).await);
        assert_eq!(app.try_login("alice", PASSWORD).await.status(), StatusCode::UNAUTHORIZED);
        let new = Tokens::of(app.try_login("alice", "a password that nobody knows").await).await;
        assert!(app.is_live(&new.access).await);
    }
}

#[tokio::test]
async fn the_fact_of_a_deleted_user_is_kept() {
    for app in both().await {
        let alice = app.register("alice").await;
        let tokens = app.login("alice").await;
        app.delete_user(alice["id"].as_str().unwrap()).await;
        assert!(is_dead(&app, &tokens).await);
        assert_eq!(facts_about(&app, &alice["id"]).await.len(), 1);
        assert_eq!(app.try_login("alice", PASSWORD).await.status(), StatusCode::UNAUTHORIZED);
        assert!(app.administration().find("alice").await.unwrap().is_none());
        assert!(app.administration().delete("alice").await.unwrap().is_none());
        // The name is free again, and a new user with it is another user.
        let another = app.register("alice").await;
        assert_ne!(another["id"], alice["id"]);
        assert!(is_dead(&app, &tokens).await);
        assert!(app.is_live(&app.login("alice").await.access).await);
    }
}

#[tokio::test]
async fn removing_a_role_revokes_the_tokens_that_contain_it() {
    for app in both().await {
        app.register("alice").await;
        app.set_roles("alice", "admin,editor").await;
        let first = app.login("alice").await;
        assert_eq!(claims_of(&first.access)["roles"], json!(["admin", "editor"]));

        app.set_roles("alice", "admin,editor,auditor").await;
        assert!(app.is_live(&first.access).await, "adding a role revokes no token");
        let second = app.refresh(&first.refresh).await;
        assert_eq!(claims_of(&second.access)["roles"], json!(["admin", "editor", "auditor"]));

        app.set_roles("alice", "editor").await;
        assert!(!app.is_live(&first.access).await && !app.is_live(&second.access).await);
        let third = app.refresh(&second.refresh).await;
        assert_eq!(claims_of(&third.access)["roles"], json!(["editor"]), "the session goes on");
        assert!(app.is_live(&third.access).await);

        app.set_roles("alice", "").await;
        assert!(!app.is_live(&third.access).await);
        let fourth = app.refresh(&third.refresh).await;
        assert!(claims_of(&fourth.access).get("roles").is_none());
    }
}

/// A consent that was given before the action does not begin a session after it.
#[tokio::test]
async fn an_unredeemed_code_is_invalid_after_the_sessions_ended() {
    for app in both().await {
        app.add_client(public_client("spa")).await;
        let first = app.user("alice").await;
        let redeem = async |code: &str| {
            let form = [
                ("grant_type", "authorization_code"),
                ("code", code),
                ("redirect_uri", REDIRECT),
                ("code_verifier", VERIFIER),
            ];
            app.grant_to_public("spa", &form).await.status()
        };
        let code = async || app.code(app.consent("alice", "spa").await).await;
        assert_eq!(redeem(&code().await).await, StatusCode::OK);
        let before = code().await;
        assert_eq!(app.logout_all(&first.access).await.status(), StatusCode::NO_CONTENT);
        assert_eq!(redeem(&before).await, StatusCode::BAD_REQUEST);
        let before = code().await;
        app.administration().revoke_tokens("alice").await.unwrap().unwrap();
        assert_eq!(redeem(&before).await, StatusCode::BAD_REQUEST);
        let before = code().await;
        app.disable("alice").await;
        app.administration().enable("alice").await.unwrap().unwrap();
        assert_eq!(redeem(&before).await, StatusCode::BAD_REQUEST);
        assert_eq!(redeem(&code().await).await, StatusCode::OK);
    }
}

#[tokio::test]
async fn users_are_found_by_name_or_id_and_listed_by_name() {
    for app in both().await {
        let carol = app.register("Carol").await;
        let id = carol["id"].as_str().unwrap();
        let users = app.administration();
        for name in [id, "carol", "CAROL"] {
            assert_eq!(users.find(name).await.unwrap().unwrap().username, "Carol");
        }
        for name in ["", "nobody", "car\u{200b}ol", "'", "%"] {
            assert!(users.find(name).await.unwrap().is_none(), "{name:?}");
        }
        app.register("bob").await;
        app.register("1a").await;
        let names = |users: Vec<auth_service::domain::User>| {
            users.into_iter().map(|user| user.username).collect::<Vec<_>>()
        };
        let all = names(users.list(None, i64::MAX).await.unwrap());
        assert_eq!(all, ["1a", "bob", "Carol"]);
        let mut paged = Vec::new();
        loop {
            let after =
                paged.last().map(|name: &String| auth_service::domain::Username::parse(name).unwrap());
            let page = names(users.list(after, 1).await.unwrap());
            if page.is_empty() {
                break;
            }
            paged.extend(page);
        }
        assert_eq!(paged, all);
    }
}

fn import(line: usize, username: &str, cost: u32) -> UserImport {
    let details = UserDetails::parse(CreateUserRequest { username, email: None, roles: "" }).unwrap();
    let hash = bcrypt::hash_with_salt(PASSWORD, cost, [7; 16]).unwrap();
    let hash = BcryptHash::parse(&hash.format_for_version(bcrypt::Version::TwoY)).unwrap();
    UserImport { line, details, hash }
}

async fn imported(users: &Administration, imports: Vec<UserImport>, skip: bool) -> Result<usize, Vec<usize>> {
    match users.import(imports, skip).await.unwrap() {
        ImportOutcome::Done { users, .. } => Ok(users.len()),
        ImportOutcome::Taken(lines) => Err(lines),
    }
}

#[tokio::test]
async fn an_import_is_atomic_and_its_hashes_are_upgraded_at_the_first_login() {
    for app in both().await {
        app.register("bob").await;
        let users = app.administration();
        let lines = || vec![import(1, "alice", 5), import(2, "B0B", 5), import(4, "carol", 4)];
        assert_eq!(imported(&users, lines(), false).await, Err(vec![2]), "it looks like bob");
        assert!(users.find("alice").await.unwrap().is_none() && users.find("carol").await.unwrap().is_none());
        let twice = vec![import(1, "dora", 4), import(2, "DORA", 4), import(3, "d0ra", 4)];
        assert_eq!(imported(&users, twice, true).await, Err(vec![2, 3]));
        assert_eq!(imported(&users, lines(), true).await, Ok(2));
        assert_eq!(imported(&users, lines(), true).await, Ok(0));

        assert_eq!(app.try_login("alice", "another password").await.status(), StatusCode::UNAUTHORIZED);
        for _ in 0..2 {
            app.login("alice").await;
        }
        let stored = app.database.read(|conn| users::find_by_name(conn, "alice"));
        let stored = stored.await.unwrap().unwrap().hash;
        assert_eq!(stored.scheme, "hmac-sha384+bcrypt");
        assert_eq!(app.try_login("carol", PASSWORD).await.status(), StatusCode::OK);
    }
}

/// A user whose name is the id of another user would be confused with that user.
#[tokio::test]
async fn a_new_name_is_never_an_id_and_an_older_one_that_is_is_ambiguous() {
    for app in both().await {
        let victim = app.register("alice").await["id"].as_str().unwrap().to_owned();
        let wide: String = victim
            .chars()
            .map(|c| if c == '-' { c } else { char::from_u32(c as u32 + 0xfee0).unwrap() })
            .collect();
        for name in [
            victim.clone(),
            victim.to_uppercase(),
            victim.replace('-', ""),
            format!("{{{victim}}}"),
            format!("urn:uuid:{victim}"),
            format!("URN:UUID:{victim}"),
            wide,
        ] {
            let body = json!({ "username": name, "password": PASSWORD });
            let answer = app.post("/auth/register").json(&body).send().await.unwrap();
            assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY, "{name}");
            let problem: Value = answer.json().await.unwrap();
            assert_eq!(problem["errors"][0]["field"], "username", "{problem}");
            let request = CreateUserRequest { username: &name, email: None, roles: "" };
            assert!(UserDetails::parse(request).is_err(), "{name}: create and import");
        }
        // A user that was created before the rule existed.
        app.register("mallory").await;
        let mallory = app.administration().find("mallory").await.unwrap().unwrap().id;
        let name = victim.clone();
        app.database
            .write(move |conn| {
                use diesel::RunQueryDsl;
                let sql = format!(
                    "UPDATE users SET username = '{name}', username_key = '{name}' WHERE id = '{mallory}'"
                );
                diesel::sql_query(sql).execute(conn)?;
                Ok::<_, DatabaseError>(())
            })
            .await
            .unwrap();
        let refused = app.administration().disable(&victim).await.unwrap_err();
        assert!(refused.to_string().contains("the name of another"), "{refused}");
        let found = app.administration().find(&mallory.to_string()).await.unwrap().unwrap();
        assert_eq!(found.username, victim, "the id finds the user");
        assert_eq!(app.try_login(&victim, PASSWORD).await.status(), StatusCode::OK, "the user may log in");
    }
}

#[tokio::test]
async fn a_verified_address_belongs_to_one_user() {
    for app in both().await {
        for name in ["alice", "bob", "carol"] {
            app.register(name).await;
        }
        let users = app.administration();
        let tokens = app.login("alice").await;
        let set = async |name: &str, address: &str, is_verified: bool| {
            app.clock.advance_ms(1);
            let user =
                users.set_email(name, Email::parse(address).unwrap(), is_verified).await.unwrap().unwrap();
            assert_eq!((user.email.as_deref(), user.email_verified), (Some(address), is_verified));
        };
        let is_verified = async |name: &str| users.find(name).await.unwrap().unwrap().email_verified;
        set("alice", "a@example.org", true).await;
        set("carol", "c@example.org", true).await;
        set("bob", "A@EXAMPLE.org", false).await;
        assert!(is_verified("alice").await, "an address that nobody proved takes nothing away");
        let rows = app.audit_rows().await.len();
        set("alice", "a@example.org", true).await;
        assert_eq!(app.audit_rows().await.len(), rows, "nothing changed");
        set("bob", "A@EXAMPLE.org", true).await;
        let alice = users.find("alice").await.unwrap().unwrap();
        assert_eq!((alice.email.as_deref(), alice.email_verified), (Some("a@example.org"), false));
        assert!(is_verified("carol").await);
        assert!(app.is_live(&tokens.access).await, "sessions go on");
        let rows = app.audit_rows().await;
        let mut subjects: Vec<_> = rows
            .iter()
            .filter(|row| row.kind == "user.email_changed")
            .map(|row| (row.at_ms - START_MS, row.subject.as_deref().unwrap(), row.reason.as_deref()))
            .collect();
        // Events of one transaction have no order.
        subjects.sort_unstable();
        let expected = [
            (1, "verified", None),
            (2, "verified", None),
            (3, "unverified", None),
            (5, "unverified", Some("taken")),
            (5, "verified", None),
        ];
        assert_eq!(subjects, expected);
        assert!(
            users.set_email("nobody", Email::parse("n@example.org").unwrap(), true).await.unwrap().is_none()
        );
        // At once: one of them has it at the end.
        for _ in 0..10 {
            let address = || Email::parse("shared@example.org").unwrap();
            let one = users.set_email("alice", address(), true);
            let two = users.set_email("bob", address(), true);
            let three = users.set_email("carol", address(), true);
            let (one, two, three) = tokio::join!(one, two, three);
            assert!(one.is_ok() && two.is_ok() && three.is_ok());
            let verified = [is_verified("alice").await, is_verified("bob").await, is_verified("carol").await];
            assert_eq!(verified.iter().filter(|verified| **verified).count(), 1);
        }
    }
}

#[tokio::test]
async fn claims_are_changed_member_by_member_or_not_at_all() {
    for app in both().await {
        let alice = app.register("alice").await;
        let users = app.administration();
        let id = crate::helpers::codes::id_of(&alice);
        let claims = async || users.profile(id).await.unwrap().to_string();
        assert_eq!(claims().await, "{}");
        users.set_claims("alice", r#"{"given_name": "Ada", "locale": "en"}"#.to_owned()).await.unwrap();
        for wrong in ["", "[]", r#"{"given_name": 1}"#, r#"{"given_name": null, "sub": "x"}"#] {
            let refused = users.set_claims("alice", wrong.to_owned()).await.unwrap_err().to_string();
            assert!(refused.starts_with("the claims cannot be set: "), "{refused}");
        }
        users.set_claims("alice", r#"{"locale": "en", "given_name": "Ada"}"#.to_owned()).await.unwrap();
        app.clock.advance_ms(1);
        users.set_claims("alice", r#"{"locale": null}"#.to_owned()).await.unwrap();
        assert_eq!(claims().await, r#"{"given_name":"Ada"}"#);
        assert!(users.set_claims("nobody", "{}".to_owned()).await.unwrap().is_none());
        let rows = app.audit_rows().await;
        let subjects: Vec<_> = rows
            .iter()
            .filter(|row| row.kind == "user.claims_changed")
            .map(|row| row.subject.as_deref().unwrap())
            .collect();
        assert_eq!(subjects, ["given_name locale", "locale"]);
    }
}
