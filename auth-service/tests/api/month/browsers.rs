//! A day of people who sign in on the hosted pages.

use auth_service::domain::{
    AuditEvent, AuditKind, BrowserSession, Client, ClientId, CodePlain, Consent, EndReason, Handle, SignIn,
};
use auth_service::storage::{authorization_codes, browser_sessions, clients, consents};
use shared_claims::clock::Clock as _;
use shared_claims::scope::Scopes;

use super::{Month, device, initiator, new_code, write};

const CLIENT: &str = "web";

impl Month {
    /// Registers the client that people sign in for.
    pub(super) async fn register_client(&self) {
        let client = Client::blank(ClientId::parse(CLIENT).unwrap(), self.clock.now_ms());
        write(&self.database, move |conn| clients::insert(conn, &client, super::ACCESS_TTL_S)).await;
    }

    /// Simulates the sign-ins of a day. Of three sessions, one is signed out of, nobody comes back to the next, and the last
    /// one is left behind after a code that nobody redeems.
    pub(super) async fn sign_in_on_pages(&mut self) {
        let (scale, random, now_ms) = (self.scale, self.random.clone(), self.clock.now_ms());
        let users: Vec<_> = self.users.iter().cycle().take(scale.page_sign_ins).copied().collect();
        self.commit(move |transaction| {
            for (number, user_id) in users.iter().enumerate() {
                let sign_in = SignIn {
                    handle: Handle::from_random(random.bytes()).hash(),
                    credentials_version: 1,
                    amr: vec!["pwd".to_owned()],
                    device: device(),
                };
                let id = random.uuid_at(now_ms);
                let mut session = BrowserSession::open(id, *user_id, sign_in, scale.browser_sessions, now_ms);
                let signed_in = AuditEvent::new(AuditKind::LoggedIn, &initiator()).user(*user_id).session(id);
                transaction.record(signed_in);
                let conn = transaction.conn();
                browser_sessions::insert(conn, &session)?;
                if number % 3 == 1 {
                    continue;
                }
                assert!(session.note_use(scale.browser_sessions, now_ms));
                browser_sessions::touch(conn, &session)?;
                let scope = Scopes::parse("openid todos:read").unwrap();
                let consent = Consent { scope, audience: vec!["todo-service".to_owned()] };
                consents::store(conn, *user_id, CLIENT, &consent, now_ms)?;
                let code = CodePlain::from_random(random.bytes()).hash();
                let given =
                    super::AuthorizationCode { browser_session_id: Some(id), ..new_code(*user_id, now_ms) };
                authorization_codes::insert(conn, &code, &given)?;
                if number % 3 == 0 {
                    authorization_codes::consume(conn, &code, random.uuid(), now_ms)?;
                    browser_sessions::end(conn, id, EndReason::Logout, now_ms)?;
                    let ended = AuditEvent::new(AuditKind::SessionEnded, &initiator()).session(id);
                    transaction.record(ended.user(*user_id).reason("logout"));
                }
            }
            Ok(())
        })
        .await;
        let (all, unused) = (scale.page_sign_ins, (scale.page_sign_ins + 1) / 3);
        self.written.browser_sessions += all;
        self.written.codes += all - unused;
        self.written.consents += all - unused;
        self.written.audit_events += all + all.div_ceil(3);
    }
}
