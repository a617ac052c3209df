//! Responses of the hosted pages: the headers of pages, redirects, and answers for clients.

use actix_web::http::StatusCode;
use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_LANGUAGE, CONTENT_SECURITY_POLICY, HeaderName, HeaderValue, LOCATION,
    REFERRER_POLICY, RETRY_AFTER,
};
use actix_web::web::Bytes;
use actix_web::{HttpResponse, HttpResponseBuilder};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use url::Url;

use super::RequestPages;
use crate::domain::authorization_request::{ResponseMode, UnansweredRequest};
use crate::domain::{Initiator, Throttled};
use crate::pages::{ErrorKind, ErrorPage, FormNotice, FormPost, Locale, Page, Pages};
use crate::sign_in::{ClientResponse, SignInError};

/// Without `form-action`: browsers apply that directive to every redirect after a post, also to those that the client makes
/// itself, so a page whose form can end at a client must not have it.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; \
                      frame-ancestors 'none'; base-uri 'none'; require-trusted-types-for 'script'; trusted-types 'none'";

const POLICY_OF_OWN_FORMS: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; \
                                   form-action 'self'; frame-ancestors 'none'; base-uri 'none'; \
                                   require-trusted-types-for 'script'; trusted-types 'none'";

/// Everything off but passkeys.
const PERMISSIONS: &str = "accelerometer=(), autoplay=(), camera=(), display-capture=(), encrypted-media=(), \
                           fullscreen=(), geolocation=(), gyroscope=(), magnetometer=(), microphone=(), midi=(), \
                           payment=(), picture-in-picture=(), publickey-credentials-create=(self), \
                           publickey-credentials-get=(self), screen-wake-lock=(), usb=(), xr-spatial-tracking=()";

/// Everything but the unreserved characters of RFC 3986 §2.3. A space becomes `%20`, which every decoder understands.
const VALUE: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Encodes a value for a query.
pub(super) fn encoded(value: &str) -> String {
    utf8_percent_encode(value, VALUE).to_string()
}

fn with_page_headers(pages: &RequestPages, status: StatusCode, leads_to_client: bool) -> HttpResponseBuilder {
    let policy = if leads_to_client { POLICY } else { POLICY_OF_OWN_FORMS };
    let mut response = HttpResponse::build(status);
    response
        .insert_header((CONTENT_SECURITY_POLICY, policy))
        // With `no-referrer` browsers send `Origin: null` for our own forms, and with `same-origin` for the `form_post`
        // page.
        .insert_header((REFERRER_POLICY, "strict-origin"))
        .insert_header((CACHE_CONTROL, "no-store"))
        .insert_header((HeaderName::from_static("permissions-policy"), PERMISSIONS));
    if let Some(choice) = pages.new_choice() {
        response.cookie(choice);
    }
    response
}

/// Redirects to another page of ours. `path` begins with a slash and is below the base path.
pub(super) fn see_page(pages: &RequestPages, path: &str) -> HttpResponse {
    with_page_headers(pages, StatusCode::SEE_OTHER, true)
        .insert_header((LOCATION, format!("{}{path}", pages.base_path)))
        .finish()
}

fn html(pages: &RequestPages, status: StatusCode, leads_to_client: bool) -> HttpResponseBuilder {
    let mut response = with_page_headers(pages, status, leads_to_client);
    response
        .insert_header((CONTENT_LANGUAGE, pages.locale().lang()))
        .content_type("text/html; charset=utf-8");
    response
}

/// A page that is the same for everybody, rendered once in each language.
#[derive(Clone)]
pub(super) struct SharedPage {
    leads_to_client: bool,
    html: [(Locale, Bytes); Locale::ALL.len()],
}

impl SharedPage {
    pub(super) fn new(pages: &Pages, page: &Page) -> Self {
        let leads_to_client = pages.render(Locale::default(), page).leads_to_client;
        Self {
            leads_to_client,
            html: Locale::ALL.map(|locale| (locale, pages.render(locale, page).html.into())),
        }
    }

