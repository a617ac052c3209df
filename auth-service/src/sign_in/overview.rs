//! What a person sees of the own account on the pages: the sessions, and the connected applications.

use std::collections::HashMap;

use service_kit::database::DbConnection;
use uuid::Uuid;

use super::{SignInError, SignIns};
use crate::domain::{
    Device, DeviceWords, ListedSession, PageLimit, SessionCursor, SessionKind, SessionListing, device_words,
};
use crate::storage::{browser_sessions, sessions};
use crate::tokens::{Application, TokenError};

/// A session, as its page shows it.
#[derive(Clone, Debug)]
pub struct ShownSession {
    /// Its id.
    pub id: Uuid,
    /// The device, read from the user agent.
    pub device: DeviceWords,
    /// The address that it began from.
    pub address: Option<String>,
    /// The name of the application that it belongs to; `None` for a browser and for a front end of the product.
    pub app: Option<String>,
    /// The names of the applications that were opened with it.
    pub apps: Vec<String>,
    /// When it began, in milliseconds.
    pub created_at_ms: i64,
    /// When it was last used, in milliseconds.
    pub last_used_at_ms: i64,
}

impl SignIns {
    /// A page of a person's sessions, last used first, and the cursor of the next page. Sessions of applications are part
    /// of the browser session that they came from, as long as that lives.
    pub async fn shown_sessions(
        &self,
        user_id: Uuid,
        after: Option<SessionCursor>,
    ) -> Result<(Vec<ShownSession>, Option<SessionCursor>), SignInError> {
        let listing = SessionListing::WithoutThoseBelow;
        let page = self.parts.tokens.sessions_of(user_id, listing, after, PageLimit::default());
        let (listed, next) = page.await?;
        let browsers = listed.iter().filter(|session| session.kind() == SessionKind::Browser);
        let mut below = self.clients_below(browsers.map(|session| session.id).collect()).await?;
        let mut shown = Vec::with_capacity(listed.len());
        for session in listed {
            let apps = below.remove(&session.id).unwrap_or_default();
            shown.push(self.shown(session, apps).await?);
        }
        Ok((shown, next))
    }

    /// A session of this person that was ended, for the notice that says so.
    pub async fn ended_session(&self, user_id: Uuid, id: Uuid) -> Result<Option<ShownSession>, SignInError> {
        let read = move |conn: &mut DbConnection| {
            if let Some(session) = sessions::find(conn, id)? {
                let device = Device { user_agent: session.user_agent, address: session.address };
                let is_ended = session.user_id == user_id && session.ended_at_ms.is_some();
                return Ok(is_ended.then_some((Some(session.client_id), device)));
            }
            let session = browser_sessions::find(conn, id)?;
            let ended = session.filter(|session| session.user_id == user_id && session.ended_at_ms.is_some());
            Ok::<_, TokenError>(ended.map(|session| (None, session.device)))
        };
        let Some((client_id, device)) = self.parts.unit_of_work.database().read(read).await? else {
            return Ok(None);
        };
        let scope = shared_claims::scope::Scopes::default();
        let ended = ListedSession { id, client_id, scope, created_at_ms: 0, last_used_at_ms: 0, device };
        Ok(Some(self.shown(ended, Vec::new()).await?))
    }

    /// The applications that a person is connected to, last used first.
    pub async fn applications_of(&self, user_id: Uuid) -> Result<Vec<Application>, SignInError> {
        Ok(self.parts.tokens.applications_of(user_id).await?)
    }

    /// The name of a client, and whether it is part of the operator's own product.
    pub async fn client_name(&self, client_id: &str) -> Result<Option<(String, bool)>, SignInError> {
        let client = self.parts.clients.find(client_id).await?;
        Ok(client.map(|known| (known.client.name.clone(), known.client.is_first_party)))
    }

    async fn shown(
        &self,
        session: ListedSession,
        client_ids: Vec<String>,
    ) -> Result<ShownSession, SignInError> {
        let app = match (session.kind(), &session.client_id) {
            (SessionKind::Client, Some(client_id)) => {
                let name = self.client_name(client_id).await?.map(|(name, _)| name);
                Some(name.unwrap_or_else(|| client_id.clone()))
            }
            _ => None,
        };
        let mut apps: Vec<String> = Vec::new();
        for client_id in client_ids {
            let name = self.client_name(&client_id).await?.map(|(name, _)| name);
            apps.extend(name.filter(|name| !apps.contains(name)));
        }
        Ok(ShownSession {
            id: session.id,
            device: session.device.user_agent.as_deref().map(device_words).unwrap_or_default(),
            address: session.device.address,
            app,
            apps,
            created_at_ms: session.created_at_ms,
            last_used_at_ms: session.last_used_at_ms,
        })
    }

    /// The clients that have live sessions below these browser sessions.
    async fn clients_below(&self, ids: Vec<Uuid>) -> Result<HashMap<Uuid, Vec<String>>, SignInError> {
        let now_ms = self.now_ms();
        let read = move |conn: &mut DbConnection| {
            let mut below = HashMap::with_capacity(ids.len());
            for id in &ids {
                let live = sessions::live_below(conn, *id, now_ms)?;
                below.insert(*id, live.into_iter().map(|session| session.client_id).collect());
            }
            Ok::<_, TokenError>(below)
        };
        Ok(self.parts.unit_of_work.database().read(read).await?)
    }
}
