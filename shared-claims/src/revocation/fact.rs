//! One entry of the revocation list (a fact), and the identifiers of a token that are compared with it.

use serde::{Deserialize, Serialize};

use super::contract::{MAX_FACT_LIFE_S, MAX_KEY_FACT_LIFE_S};
use crate::claims::{SessionId, TokenId};

/// What a fact revokes.
///
/// ```
/// use shared_claims::revocation::RevocationKind;
///
/// assert_eq!(RevocationKind::Client.as_str(), "client");
/// assert_eq!(RevocationKind::parse("client"), Some(RevocationKind::Client));
/// assert_eq!(RevocationKind::ALL.iter().filter(|kind| kind.has_cut()).collect::<Vec<_>>(), [&RevocationKind::Sub, &RevocationKind::Client]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum RevocationKind {
    /// One token, by its `jti`.
    Jti,
    /// A session, by its `sid`.
    Sid,
    /// A user's tokens up to a cut, by `sub`.
    Sub,
    /// A client's tokens up to a cut, by `client_id`.
    Client,
    /// Everything a signing key signed, by its `kid`.
    Key,
}

impl RevocationKind {
    /// Every kind, in the order in which a token is checked.
    pub const ALL: &'static [Self] = &[Self::Jti, Self::Sid, Self::Sub, Self::Client, Self::Key];

    /// The name of the kind in Redis keys, stream entries and the feed.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Jti => "jti",
            Self::Sid => "sid",
            Self::Sub => "sub",
            Self::Client => "client",
            Self::Key => "key",
        }
    }

    /// The kind with this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.as_str() == name)
    }

    /// The longest time, in seconds from its arrival at a verifier, for which a fact of this kind counts, whatever its
    /// `exp` and cut are. This bounds for how long a wrong write to the list can refuse valid tokens.
    ///
    /// The limit is longer than any fact of the issuer is needed: no access token lives for more than a day, and no
    /// verifier uses a key set that is older than 30 days.
    ///
    /// ```
    /// use shared_claims::revocation::RevocationKind;
    ///
    /// assert_eq!((RevocationKind::Sid.counts_for_s(), RevocationKind::Key.counts_for_s()), (25 * 3_600, 31 * 24 * 3_600));
    /// ```
    pub fn counts_for_s(self) -> i64 {
        match self {
            Self::Jti | Self::Sid | Self::Sub | Self::Client => MAX_FACT_LIFE_S,
            Self::Key => MAX_KEY_FACT_LIFE_S,
        }
    }

    /// Whether facts of this kind have a cut.
    pub fn has_cut(self) -> bool {
        matches!(self, Self::Sub | Self::Client)
    }
}

/// A revocation, as it appears in the Redis stream and in the feed.
///
/// ```
/// use shared_claims::revocation::{RevocationFact, RevocationKind};
///
/// let json = r#"{"kind":"sub","id":"ada","at":1700000000000,"exp":1700000960}"#;
/// let fact: RevocationFact = serde_json::from_str(json)?;
/// assert_eq!((fact.kind, fact.at), (RevocationKind::Sub, Some(1_700_000_000_000)));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct RevocationFact {
    /// The kind of thing that is revoked.
    pub kind: RevocationKind,
    /// The identifier of the token, session, user, client or key.
    pub id: String,
    /// The cut, milliseconds since the Unix epoch: tokens whose `jti` time is not later are revoked. Only for `sub` and
    /// `client`.
    pub at: Option<i64>,
    /// When the fact may be deleted, seconds since the Unix epoch. It counts for no longer than [`RevocationKind::counts_for_s`].
    pub exp: i64,
}

/// The identifiers of a token that are compared with the revocation list.
///
/// ```
/// use shared_claims::claims::Claims;
/// use shared_claims::revocation::RevocationQuery;
///
/// fn query_for<'a>(claims: &'a Claims, kid: &'a str) -> RevocationQuery<'a> {
///     let Claims { jti, sid, sub, client_id, exp, .. } = claims;
///     RevocationQuery { jti: *jti, sid: *sid, sub, client_id, kid, exp: *exp }
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RevocationQuery<'a> {
    /// The token id.
    pub jti: TokenId,
    /// The session id.
    pub sid: Option<SessionId>,
    /// The subject.
    pub sub: &'a str,
    /// The client.
    pub client_id: &'a str,
    /// The signing key's id, from the header.
    pub kid: &'a str,
    /// The expiry, seconds since the Unix epoch. A fact that a lookup finds for this token is needed no longer than
    /// this.
    pub exp: i64,
}
