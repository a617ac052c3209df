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

fn request_of(client: &Client, changes: &[(&str, &str)]) -> Result<AuthorizationRequest, AuthorizationError> {
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
