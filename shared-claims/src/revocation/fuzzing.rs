//! The properties that hold for every response of the feed and every page of the stream.

#![allow(
    clippy::panic,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::missing_panics_doc,
    reason = "a panic is a finding"
)]

use std::sync::Arc;

use uuid::Uuid;

use super::mirror::MirrorState;
use super::{MirrorSettings, RevocationFact, RevocationKind, RevocationQuery, Verdict};
use crate::claims::{SessionId, TokenId};
use crate::clock::ManualClock;

#[cfg(feature = "feed")]
pub use super::feed::fuzzing::feed;
#[cfg(feature = "redis")]
pub use super::redis::fuzzing::stream;

const NOW_MS: i64 = 1_800_000_000_000;

/// A mirror, and a plain list of the facts that were given to it.
pub(super) struct CheckedMirror {
    pub(super) state: MirrorState,
    clock: Arc<ManualClock>,
    given: Vec<RevocationFact>,
}

impl CheckedMirror {
    pub(super) fn new() -> Self {
        let clock = ManualClock::at(NOW_MS);
        let settings = MirrorSettings::default().clock(clock.clone());
        Self { state: MirrorState::new("fuzzing", settings), clock, given: Vec::new() }
    }

    /// Records the facts that were given to the mirror. Returns whether all of them are well-formed.
    pub(super) fn record<'a>(&mut self, facts: impl IntoIterator<Item = &'a RevocationFact>) -> bool {
        let mut all_good = true;
        for fact in facts {
            if is_well_formed(fact) { self.given.push(fact.clone()) } else { all_good = false }
        }
        all_good
    }

    /// Every recorded fact refuses the tokens that it names, and a token that no fact names is not revoked.
    pub(super) fn check(&self) {
        for fact in &self.given {
            let Some(token) = oldest_token_of(fact) else { continue };
            assert!(matches!(self.state.check(&token.revocation_query()), Verdict::Revoked(_)), "{fact:?}");
        }
        let given = &self.given;
        let unnamed = TokenIdentifiers::of_no_fact();
        let is_named = given.iter().any(|fact| unnamed.is_named_by(fact));
        assert_eq!(matches!(self.state.check(&unnamed.revocation_query()), Verdict::Revoked(_)), is_named);
        assert!(self.state.facts.len() <= given.len());
    }
}

impl CheckedMirror {
    /// No recorded fact is kept after the longest time for which any kind counts, whatever its `exp` was.
    pub(super) fn check_all_expire(self) {
        let longest_s = RevocationKind::ALL.iter().map(|kind| kind.counts_for_s()).max().unwrap_or(0);
        self.clock.advance_ms(u64::try_from(longest_s).expect("a positive time") * 1_000);
        self.state.sweep();
        assert_eq!(self.state.facts.len(), 0);
    }
}

/// The identifiers of a token, owned.
struct TokenIdentifiers {
    jti: TokenId,
    sid: SessionId,
    sub: String,
    client_id: String,
    kid: String,
}

impl TokenIdentifiers {
    fn of_no_fact() -> Self {
        Self {
            jti: TokenId::new(0, [9; 10]),
            sid: SessionId::from_bytes([9; 16]),
            sub: "sub".to_owned(),
            client_id: "client".to_owned(),
            kid: "kid".to_owned(),
        }
    }

    fn revocation_query(&self) -> RevocationQuery<'_> {
        RevocationQuery {
            jti: self.jti,
            sid: Some(self.sid),
            sub: &self.sub,
            client_id: &self.client_id,
            kid: &self.kid,
            exp: i64::MAX,
        }
    }

    fn is_named_by(&self, fact: &RevocationFact) -> bool {
        let same = |bytes: &[u8]| Uuid::try_parse(&fact.id).is_ok_and(|id| id.as_bytes() == bytes);
        match fact.kind {
            RevocationKind::Jti => same(self.jti.as_bytes()),
            RevocationKind::Sid => same(self.sid.as_bytes()),
            RevocationKind::Sub => fact.id == self.sub,
            RevocationKind::Client => fact.id == self.client_id,
            RevocationKind::Key => fact.id == self.kid,
        }
    }
}

/// The oldest token that the fact names. `None` for a `jti` that the issuer could not have issued.
fn oldest_token_of(fact: &RevocationFact) -> Option<TokenIdentifiers> {
    let mut token = TokenIdentifiers::of_no_fact();
    match fact.kind {
        RevocationKind::Jti => token.jti = TokenId::parse(&fact.id).ok()?,
        RevocationKind::Sid => {
            token.sid = SessionId::from_bytes(Uuid::try_parse(&fact.id).ok()?.into_bytes());
        }
        RevocationKind::Sub => token.sub.clone_from(&fact.id),
        RevocationKind::Client => token.client_id.clone_from(&fact.id),
        RevocationKind::Key => token.kid.clone_from(&fact.id),
    }
    Some(token)
}

/// Whether the fact can be compared with a token.
fn is_well_formed(fact: &RevocationFact) -> bool {
    let is_named = (1..=512).contains(&fact.id.len());
    is_named
        && match fact.kind {
            RevocationKind::Jti | RevocationKind::Sid => Uuid::try_parse(&fact.id).is_ok(),
            RevocationKind::Sub | RevocationKind::Client => fact.at.is_some(),
            RevocationKind::Key => true,
        }
}
