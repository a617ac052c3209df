//! Checks the recorded answers against the promise of CONTRACT §6.

use std::collections::HashMap;
use std::fmt::Write as _;

use crate::deployment::BOUND_MS;
use crate::watch::{Answer, Channel, Decision, Watch};

/// Point 2: the longest time that a revocation may take while all parts are connected.
const MAX_REVOCATION_MS: u64 = 1_000;
/// Point 4: the time after all parts are connected again within which a valid token must be accepted again.
const RECOVERY_MS: u64 = 3_000;
/// A tolerance for rounding: times are whole milliseconds from several clocks.
const ROUNDING_MS: u64 = 5;

/// The quality of the path from the database to a verifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum PathState {
    Good,
    /// Valid tokens are accepted, but a revocation may take longer than [`MAX_REVOCATION_MS`].
    Slow,
    Broken,
}

/// The history of a token, in milliseconds since boot.
#[derive(Clone, Debug, Default)]
pub(crate) struct TokenHistory {
    /// When its revocation was requested.
    pub(crate) revocation_sent: Option<u64>,
    /// When the request was answered with 2xx.
    pub(crate) acknowledged: Option<u64>,
}

/// Everything that was done during a run. The answers of verifiers are in [`Watch`].
#[derive(Debug, Default)]
pub(crate) struct History {
    pub(crate) tokens: Vec<TokenHistory>,
    path_states: Vec<(u64, Channel, PathState)>,
    /// When a running Redis lost part of the list. A verifier cannot distinguish this from an expiry.
    pub(crate) lost: Option<u64>,
}

impl History {
    pub(crate) fn note(&mut self, moment: u64, channel: Channel, path_state: PathState) {
        self.path_states.push((moment, channel, path_state));
    }

    /// The state of the path over `channel` at this time.
    fn period(&self, channel: Channel, moment: u64) -> PathPeriod {
        let mut found = PathPeriod {
            path_state: PathState::Broken,
            good_since: 0,
            connected_since: 0,
            connected_until: u64::MAX,
        };
        for (changed, _, path_state) in self.path_states.iter().filter(|(_, of, _)| *of == channel) {
            if *changed > moment {
                if *path_state == PathState::Broken {
                    found.connected_until = *changed;
                    break;
                }
                continue;
            }
            if found.path_state == PathState::Broken && *path_state != PathState::Broken {
                found.connected_since = *changed;
            }
            if found.path_state != PathState::Good && *path_state == PathState::Good {
                found.good_since = *changed;
            }
            found.path_state = *path_state;
        }
        found
    }
}

/// The state of a path, and since when.
#[derive(Clone, Copy, Debug)]
struct PathPeriod {
    path_state: PathState,
    good_since: u64,
    connected_since: u64,
    connected_until: u64,
}

/// The counts of a check.
#[derive(Debug, Default)]
pub(crate) struct CheckCounts {
    pub(crate) answers: usize,
    pub(crate) accepted: usize,
    pub(crate) refused: usize,
    /// Answers that are not timed, because the machine was stalled shortly before.
    pub(crate) untimed: usize,
    /// The longest time, without a fault, from the acknowledgement of a revocation to the last acceptance of the
    /// token.
    pub(crate) slowest_ms: u64,
}

/// Checks all answers. Panics with the first violations.
pub(crate) fn check(history: &History, watch: &Watch) -> CheckCounts {
    let (answers, stalls) = (watch.answers(), watch.stalls());
    let mut counts = CheckCounts { answers: answers.len(), ..CheckCounts::default() };
    let mut violations = Vec::new();
    let mut refused: HashMap<(usize, usize), u64> = HashMap::new();
    for answer in &answers {
        let first = refused.entry((answer.verifier, answer.token)).or_insert(u64::MAX);
        if answer.say == Decision::Revoked {
            *first = (*first).min(answer.answered);
        }
    }
    for answer in &answers {
        let token = &history.tokens[answer.token];
        let watched = &watch.verifiers[answer.verifier];
        let period = history.period(watched.channel, answer.asked);
        let connected = period.path_state != PathState::Broken
            && answer.asked >= period.connected_since.max(watched.since) + RECOVERY_MS
            && answer.answered < period.connected_until;
        let stalled =
            stalls.iter().any(|(from, to)| *from < answer.answered && *to + RECOVERY_MS > answer.asked);
        let mut violation = |what: &str| violations.push((what.to_owned(), *answer, period));
        match answer.say {
            Decision::Accepted => {
                counts.accepted += 1;
                if refused[&(answer.verifier, answer.token)] < answer.asked {
                    violation("3: accepted after it was refused as revoked");
                }
                let Some(acknowledged) = token.acknowledged else { continue };
                let counts_from = acknowledged.max(history.lost.unwrap_or(0));
                if answer.asked > counts_from + BOUND_MS + ROUNDING_MS {
                    violation("1: accepted later than the bound after its revocation");
                }
                let undisturbed =
                    period.path_state == PathState::Good && acknowledged >= period.good_since + RECOVERY_MS;
                if undisturbed && connected && answer.asked > acknowledged {
                    if stalled {
                        counts.untimed += 1;
                        continue;
                    }
                    counts.slowest_ms = counts.slowest_ms.max(answer.asked - acknowledged);
                    if answer.asked > acknowledged + MAX_REVOCATION_MS {
                        violation("2: accepted a second after its revocation, without a fault");
                    }
                }
            }
            Decision::Revoked => {
                counts.refused += 1;
                if token.revocation_sent.is_none_or(|sent| answer.answered < sent) {
                    violation("4: refused as revoked, which it never was");
                }
            }
            Decision::Unavailable => {
                let good = token.revocation_sent.is_none_or(|sent| answer.answered < sent);
                if good && connected {
                    if stalled {
                        counts.untimed += 1;
                    } else {
                        violation("4: a valid token gets 503 while all parts are connected");
                    }
                }
            }
            Decision::Invalid => violation("4: refused as invalid"),
        }
    }
    assert!(violations.is_empty(), "{}", describe(&violations, history, watch));
    counts
}

fn describe(violations: &[(String, Answer, PathPeriod)], history: &History, watch: &Watch) -> String {
    let mut text = format!("{} violations of the promise, the first:", violations.len());
    for (what, answer, period) in violations.iter().take(8) {
        let watched = &watch.verifiers[answer.verifier];
        let token = &history.tokens[answer.token];
        let ago =
            |moment: Option<u64>| moment.map(|moment| answer.asked.cast_signed() - moment.cast_signed());
        write!(
            text,
            "\n  point {what}: by the {} (up for {} ms), token {} (revocation sent {:?} ms before, acknowledged {:?}), \
             answered in {} ms; path {:?}, connected for {} ms",
            watched.name,
            answer.asked.saturating_sub(watched.since),
            answer.token,
            ago(token.revocation_sent),
            ago(token.acknowledged),
            answer.answered - answer.asked,
            period.path_state,
            answer.asked.saturating_sub(period.connected_since),
        )
        .unwrap();
    }
    text
}
