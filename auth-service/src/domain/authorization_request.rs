//! Authorization requests (RFC 6749 §4.1.1, OpenID Connect Core §3.1.2.1): reads the parameters strictly.
//!
//! It happens in two steps. [`Parameters`] finds the client and the redirect URI, which must be known before any error
//! may be sent to the client. [`AuthorizationRequest::parse`] then reads everything else, and each of its errors goes
//! back to the client.

use std::collections::BTreeSet;

use percent_encoding::percent_decode_str;
use shared_claims::scope::Scopes;

use super::{Client, CodeChallenge, GrantType, RequestedClaims};

/// The longest authorization request, in bytes of its encoded parameters.
pub const MAX_REQUEST_BYTES: usize = 4096;

/// The scope that makes a client's session outlive its browser session (OpenID Connect Core §11).
pub const OFFLINE_ACCESS: &str = "offline_access";

/// The decoded parameters of an authorization request, as they were sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameters(Vec<(String, String)>);

/// The request names no client or redirect URI that could receive an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnansweredRequest {
    /// The parameters are too long.
    #[error("the request is longer than {MAX_REQUEST_BYTES} bytes")]
    TooLong,
    /// The parameters are not encoded correctly.
    #[error("the parameters are not application/x-www-form-urlencoded")]
    Malformed,
    /// `client_id` is missing.
    #[error("client_id is missing")]
    NoClient,
    /// `client_id` was given twice.
    #[error("client_id was given more than once")]
    SeveralClients,
    /// `redirect_uri` is missing.
    #[error("redirect_uri is missing")]
    NoRedirectUri,
    /// `redirect_uri` was given twice.
    #[error("redirect_uri was given more than once")]
    SeveralRedirectUris,
    /// There is no such client, or it was disabled.
    #[error("the client is unknown")]
    UnknownClient,
    /// The redirect URI is not registered for the client.
    #[error("the redirect_uri is not registered for this client")]
    UnknownRedirectUri,
}

