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

use super::HostedPages;
use crate::domain::Initiator;
use crate::domain::authorization_request::{ResponseMode, UnansweredRequest};
use crate::pages::{ErrorKind, ErrorPage, FormPost, Locale, Page, Pages};
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

fn with_page_headers(status: StatusCode, leads_to_client: bool) -> HttpResponseBuilder {
    let policy = if leads_to_client { POLICY } else { POLICY_OF_OWN_FORMS };
    let mut response = HttpResponse::build(status);
    response
        .insert_header((CONTENT_SECURITY_POLICY, policy))
        // With `no-referrer` browsers send `Origin: null` for our own forms, and with `same-origin` for the `form_post`
        // page.
        .insert_header((REFERRER_POLICY, "strict-origin"))
        .insert_header((CACHE_CONTROL, "no-store"))
        .insert_header((HeaderName::from_static("permissions-policy"), PERMISSIONS));
    response
}

/// Redirects to another page of ours. `path` begins with a slash and is below the base path.
pub(super) fn see_page(pages: &HostedPages, path: &str) -> HttpResponse {
    with_page_headers(StatusCode::SEE_OTHER, true)
        .insert_header((LOCATION, format!("{}{path}", pages.base_path)))
        .finish()
}

fn html(status: StatusCode, locale: Locale, leads_to_client: bool) -> HttpResponseBuilder {
    let mut response = with_page_headers(status, leads_to_client);
    response.insert_header((CONTENT_LANGUAGE, locale.lang())).content_type("text/html; charset=utf-8");
    response
}

/// A page that is the same for everybody, rendered once.
#[derive(Clone, Debug)]
pub(super) struct SharedPage {
    locale: Locale,
    leads_to_client: bool,
    html: Bytes,
}

impl SharedPage {
    pub(super) fn new(pages: &Pages, page: &Page) -> Self {
        let locale = Locale::English;
        let rendered = pages.render(locale, page);
        Self { locale, leads_to_client: rendered.leads_to_client, html: rendered.html.into() }
    }

    /// Shows the page.
    pub(super) fn show(&self) -> HttpResponse {
        html(StatusCode::OK, self.locale, self.leads_to_client).body(self.html.clone())
    }
}

/// Shows a page.
pub(super) fn show(pages: &HostedPages, status: StatusCode, page: &Page) -> HttpResponse {
    let locale = Locale::English;
    let rendered = pages.pages.render(locale, page);
    let mut response = html(status, locale, rendered.leads_to_client);
    if matches!(page, Page::Account(_)) {
        response.insert_header((HeaderName::from_static("cross-origin-opener-policy"), "same-origin"));
    }
    if status == StatusCode::SERVICE_UNAVAILABLE {
        response.insert_header((RETRY_AFTER, HeaderValue::from_static("1")));
    }
    response.body(rendered.html)
}

/// Shows an error page. `client_id` is what the caller sent.
pub(super) fn show_error(
    pages: &HostedPages,
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
    pages: &HostedPages,
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
    pages: &HostedPages,
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
pub(super) fn show_failure(pages: &HostedPages, initiator: &Initiator, error: &SignInError) -> HttpResponse {
    if error.is_transient() {
        tracing::warn!(%error, "sign_in.unavailable");
        let page = error_page(pages, initiator, ErrorKind::ServerError, "temporarily_unavailable", None);
        return show(pages, StatusCode::SERVICE_UNAVAILABLE, &page);
    }
    tracing::error!(%error, "sign_in.failed");
    show_error(pages, initiator, ErrorKind::ServerError, "server_error", None)
}

/// Sends an answer to its client: by a redirect, or by a form that the browser posts.
pub(super) fn to_client(pages: &HostedPages, response: &ClientResponse) -> HttpResponse {
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
        ResponseMode::Query => {
            let uri = &callback.redirect_uri;
            let pairs: Vec<_> =
                fields.iter().map(|(name, value)| format!("{name}={}", encoded(value))).collect();
            let separator = if uri.contains('?') { '&' } else { '?' };
            let location = format!("{uri}{separator}{}", pairs.join("&"));
            with_page_headers(StatusCode::SEE_OTHER, true).insert_header((LOCATION, location)).finish()
        }
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
