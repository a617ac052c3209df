//! Parses the claims of a token and checks their types and sizes.

use serde::de::{Error as _, MapAccess};
use serde_json::{Map, Value};

use super::error::Reason;
use super::json::{self, Members};
use crate::claims::{Claims, CustomClaims, REGISTERED, Roles, SessionId, TokenId};
use crate::scope::Scopes;

/// The greatest length of `sub` and `client_id`.
const MAX_ID_BYTES: usize = 255;

/// Reads a service's custom claims from a payload that has passed the strict parser.
pub(super) type ReadCustom<C> = fn(&[u8]) -> Option<C>;

/// Used where a service has no custom claims.
#[expect(clippy::unnecessary_wraps, reason = "one of the `ReadCustom`")]
pub(super) fn no_custom_claims(_: &[u8]) -> Option<()> {
    Some(())
}

/// Reads the payload's members that are not standard claims. The strict parser has accepted the payload before, so the
/// members are few, not nested deeply, and not repeated.
pub(super) fn custom_claims<C: CustomClaims>(payload: &[u8]) -> Option<C> {
    let mut members: Map<String, Value> = serde_json::from_slice(payload).ok()?;
    for name in REGISTERED {
        members.remove(name);
    }
    C::deserialize(Value::Object(members)).ok()
}

/// The audience that a token must have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Audience {
    /// This audience, perhaps among others.
    This(String),
    /// Any audience.
    Any,
}

impl Audience {
    fn is_among(&self, audiences: &[String]) -> bool {
        match self {
            Self::This(audience) => audiences.contains(audience),
            Self::Any => true,
        }
    }
}

/// The values that a token must have to be accepted by this service.
#[derive(Clone, Debug)]
pub(super) struct Expected<C> {
    pub(super) issuer: String,
    pub(super) audience: Audience,
    pub(super) leeway_seconds: i64,
    pub(super) accepts_expired: bool,
    pub(super) custom: ReadCustom<C>,
}

impl<C> Expected<C> {
    /// Parses the claims and compares them with the expected values. Does not check the times.
    pub(super) fn read(&self, payload: &[u8]) -> Result<Claims<C>, Reason> {
        let raw = json::read_object(payload, RawClaims::default()).map_err(|_| Reason::Claims)?;
        let claims = raw.complete().ok_or(Reason::Claims)?;
        if claims.iss != self.issuer {
            return Err(Reason::Issuer);
        }
        if !self.audience.is_among(&claims.aud) {
            return Err(Reason::Audience);
        }
        let custom = (self.custom)(payload).ok_or(Reason::Claims)?;
        Ok(claims.with_custom(custom))
    }

    /// Compares the times with the wall clock. A token is valid while `now < exp + leeway`, and only if `nbf` and `iat`
    /// are at most `now + leeway`.
    pub(super) fn check_times(&self, claims: &Claims<C>, now: i64) -> Result<(), Reason> {
        if !self.accepts_expired && now >= claims.exp.saturating_add(self.leeway_seconds) {
            return Err(Reason::Expired);
        }
        let latest = now.saturating_add(self.leeway_seconds);
        if claims.iat > latest || claims.nbf.is_some_and(|nbf| nbf > latest) {
            return Err(Reason::NotYetValid);
        }
        Ok(())
    }
}

/// The claims while they are being parsed.
#[derive(Default)]
struct RawClaims {
    iss: Option<String>,
    sub: Option<String>,
    aud: Option<Vec<String>>,
    client_id: Option<String>,
    scope: Option<Scopes>,
    iat: Option<i64>,
    nbf: Option<i64>,
    exp: Option<i64>,
    jti: Option<TokenId>,
    sid: Option<SessionId>,
    username: Option<String>,
    roles: Option<Roles>,
    auth_time: Option<i64>,
    amr: Option<Vec<String>>,
    acr: Option<String>,
}

impl RawClaims {
    fn complete(self) -> Option<Claims> {
        Some(Claims {
            iss: self.iss?,
            sub: self.sub?,
            aud: self.aud?,
            client_id: self.client_id?,
            scope: self.scope.unwrap_or_default(),
            iat: self.iat?,
            nbf: self.nbf,
            exp: self.exp?,
            jti: self.jti?,
            sid: self.sid,
            username: self.username,
            roles: self.roles.unwrap_or_default(),
            auth_time: self.auth_time,
            amr: self.amr.unwrap_or_default(),
            acr: self.acr,
            custom: (),
        })
    }
}

impl<'de> Members<'de> for RawClaims {
    fn member<A: MapAccess<'de>>(&mut self, name: &str, value: &mut A) -> Result<(), A::Error> {
        match name {
            "iss" => self.iss = Some(value.next_value()?),
            "sub" => self.sub = Some(identifier(value)?),
            "aud" => self.aud = Some(audience(value)?),
            "client_id" => self.client_id = Some(identifier(value)?),
            "scope" => self.scope = Some(value.next_value()?),
            "iat" => self.iat = Some(seconds(value)?),
            "nbf" => self.nbf = Some(seconds(value)?),
            "exp" => self.exp = Some(seconds(value)?),
            "jti" => self.jti = Some(value.next_value()?),
            "sid" => self.sid = Some(value.next_value()?),
            "username" => self.username = Some(value.next_value()?),
            "roles" => self.roles = Some(value.next_value()?),
            "auth_time" => self.auth_time = Some(seconds(value)?),
            "amr" => self.amr = Some(value.next_value()?),
            "acr" => self.acr = Some(value.next_value()?),
            _ => json::skip(value)?,
        }
        Ok(())
    }
}

fn identifier<'de, A: MapAccess<'de>>(value: &mut A) -> Result<String, A::Error> {
    let id: String = value.next_value()?;
    if id.is_empty() || id.len() > MAX_ID_BYTES || id.chars().any(char::is_control) {
        return Err(A::Error::custom("an identifier of 1 to 255 bytes without control characters"));
    }
    Ok(id)
}

/// An array, or, as RFC 7519 §4.1.3 allows for a single audience, a plain string.
fn audience<'de, A: MapAccess<'de>>(value: &mut A) -> Result<Vec<String>, A::Error> {
    #[derive(serde::Deserialize)]
    #[serde(untagged)]
    enum Audience {
        One(String),
        Many(Vec<String>),
    }
    Ok(match value.next_value()? {
        Audience::One(audience) => vec![audience],
        Audience::Many(audiences) => audiences,
    })
}

/// Whole seconds since the Unix epoch, from 0. RFC 7519 also allows fractions. They are refused, because the issuer
/// does not write them and a float could be as large as 1e308.
fn seconds<'de, A: MapAccess<'de>>(value: &mut A) -> Result<i64, A::Error> {
    i64::try_from(value.next_value::<u64>()?).map_err(A::Error::custom)
}