    /// Shows the page.
    pub(super) fn show(&self, pages: &RequestPages) -> HttpResponse {
        let locale = pages.locale();
        let rendered = self.html.iter().find(|(found, _)| *found == locale);
        let body = rendered.map(|(_, html)| html.clone()).unwrap_or_default();
        html(pages, StatusCode::OK, self.leads_to_client).body(body)
    }
}

/// Shows a page.
pub(super) fn show(pages: &RequestPages, status: StatusCode, page: &Page) -> HttpResponse {
    let rendered = pages.pages.render(pages.locale(), page);
    let mut response = html(pages, status, rendered.leads_to_client);
    if page.is_of_account() {
        response.insert_header((HeaderName::from_static("cross-origin-opener-policy"), "same-origin"));
    }
    if status == StatusCode::SERVICE_UNAVAILABLE {
        response.insert_header((RETRY_AFTER, HeaderValue::from_static("1")));
    }
    response.body(rendered.html)
}

/// The notice of a form that was not tried because of a rate limit.
pub(super) fn throttled_notice(Throttled { retry_after_s }: Throttled) -> FormNotice {
    FormNotice::Throttled { seconds: u64::from(retry_after_s) }
}

/// Adds to a page that says how long to wait the same for programs.
pub(super) fn with_retry_after(
    mut response: HttpResponse,
    Throttled { retry_after_s }: Throttled,
) -> HttpResponse {
    response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(retry_after_s));
    response
}

/// Shows an error page. `client_id` is what the caller sent.
pub(super) fn show_error(
    pages: &RequestPages,
    initiator: &Initiator,
    kind: ErrorKind,
    code: &str,
    client_id: Option<&str>,
) -> HttpResponse {
    let status = match kind {
        ErrorKind::BadLink => StatusCode::BAD_REQUEST,
        ErrorKind::ForeignForm => StatusCode::FORBIDDEN,
        ErrorKind::NotFound => StatusCode::NOT_FOUND,
        ErrorKind::ServerError => StatusCode::INTERNAL_SERVER_ERROR,
    };
    show(pages, status, &error_page(pages, initiator, kind, code, client_id))
}

fn error_page(
    pages: &RequestPages,
    initiator: &Initiator,
    kind: ErrorKind,
    code: &str,
    client_id: Option<&str>,
) -> Page {
    Page::Error(ErrorPage {
        kind,
        code: code.to_owned(),
        request_id: initiator.request_id.clone().unwrap_or_default(),
        time: service_kit::timestamp::rfc3339(pages.sign_ins.now_ms()),
        client_id: client_id.map(str::to_owned),
    })
}

/// The page for a request that cannot be answered to its client (RFC 6749 §3.1.2.4).
pub(super) fn show_unanswered(
    pages: &RequestPages,
    initiator: &Initiator,
    unanswered: UnansweredRequest,
    client_id: Option<&str>,
) -> HttpResponse {
    tracing::warn!(client_id, error = %unanswered, "authorization.unanswered");
    let code = match unanswered {
        UnansweredRequest::UnknownClient => "unknown_client",
        UnansweredRequest::UnknownRedirectUri => "unknown_redirect_uri",
        UnansweredRequest::NoRedirectUri | UnansweredRequest::SeveralRedirectUris => "invalid_redirect_uri",
        UnansweredRequest::NoClient | UnansweredRequest::SeveralClients => "invalid_client_id",
        UnansweredRequest::TooLong => "request_too_long",
        UnansweredRequest::Malformed => "malformed_request",
    };
    show_error(pages, initiator, ErrorKind::BadLink, code, client_id)
}

