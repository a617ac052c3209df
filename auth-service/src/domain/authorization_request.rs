//! Authorization requests (RFC 6749 §4.1.1, OpenID Connect Core §3.1.2.1): reads the parameters strictly.
//!
//! It happens in two steps. [`Parameters`] finds the client and the redirect URI, which must be known before any error
//! may be sent to the client. [`AuthorizationRequest::parse`] then reads everything else, and each of its errors goes
//! back to the client.

mod error;
mod parameters;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use shared_claims::scope::Scopes;

pub use self::error::AuthorizationError;
pub(in crate::domain) use self::parameters::decoded_pairs;
pub use self::parameters::{MAX_REQUEST_BYTES, Parameters, UnansweredRequest};
use super::{Client, CodeChallenge, GrantType, RequestedClaims};

/// The scope that makes a client's session outlive its browser session (OpenID Connect Core §11).
pub const OFFLINE_ACCESS: &str = "offline_access";

/// The response mode: the way in which the response reaches the client.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ResponseMode {
    /// In the query of a redirect.
    #[default]
    Query,
    /// In a form that the browser posts (OAuth 2.0 Form Post Response Mode).
    FormPost,
}

/// The redirect URI and the way in which the response to an authorization request is sent to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Callback {
    /// The redirect URI, as it was requested.
    pub redirect_uri: String,
    /// The response mode.
    pub mode: ResponseMode,
    /// The value of `state`, which is returned as it came.
    pub state: Option<String>,
}

/// What the client wants the user to be asked (OpenID Connect Core §3.1.2.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a value that may be combined with the others")]
pub struct Prompt {
    /// Nothing may be shown.
    pub none: bool,
    /// The user has to authenticate again.
    pub login: bool,
    /// The user has to be asked for consent, also for what was allowed before.
    pub consent: bool,
    /// The user has to be asked which account to use.
    pub select_account: bool,
}

impl Prompt {
    fn parse(text: &str) -> Result<Self, AuthorizationError> {
        let mut prompt = Self::default();
        for word in text.split_ascii_whitespace() {
            match word {
                "none" => prompt.none = true,
                "login" => prompt.login = true,
                "consent" => prompt.consent = true,
                "select_account" => prompt.select_account = true,
                _ => return Err(AuthorizationError::InvalidRequest("prompt has an unknown value")),
            }
        }
        if prompt.none && (prompt.login || prompt.consent || prompt.select_account) {
            return Err(AuthorizationError::InvalidRequest("prompt=none must stand alone"));
        }
        Ok(prompt)
    }
}

/// An authorization request whose client and redirect URI are known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthorizationRequest {
    /// The PKCE challenge, if the client sent one.
    pub challenge: Option<CodeChallenge>,
    /// The `nonce` of the `id_token`.
    pub nonce: Option<String>,
    /// The values of `prompt`: which questions the user has to be asked.
    pub prompt: Prompt,
    /// The longest time since the user authenticated, in seconds.
    pub max_age_s: Option<i64>,
    /// The name to fill in at the sign-in.
    pub login_hint: Option<String>,
    /// An `id_token` of the user for whom the answer must be.
    pub id_token_hint: Option<String>,
    /// What the parameter `claims` asks for.
    pub claims: RequestedClaims,
    /// What the client would be granted.
    pub grant: RequestedGrant,
}

/// What a request asks for, without what is unknown or not the client's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestedGrant {
    /// The scope of the tokens.
    pub scope: Scopes,
    /// The resources of the tokens.
    pub audience: Vec<String>,
    /// Single members of the userinfo response, beside those of the scope.
    pub userinfo_claims: BTreeSet<String>,
}

impl RequestedGrant {
    /// The scope that the user is asked to allow: a single requested claim counts as the scope that holds it.
    pub fn scope_to_allow(&self) -> Scopes {
        let implied = self.userinfo_claims.iter().filter_map(|claim| RequestedClaims::scope_of(claim));
        let words = self.scope.iter().chain(implied).collect::<Vec<_>>().join(" ");
        Scopes::parse(&words).unwrap_or_else(|_| self.scope.clone())
    }
}

/// The essential authentication context class of this release: one factor.
const ACR_ONE_FACTOR: &str = "aal1";

impl Callback {
    /// Where the answers to these parameters go, the errors of [`AuthorizationRequest::parse`] among them. `redirect_uri`
    /// is registered for the client.
    pub fn of(parameters: &Parameters, redirect_uri: &str) -> Self {
        let mode = match parameters.optional("response_mode") {
            Ok(Some("form_post")) => ResponseMode::FormPost,
            _ => ResponseMode::Query,
        };
        let state = parameters.state().map(str::to_owned);
        Self { redirect_uri: redirect_uri.to_owned(), mode, state }
    }
}