impl Parameters {
    /// Decodes `application/x-www-form-urlencoded` text.
    ///
    /// # Errors
    /// If it is too long, or if a name or value is not UTF-8 after decoding: `state` could not be returned as it was.
    pub fn parse(encoded: &str) -> Result<Self, UnansweredRequest> {
        if encoded.len() > MAX_REQUEST_BYTES {
            return Err(UnansweredRequest::TooLong);
        }
        let decoded = |text: &str| {
            let spaced = text.replace('+', " ");
            let decoded = percent_decode_str(&spaced).decode_utf8().map(std::borrow::Cow::into_owned);
            decoded.map_err(|_| UnansweredRequest::Malformed)
        };
        encoded
            .split('&')
            .filter(|pair| !pair.is_empty())
            .map(|pair| {
                let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
                Ok((decoded(name)?, decoded(value)?))
            })
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// The parameters, encoded again.
    pub fn encode(&self) -> String {
        url::form_urlencoded::Serializer::new(String::new()).extend_pairs(&self.0).finish()
    }

    /// The client's id.
    ///
    /// # Errors
    /// If it is missing or was given twice.
    pub fn client_id(&self) -> Result<&str, UnansweredRequest> {
        self.single("client_id", UnansweredRequest::NoClient, UnansweredRequest::SeveralClients)
    }

    /// The redirect URI, if the client may use it.
    ///
    /// # Errors
    /// If it is missing, was given twice, or is not one of the client's.
    pub fn redirect_uri(&self, client: &Client) -> Result<&str, UnansweredRequest> {
        let (none, several) = (UnansweredRequest::NoRedirectUri, UnansweredRequest::SeveralRedirectUris);
        let asked = self.single("redirect_uri", none, several)?;
        let is_registered = client.redirect_uris.iter().any(|registered| registered.allows(asked));
        if is_registered { Ok(asked) } else { Err(UnansweredRequest::UnknownRedirectUri) }
    }

    /// Whether nothing may be shown to the person (`prompt=none`).
    pub fn is_silent(&self) -> bool {
        self.values("prompt").any(|value| value.split_ascii_whitespace().any(|word| word == "none"))
    }

    /// The value of `ui_locales`, if it was given once.
    pub fn ui_locales(&self) -> Option<&str> {
        self.optional("ui_locales").ok().flatten()
    }

    fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    fn single(
        &self,
        name: &'static str,
        none: UnansweredRequest,
        several: UnansweredRequest,
    ) -> Result<&str, UnansweredRequest> {
        let mut values = self.values(name);
        match (values.next(), values.next()) {
            (None | Some(""), None) => Err(none),
            (Some(value), None) => Ok(value),
            (_, Some(_)) => Err(several),
        }
    }

    /// A parameter that may be given once. An empty value counts as absent (RFC 6749 §3.1).
    fn optional(&self, name: &'static str) -> Result<Option<&str>, AuthorizationError> {
        let mut values = self.values(name);
        match (values.next(), values.next()) {
            (_, Some(_)) => Err(AuthorizationError::InvalidRequest("a parameter was given more than once")),
            (value, None) => Ok(value.filter(|value| !value.is_empty())),
        }
    }

    /// `state` as it came, also an empty one; `None` if it was given twice, since neither is certain.
    fn state(&self) -> Option<&str> {
        let mut values = self.values("state");
        values.next().filter(|_| values.next().is_none())
    }
}

/// The error codes that are sent to a client (RFC 6749 §4.1.2.1, OpenID Connect Core §3.1.2.6, RFC 8707 §2,
/// OpenID Connect Unmet Authentication Requirements).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "named as the standards name them")]
pub enum AuthorizationError {
    /// With a text for the client's developer.
    InvalidRequest(&'static str),
    UnauthorizedClient,
    AccessDenied,
    UnsupportedResponseType,
    InvalidScope,
    InvalidTarget,
    ServerError,
    TemporarilyUnavailable,
    LoginRequired,
    ConsentRequired,
    InteractionRequired,
    RequestNotSupported,
    RequestUriNotSupported,
    UnmetAuthenticationRequirements,
}

impl AuthorizationError {
    /// The value of `error`.
    pub fn code(self) -> &'static str {
        match self {
            Self::InvalidRequest(_) => "invalid_request",
            Self::UnauthorizedClient => "unauthorized_client",
            Self::AccessDenied => "access_denied",
            Self::UnsupportedResponseType => "unsupported_response_type",
            Self::InvalidScope => "invalid_scope",
            Self::InvalidTarget => "invalid_target",
            Self::ServerError => "server_error",
            Self::TemporarilyUnavailable => "temporarily_unavailable",
            Self::LoginRequired => "login_required",
            Self::ConsentRequired => "consent_required",
            Self::InteractionRequired => "interaction_required",
            Self::RequestNotSupported => "request_not_supported",
            Self::RequestUriNotSupported => "request_uri_not_supported",
            Self::UnmetAuthenticationRequirements => "unmet_authentication_requirements",
        }
    }

    /// The value of `error_description`: what the client's developer can do.
    pub fn description(self) -> &'static str {
        match self {
            Self::InvalidRequest(what) => what,
            Self::UnauthorizedClient => "the client may not use the grant authorization_code",
            Self::AccessDenied => "the user refused the request",
            Self::UnsupportedResponseType => "response_type must be code",
            Self::InvalidScope => "none of the requested scopes is allowed for the client",
            Self::InvalidTarget => "a requested resource is not one of the client's audiences",
            Self::ServerError => "the request failed, try again later",
            Self::TemporarilyUnavailable => "the service is busy, try again in a few seconds",
            Self::LoginRequired => "the user has to sign in",
            Self::ConsentRequired => "the user has to allow the request",
            Self::InteractionRequired => "the user has to continue on a page",
            Self::RequestNotSupported => "the parameter request is not supported",
            Self::RequestUriNotSupported => "the parameter request_uri is not supported",
            Self::UnmetAuthenticationRequirements => "no requested acr can be met",
        }
    }
}

/// How the answer reaches the client.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ResponseMode {
    /// In the query of a redirect.
    #[default]
    Query,
    /// In a form that the browser posts (OAuth 2.0 Form Post Response Mode).
    FormPost,
}

