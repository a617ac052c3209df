//! A second implementation of the rules for the claims of an access token (RFC 9068 §2.2, RFC 7519 §4.1).

use uuid::Uuid;

use crate::fuzzing::LenientJson;

/// The issuer that the verifiers of the fuzz targets expect.
pub(super) const ISSUER: &str = "https://issuer.example";
pub(super) const AUDIENCE: &str = "notes";
pub(super) const NOW_S: i64 = 1_800_000_000;
const LEEWAY_S: i64 = 10;

/// Whether these are the claims of a token that is valid at [`NOW_S`].
pub(super) fn are_good(json: &[u8]) -> bool {
    let Some(claims) = LenientJson::parse(json) else { return false };
    if claims.members().is_none() || claims.repeats() {
        return false;
    }
    let text = |name: &str| claims.get(name).and_then(LenientJson::text);
    let seconds = |name: &str| claims.get(name).and_then(LenientJson::whole);
    let optional = |name: &str, is_good: fn(&LenientJson) -> bool| claims.get(name).is_none_or(is_good);
    let id = |name: &str| {
        text(name).is_some_and(|id| (1..=255).contains(&id.len()) && !id.chars().any(char::is_control))
    };
    let for_us = match claims.get("aud") {
        Some(LenientJson::Text(one)) => one == AUDIENCE,
        Some(many) => many.texts().is_some_and(|texts| texts.contains(&AUDIENCE)),
        None => false,
    };
    let in_time = seconds("exp").is_some_and(|exp| NOW_S < exp.saturating_add(LEEWAY_S))
        && seconds("iat").is_some_and(|iat| iat <= NOW_S + LEEWAY_S)
        && optional("nbf", |nbf| nbf.whole().is_some_and(|nbf| nbf <= NOW_S + LEEWAY_S));
    text("iss") == Some(ISSUER)
        && for_us
        && in_time
        && id("sub")
        && id("client_id")
        && text("jti").is_some_and(|jti| is_uuid(jti) && jti.get(14..15) == Some("7") && is_rfc_variant(jti))
        && optional("sid", |sid| sid.text().is_some_and(is_uuid))
        && optional("scope", |scope| scope.text().is_some_and(is_scope_list))
        && optional("username", |name| name.text().is_some())
        && optional("roles", |roles| roles.texts().is_some())
        && optional("auth_time", |time| time.whole().is_some())
        && optional("amr", |amr| amr.texts().is_some())
        && optional("acr", |acr| acr.text().is_some())
}

fn is_uuid(text: &str) -> bool {
    text.len() == 36 && text == text.to_lowercase() && Uuid::try_parse(text).is_ok()
}

/// Whether the UUID has the variant of RFC 9562 §4.1.
fn is_rfc_variant(text: &str) -> bool {
    text.get(19..20).is_some_and(|digit| "89ab".contains(digit))
}

fn is_scope_list(text: &str) -> bool {
    let visible = |scope: &str| {
        !scope.is_empty() && scope.bytes().all(|b| b.is_ascii_graphic() && b != b'"' && b != b'\\')
    };
    text.is_empty() || text.split(' ').all(visible)
}