impl AuthorizationRequest {
    /// Reads the parameters of a request of this client.
    ///
    /// # Errors
    /// The error to send to the client.
    pub fn parse(parameters: &Parameters, client: &Client) -> Result<Self, AuthorizationError> {
        use AuthorizationError::InvalidRequest;
        let once = |name| parameters.optional(name);
        match once("response_mode")? {
            None | Some("query" | "form_post") => {}
            Some(_) => return Err(InvalidRequest("response_mode must be query or form_post")),
        }
        once("state")?;
        if once("request")?.is_some() {
            return Err(AuthorizationError::RequestNotSupported);
        }
        if once("request_uri")?.is_some() {
            return Err(AuthorizationError::RequestUriNotSupported);
        }
        match once("response_type")? {
            Some("code") => {}
            None => return Err(InvalidRequest("response_type is missing")),
            Some(_) => return Err(AuthorizationError::UnsupportedResponseType),
        }
        if !client.may(GrantType::AuthorizationCode) {
            return Err(AuthorizationError::UnauthorizedClient);
        }
        let challenge = challenge(once("code_challenge")?, once("code_challenge_method")?, client)?;
        let prompt = once("prompt")?.map(Prompt::parse).transpose()?.unwrap_or_default();
        let max_age_s = once("max_age")?.map(max_age).transpose()?;
        let claims = once("claims")?.map(RequestedClaims::parse).unwrap_or_default();
        if claims.essential_acr.as_ref().is_some_and(|values| !values.contains(ACR_ONE_FACTOR)) {
            return Err(AuthorizationError::UnmetAuthenticationRequirements);
        }
        for ignored in ["acr_values", "ui_locales", "display", "claims_locales"] {
            once(ignored)?;
        }
        let scope = once("scope")?;
        let grant = grant(scope, &parameters.values("resource").collect::<Vec<_>>(), &claims, client)?;
        Ok(Self {
            challenge,
            nonce: once("nonce")?.map(str::to_owned),
            prompt,
            max_age_s,
            login_hint: once("login_hint")?.map(str::to_owned),
            id_token_hint: once("id_token_hint")?.map(str::to_owned),
            claims,
            grant,
        })
    }
}

/// PKCE (RFC 7636) with S256, which public clients have to use and confidential ones unless they were created otherwise.
fn challenge(
    challenge: Option<&str>,
    method: Option<&str>,
    client: &Client,
) -> Result<Option<CodeChallenge>, AuthorizationError> {
    use AuthorizationError::InvalidRequest;
    match (challenge, method) {
        (Some(text), Some("S256")) => {
            let parsed = CodeChallenge::parse(text);
            parsed.map(Some).ok_or(InvalidRequest("code_challenge must be the base64url of a SHA-256 digest"))
        }
        (Some(_), _) => Err(InvalidRequest("code_challenge_method must be S256")),
        (None, Some(_)) => Err(InvalidRequest("code_challenge_method was given without code_challenge")),
        (None, None) if client.pkce_optional && !client.is_public => Ok(None),
        (None, None) => Err(InvalidRequest(
            "code_challenge is missing: this client has to use PKCE (only a confidential client may be created with \
             --pkce-optional)",
        )),
    }
}

fn max_age(text: &str) -> Result<i64, AuthorizationError> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let seconds = text.parse().ok().filter(|_| digits);
    seconds.ok_or(AuthorizationError::InvalidRequest("max_age must be a number of seconds"))
}

fn grant(
    scope: Option<&str>,
    resources: &[&str],
    claims: &RequestedClaims,
    client: &Client,
) -> Result<RequestedGrant, AuthorizationError> {
    let asked = scope.map(Scopes::parse).transpose().map_err(|_| AuthorizationError::InvalidScope)?;
    let mut scope = asked.map_or_else(|| client.scopes.clone(), |asked| asked.intersection(&client.scopes));
    if !client.may(GrantType::RefreshToken) {
        scope = scope.without(OFFLINE_ACCESS);
    }
    if scope.is_empty() {
        return Err(AuthorizationError::InvalidScope);
    }
    let allowed = |claim: &&String| {
        RequestedClaims::scope_of(claim)
            .is_some_and(|holder| client.scopes.contains(holder) && !scope.contains(holder))
    };
    let userinfo_claims = claims.userinfo.iter().filter(allowed).cloned().collect();
    let has = |resource: &&str| client.audiences.iter().any(|audience| audience == *resource);
    let resources: Vec<_> = resources.iter().filter(|resource| !resource.is_empty()).copied().collect();
    if !resources.iter().all(has) {
        return Err(AuthorizationError::InvalidTarget);
    }
    let mut audience = client.audiences.clone();
    if !resources.is_empty() {
        audience.retain(|audience| resources.contains(&audience.as_str()));
    }
    Ok(RequestedGrant { scope, audience, userinfo_claims })
}