/// Where an answer is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Callback {
    /// The redirect URI, as it was requested.
    pub redirect_uri: String,
    /// How the answer reaches it.
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
    /// What the user has to be asked.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{ClientId, RedirectUri};

    const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

    fn client(change: impl FnOnce(&mut Client)) -> Client {
        let mut client = Client {
            name: "Web".to_owned(),
            grants: vec![GrantType::AuthorizationCode, GrantType::RefreshToken],
            scopes: Scopes::parse("openid profile email offline_access todos:read").unwrap(),
            audiences: vec!["todo-service".to_owned(), "other".to_owned()],
            redirect_uris: vec![RedirectUri::parse("https://rp.example/cb").unwrap()],
            ..Client::blank(ClientId::parse("web1").unwrap(), 0)
        };
        change(&mut client);
        client
    }

    /// A valid request, with these parameters instead of or beside its own; an empty text leaves one out.
    fn request(changes: &[(&str, &str)]) -> Result<AuthorizationRequest, AuthorizationError> {
        request_of(&client(|_| {}), changes)
    }

    fn request_of(
        client: &Client,
        changes: &[(&str, &str)],
    ) -> Result<AuthorizationRequest, AuthorizationError> {
        let base = [
            ("response_type", "code"),
            ("client_id", "web1"),
            ("redirect_uri", "https://rp.example/cb"),
            ("scope", "openid"),
            ("state", "xyz"),
            ("nonce", "n1"),
            ("code_challenge", CHALLENGE),
            ("code_challenge_method", "S256"),
        ];
        let kept = base.iter().filter(|(name, _)| !changes.iter().any(|(changed, _)| changed == name));
        let pairs = kept.chain(changes.iter().filter(|(_, value)| !value.is_empty()));
        let encoded = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
        AuthorizationRequest::parse(&Parameters::parse(&encoded).unwrap(), client)
    }

    #[test]
    fn harmless_requests_are_taken() {
        for changes in [
            &[][..],
            &[("state", "")],
            &[("nonce", "")],
            &[("foo", "bar")],
            &[("prompt", "login consent")],
            &[("max_age", "0")],
            &[("acr_values", "urn:x aal2"), ("ui_locales", "xx de"), ("display", "popup")],
            &[("claims", "{ no JSON")],
            &[("scope", "openid nonsense profile")],
        ] {
            assert!(request(changes).is_ok(), "{changes:?}: {:?}", request(changes));
        }
    }

    #[test]
    fn each_error_has_the_code_of_its_standard() {
        for (changes, code) in [
            (&[("response_type", "")][..], "invalid_request"),
            (&[("response_type", "token")], "unsupported_response_type"),
            (&[("response_type", "code id_token")], "unsupported_response_type"),
            (&[("response_mode", "nonsense")], "invalid_request"),
            (&[("response_mode", "fragment")], "invalid_request"),
            (&[("request", "e30")], "request_not_supported"),
            (&[("request_uri", "https://rp.example/r")], "request_uri_not_supported"),
            (&[("code_challenge", "")], "invalid_request"),
            (&[("code_challenge_method", "")], "invalid_request"),
            (&[("code_challenge_method", "plain")], "invalid_request"),
            (&[("code_challenge", "short")], "invalid_request"),
            (&[("code_challenge", ""), ("code_challenge_method", "")], "invalid_request"),
            (&[("prompt", "none login")], "invalid_request"),
            (&[("prompt", "create")], "invalid_request"),
            (&[("max_age", "-1")], "invalid_request"),
            (&[("max_age", "abc")], "invalid_request"),
            (&[("max_age", "+1")], "invalid_request"),
            (&[("scope", "nonsense")], "invalid_scope"),
            (&[("scope", "a\"b")], "invalid_scope"),
            (&[("resource", "unknown")], "invalid_target"),
            (&[("nonce", "1"), ("nonce", "2")], "invalid_request"),
            (&[("state", "1"), ("state", "2")], "invalid_request"),
            (
                &[("claims", r#"{"id_token":{"acr":{"essential":true,"values":["aal2"]}}}"#)],
                "unmet_authentication_requirements",
            ),
        ] {
            assert_eq!(request(changes).map_err(AuthorizationError::code), Err(code), "{changes:?}");
        }
        let other = client(|client| client.grants = vec![GrantType::ClientCredentials]);
        assert_eq!(request_of(&other, &[]), Err(AuthorizationError::UnauthorizedClient));
    }

    #[test]
    fn pkce_may_be_left_out_only_where_the_client_was_created_so() {
        let without = [("code_challenge", ""), ("code_challenge_method", "")];
        let optional = client(|client| client.pkce_optional = true);
        assert_eq!(request_of(&optional, &without).unwrap().challenge, None);
        let public = client(|client| (client.pkce_optional, client.is_public) = (true, true));
        assert!(request_of(&public, &without).is_err());
    }

    #[test]
    fn the_grant_is_what_was_asked_for_and_what_the_client_may_have() {
        let grant = |changes: &[(&str, &str)]| request(changes).unwrap().grant;
        assert_eq!(grant(&[("scope", "todos:read x openid")]).scope.to_string(), "todos:read openid");
        assert_eq!(grant(&[("scope", "")]).scope, client(|_| {}).scopes);
        assert_eq!(grant(&[]).audience, ["todo-service", "other"]);
        assert_eq!(grant(&[("resource", "other"), ("resource", "other")]).audience, ["other"]);
        let once = client(|client| client.grants = vec![GrantType::AuthorizationCode]);
        let asked = request_of(&once, &[("scope", "openid offline_access")]).unwrap();
        assert_eq!(asked.grant.scope.to_string(), "openid");
        assert_eq!(request_of(&once, &[("scope", "offline_access")]), Err(AuthorizationError::InvalidScope));
    }

    #[test]
    fn a_single_claim_counts_as_its_scope_and_gives_only_itself() {
        let claims = r#"{"userinfo": {"name": null, "email": null, "phone_number": null}}"#;
        let grant = request(&[("claims", claims), ("scope", "openid email")]).unwrap().grant;
        assert_eq!(grant.userinfo_claims, BTreeSet::from(["name".to_owned()]), "phone is not the client's");
        assert_eq!(grant.scope.to_string(), "openid email");
        assert_eq!(grant.scope_to_allow().to_string(), "openid email profile");
    }

    #[test]
    fn a_request_that_cannot_be_answered_is_told_apart() {
        let parse = |encoded: &str| Parameters::parse(encoded).unwrap();
        let client = client(|_| {});
        for (encoded, expected) in [
            ("", UnansweredRequest::NoClient),
            ("client_id=", UnansweredRequest::NoClient),
            ("client_id=a&client_id=a", UnansweredRequest::SeveralClients),
        ] {
            assert_eq!(parse(encoded).client_id(), Err(expected), "{encoded}");
        }
        for (encoded, expected) in [
            ("client_id=a", UnansweredRequest::NoRedirectUri),
            (
                "redirect_uri=https://rp.example/cb&redirect_uri=https://rp.example/cb",
                UnansweredRequest::SeveralRedirectUris,
            ),
            ("redirect_uri=https://rp.example/cb/", UnansweredRequest::UnknownRedirectUri),
            ("redirect_uri=https://rp.example/cb%20", UnansweredRequest::UnknownRedirectUri),
            ("redirect_uri=https%3A%2F%2FRP.example%2Fcb", UnansweredRequest::UnknownRedirectUri),
        ] {
            assert_eq!(parse(encoded).redirect_uri(&client), Err(expected), "{encoded}");
        }
        assert_eq!(
            parse("redirect_uri=https%3A%2F%2Frp.example%2Fcb").redirect_uri(&client),
            Ok("https://rp.example/cb")
        );
        assert_eq!(Parameters::parse("state=%ff"), Err(UnansweredRequest::Malformed));
        assert_eq!(Parameters::parse(&"a".repeat(4097)), Err(UnansweredRequest::TooLong));
    }

    #[test]
    fn state_is_kept_as_it_came() {
        let callback =
            |encoded: &str| Callback::of(&Parameters::parse(encoded).unwrap(), "https://rp.example/cb");
        for (encoded, state) in [
            ("state=a%2Bb%2Fc%3D%3D", Some("a+b/c==")),
            ("state=%257B%2522x", Some("%7B%22x")),
            ("state=~-._", Some("~-._")),
            ("state=a+b", Some("a b")),
            ("state=", Some("")),
            ("", None),
            ("state=1&state=2", None),
        ] {
            assert_eq!(callback(encoded).state.as_deref(), state, "{encoded}");
        }
        assert_eq!(callback("response_mode=form_post").mode, ResponseMode::FormPost);
        assert_eq!(callback("response_mode=nonsense").mode, ResponseMode::Query);
        let odd = Parameters::parse("state=a%2Bb+c%25&x=%C3%A4&y").unwrap();
        assert_eq!(Parameters::parse(&odd.encode()), Ok(odd));
    }
}
