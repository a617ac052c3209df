//! Checks the recorded answers against the promise of CONTRACT §6.

use std::collections::HashMap;
use std::fmt::Write as _;

use crate::site::BOUND_MS;
use crate::watch::{Answer, Carrier, Say, Watch};

/// Point 2: the longest time that a revocation may take while all parts are connected.
const AT_MOST_MS: u64 = 1_000;
/// Point 4: the time after all parts are connected again within which a valid token must be accepted again.
const RECOVERY_MS: u64 = 3_000;
/// A tolerance for rounding: times are whole milliseconds from several clocks.
const ROUNDING_MS: u64 = 5;

/// The quality of the path from the database to a verifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Way {
    Well,
    /// Valid tokens are accepted, but a revocation may take longer than [`AT_MOST_MS`].
    Slow,
    Broken,
}

/// The history of a token, in milliseconds since boot.
#[derive(Clone, Debug, Default)]
pub(crate) struct Fate {
    /// When its revocation was requested.
    pub(crate) asked: Option<u64>,
    /// When the request was answered with 2xx.
    pub(crate) acknowledged: Option<u64>,
}

/// Everything that was done during a run. The answers of verifiers are in [`Watch`].
#[derive(Debug, Default)]
pub(crate) struct History {
    pub(crate) tokens: Vec<Fate>,
    ways: Vec<(u64, Carrier, Way)>,
    /// When a running Redis lost part of the list. A verifier cannot distinguish this from an expiry.
    pub(crate) lost: Option<u64>,
}

impl History {
    pub(crate) fn note(&mut self, moment: u64, carrier: Carrier, way: Way) {
        self.ways.push((moment, carrier, way));
    }

    /// The state of the path over `carrier` at this time.
    fn stretch(&self, carrier: Carrier, moment: u64) -> Stretch {
        let mut found =
            Stretch { way: Way::Broken, well_since: 0, in_touch_since: 0, in_touch_until: u64::MAX };
        for (changed, _, way) in self.ways.iter().filter(|(_, of, _)| *of == carrier) {
            if *changed > moment {
                if *way == Way::Broken {
                    found.in_touch_until = *changed;
                    break;
                }
                continue;
            }
            if found.way == Way::Broken && *way != Way::Broken {
                found.in_touch_since = *changed;
            }
            if found.way != Way::Well && *way == Way::Well {
                found.well_since = *changed;
            }
            found.way = *way;
        }
        found
    }
}

/// The state of a path, and since when.
#[derive(Clone, Copy, Debug)]
struct Stretch {
    way: Way,
    well_since: u64,
    in_touch_since: u64,
    in_touch_until: u64,
}

/// The counts of a check.
#[derive(Debug, Default)]
pub(crate) struct Counted {
    pub(crate) answers: usize,
    pub(crate) accepted: usize,
    pub(crate) refused: usize,
    /// Answers that are not timed, because the machine was stalled shortly before.
    pub(crate) excused: usize,
    /// The longest time, without a fault, from the acknowledgement of a revocation to the last acceptance of the
    /// token.
    pub(crate) slowest_ms: u64,
}

/// Checks all answers. Panics with the first violations.
pub(crate) fn judge(history: &History, watch: &Watch) -> Counted {
    let (answers, stalls) = (watch.answers(), watch.stalls());
    let mut counted = Counted { answers: answers.len(), ..Counted::default() };
    let mut violations = Vec::new();
    let mut refused: HashMap<(usize, usize), u64> = HashMap::new();
    for answer in &answers {
        let first = refused.entry((answer.verifier, answer.token)).or_insert(u64::MAX);
        if answer.say == Say::Refused {
            *first = (*first).min(answer.answered);
        }
    }
    for answer in &answers {
        let fate = &history.tokens[answer.token];
        let watched = &watch.verifiers[answer.verifier];
        let stretch = history.stretch(watched.carrier, answer.asked);
        let in_touch = stretch.way != Way::Broken
            && answer.asked >= stretch.in_touch_since.max(watched.since) + RECOVERY_MS
            && answer.answered < stretch.in_touch_until;
        let stalled =
            stalls.iter().any(|(from, to)| *from < answer.answered && *to + RECOVERY_MS > answer.asked);
        let mut violation = |what: &str| violations.push((what.to_owned(), *answer, stretch));
        match answer.say {
            Say::Accepted => {
                counted.accepted += 1;
                if refused[&(answer.verifier, answer.token)] < answer.asked {
                    violation("3: accepted after it was refused as revoked");
                }
                let Some(acknowledged) = fate.acknowledged else { continue };
                let counts_from = acknowledged.max(history.lost.unwrap_or(0));
                if answer.asked > counts_from + BOUND_MS + ROUNDING_MS {
                    violation("1: accepted later than the bound after its revocation");
                }
                let calm = stretch.way == Way::Well && acknowledged >= stretch.well_since + RECOVERY_MS;
                if calm && in_touch && answer.asked > acknowledged {
                    if stalled {
                        counted.excused += 1;
                        continue;
                    }
                    counted.slowest_ms = counted.slowest_ms.max(answer.asked - acknowledged);
                    if answer.asked > acknowledged + AT_MOST_MS {
                        violation("2: accepted a second after its revocation, in calm");
                    }
                }
            }
            Say::Refused => {
                counted.refused += 1;
                if fate.asked.is_none_or(|asked| answer.answered < asked) {
                    violation("4: refused as revoked, which it never was");
                }
            }
            Say::CannotKnow => {
                let good = fate.asked.is_none_or(|asked| answer.answered < asked);
                if good && in_touch {
                    if stalled {
                        counted.excused += 1;
                    } else {
                        violation("4: a good token gets 503 while the parts are in touch");
                    }
                }
            }
            Say::Bad => violation("4: found bad in itself"),
        }
    }
    assert!(violations.is_empty(), "{}", told(&violations, history, watch));
    counted
}

fn told(violations: &[(String, Answer, Stretch)], history: &History, watch: &Watch) -> String {
    let mut text = format!("{} violations of the promise, the first:", violations.len());
    for (what, answer, stretch) in violations.iter().take(8) {
        let watched = &watch.verifiers[answer.verifier];
        let fate = &history.tokens[answer.token];
        let ago =
            |moment: Option<u64>| moment.map(|moment| answer.asked.cast_signed() - moment.cast_signed());
        write!(
            text,
            "\n  point {what}: by the {} (up for {} ms), token {} (revocation sent {:?} ms before, acknowledged {:?}), \
             answered in {} ms; {:?} way, in touch for {} ms",
            watched.name,
            answer.asked.saturating_sub(watched.since),
            answer.token,
            ago(fate.asked),
            ago(fate.acknowledged),
            answer.answered - answer.asked,
            stretch.way,
            answer.asked.saturating_sub(stretch.in_touch_since),
        )
        .unwrap();
    }
    text
}
