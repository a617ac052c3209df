//! A sign-in in progress. Its page carries it, sealed; nothing is stored for it.

use serde::{Deserialize, Serialize};
use shared_claims::scope::Scopes;
use uuid::Uuid;

use crate::domain::Consent;
use crate::domain::authorization_request::{Parameters, UnansweredRequest};

/// How long a page may be open before its request begins anew, in milliseconds.
const FRESH_MS: i64 = 3_600_000;

/// A sign-in in progress. It is no authority: whoever opens one judges client, redirect URI, scope and session as they are
/// then. The short names of the members keep addresses short.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PendingSignIn {
    /// The parameters of the authorization request, encoded.
    #[serde(rename = "q")]
    query: String,
    /// When it began, in milliseconds.
    #[serde(rename = "b")]
    began_at_ms: i64,
    /// The account that the page named, if the page asked for no password.
    #[serde(rename = "a", default, skip_serializing_if = "Option::is_none")]
    account: Option<Uuid>,
    /// The scopes that a consent page showed.
    #[serde(rename = "s", default, skip_serializing_if = "Option::is_none")]
    scope: Option<String>,
    /// The resources that a consent page asked for.
    #[serde(rename = "r", default, skip_serializing_if = "Vec::is_empty")]
    audience: Vec<String>,
}

impl PendingSignIn {
    /// A sign-in that begins now with this request.
    pub fn new(parameters: &Parameters, now_ms: i64) -> Self {
        let query = parameters.encode();
        Self { query, began_at_ms: now_ms, account: None, scope: None, audience: Vec::new() }
    }

    /// The parameters of the request.
    ///
    /// # Errors
    /// Only if a release with other limits sealed them.
    pub fn parameters(&self) -> Result<Parameters, UnansweredRequest> {
        Parameters::parse(&self.query)
    }

    /// When it began, in milliseconds. A page that was open for more than an hour begins anew now.
    pub fn began_at_ms(&self, now_ms: i64) -> i64 {
        if now_ms.saturating_sub(self.began_at_ms) > FRESH_MS { now_ms } else { self.began_at_ms }
    }

    /// The account that the page named.
    pub fn account(&self) -> Option<Uuid> {
        self.account
    }

    /// What a consent page asked to allow.
    pub fn shown_consent(&self) -> Option<Consent> {
        let scope = Scopes::parse(self.scope.as_deref()?).ok()?;
        Some(Consent { scope, audience: self.audience.clone() })
    }

    /// The same sign-in for a page that names this account.
    #[must_use]
    pub fn naming(&self, account: Uuid) -> Self {
        Self { account: Some(account), scope: None, audience: Vec::new(), ..self.clone() }
    }

    /// The same sign-in for a consent page that names this account and shows these scopes.
    #[must_use]
    pub fn asking(&self, account: Uuid, scopes: &[String], audience: &[String]) -> Self {
        let scope = Some(scopes.join(" "));
        Self { account: Some(account), scope, audience: audience.to_vec(), ..self.clone() }
    }

    /// The same sign-in after a sign-in at this time was found to satisfy it. Another replica's clock may be ahead of the
    /// one that noted the beginning; later steps must not ask again because of that.
    #[must_use]
    pub fn satisfied_by(&self, signed_in_at_ms: i64) -> Self {
        let began_at_ms = self.began_at_ms.min(signed_in_at_ms.saturating_sub(1));
        Self { began_at_ms, ..self.clone() }
    }

    /// The same sign-in for a form that asks for a name and a password.
    #[must_use]
    pub fn naming_nobody(&self) -> Self {
        Self { account: None, scope: None, audience: Vec::new(), ..self.clone() }
    }
}