/// The page for a failure of ours.
pub(super) fn show_failure(pages: &RequestPages, initiator: &Initiator, error: &SignInError) -> HttpResponse {
    if error.is_transient() {
        tracing::warn!(%error, "sign_in.unavailable");
        let page = error_page(pages, initiator, ErrorKind::ServerError, "temporarily_unavailable", None);
        return show(pages, StatusCode::SERVICE_UNAVAILABLE, &page);
    }
    tracing::error!(%error, "sign_in.failed");
    show_error(pages, initiator, ErrorKind::ServerError, "server_error", None)
}

/// Sends an answer to its client: by a redirect, or by a form that the browser posts.
pub(super) fn to_client(pages: &RequestPages, response: &ClientResponse) -> HttpResponse {
    let ClientResponse { client_name, callback, outcome } = response;
    let mut fields: Vec<(&str, &str)> = Vec::new();
    match outcome {
        Ok(code) => fields.push(("code", code.expose())),
        Err(error) => {
            fields.push(("error", error.code()));
            fields.push(("error_description", error.description()));
        }
    }
    if let Some(state) = &callback.state {
        fields.push(("state", state));
    }
    fields.push(("iss", &pages.issuer));
    match callback.mode {
        ResponseMode::Query => redirect_to_client(pages, &callback.redirect_uri, &fields),
        ResponseMode::FormPost => {
            let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
            let page = Page::FormPost(FormPost {
                app: client_name.clone(),
                action: callback.redirect_uri.clone(),
                fields: fields.iter().map(owned).collect(),
            });
            show(pages, StatusCode::OK, &page)
        }
    }
}

/// Sends a person back to the client that asked for the sign-out (RP-Initiated Logout 1.0 §3).
pub(super) fn back_to_client(pages: &RequestPages, redirect_uri: &str, state: Option<&str>) -> HttpResponse {
    let fields: Vec<_> = state.map(|state| ("state", state)).into_iter().collect();
    redirect_to_client(pages, redirect_uri, &fields)
}

/// Redirects to a URI that is registered for a client. The URI keeps its own query.
fn redirect_to_client(pages: &RequestPages, uri: &str, fields: &[(&str, &str)]) -> HttpResponse {
    let pairs: Vec<_> = fields.iter().map(|(name, value)| format!("{name}={}", encoded(value))).collect();
    let location = match (pairs.is_empty(), uri.contains('?')) {
        (true, _) => uri.to_owned(),
        (false, true) => format!("{uri}&{}", pairs.join("&")),
        (false, false) => format!("{uri}?{}", pairs.join("&")),
    };
    with_page_headers(pages, StatusCode::SEE_OTHER, true).insert_header((LOCATION, location)).finish()
}

/// The host of a redirect URI, for people; `None` where only this device receives the answer.
pub(super) fn host_of(redirect_uri: &str) -> Option<String> {
    if crate::domain::RedirectUri::is_on_device(redirect_uri) {
        return None;
    }
    let url = Url::parse(redirect_uri).ok()?;
    let host = url.host_str()?.to_owned();
    Some(url.port().map_or_else(|| host.clone(), |port| format!("{host}:{port}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_encoded_so_that_every_decoder_reads_them_back() {
        for (value, expected) in [
            ("~-._aZ9", "~-._aZ9"),
            ("a b", "a%20b"),
            ("a+b/c==", "a%2Bb%2Fc%3D%3D"),
            ("ä✓", "%C3%A4%E2%9C%93"),
            ("a;b&c=d#e", "a%3Bb%26c%3Dd%23e"),
            ("\r\nSet-Cookie: x", "%0D%0ASet-Cookie%3A%20x"),
        ] {
            assert_eq!(encoded(value), expected);
        }
    }

    #[test]
    fn a_person_sees_where_an_answer_goes() {
        for (uri, host) in [
            ("https://rp.example/cb", Some("rp.example")),
            ("https://rp.example:8443/cb", Some("rp.example:8443")),
            ("http://127.0.0.1:5000/cb", None),
            ("com.example.app:/cb", None),
        ] {
            assert_eq!(host_of(uri).as_deref(), host, "{uri}");
        }
    }
}
