//! The life of a signing key: next, active, retired, gone. What is to be done is decided here, of the keys, the time and
//! the rules alone; `keys::rotation` carries it out.

#[cfg(test)]
mod tests;

/// The most keys of a set. Verifiers take 64; some are left for keys that stand in for a compromised one.
pub const MAX_KEYS: usize = 60;

/// Where a key stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyState {
    /// Published, so that verifiers know it before it signs.
    Next,
    /// It signs. There is exactly one.
    Active,
    /// Published until the last token that it signed has ended.
    Retired,
}

impl KeyState {
    /// The name in the database and in what commands print.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Next => "next",
            Self::Active => "active",
            Self::Retired => "retired",
        }
    }

    /// The state of that name.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Next, Self::Active, Self::Retired].into_iter().find(|state| state.as_str() == name)
    }
}

/// What decides on a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyLife {
    /// RFC 7638 thumbprint.
    pub kid: String,
    /// Where it stands.
    pub state: KeyState,
    /// When it was made, milliseconds since the Unix epoch; published from then on.
    pub created_at_ms: i64,
    /// When it begins, or began, to sign, milliseconds.
    pub activates_at_ms: i64,
    /// When it leaves the key set, milliseconds; retired keys only.
    pub retires_at_ms: Option<i64>,
    /// No token that it signed ends later than this, seconds since the Unix epoch. Raised before such a token is signed,
    /// and only while the key is active.
    pub tokens_end_by_s: i64,
}

/// When what happens to keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RotationRules {
    /// How long a key is published before it signs.
    pub publish_ms: i64,
    /// How long a key signs before another takes over; `None`: until somebody says so.
    pub rotate_after_ms: Option<i64>,
    /// How long a key stays published after the last token that it signed has ended.
    pub keep_ms: i64,
}

/// How much notice verifiers get of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// It is published for its time first.
    Announced,
    /// None: they find it by its unknown `kid`.
    AtOnce,
}

/// One change to the set of keys. Each leaves it sound, so a process may die between any two.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyStep {
    /// Make a key that signs at once: there is none that could.
    Begin,
    /// Make a key that is published now and signs later.
    Prepare {
        /// When it signs, milliseconds.
        activates_at_ms: i64,
    },
    /// Let a published key sign.
    Activate {
        /// Which.
        kid: String,
        /// The one that signed so far.
        retires: Option<String>,
    },
    /// Take a key out of the set.
    Forget {
        /// Which.
        kid: String,
    },
}

impl KeyStep {
    /// Whether a new key is needed for it.
    pub fn needs_key(&self) -> bool {
        matches!(self, Self::Begin | Self::Prepare { .. })
    }
}

impl RotationRules {
    /// When a key that is made now may sign.
    pub fn activation_of_new_ms(&self, now_ms: i64) -> i64 {
        now_ms.saturating_add(self.publish_ms)
    }

    /// When a key that stops signing now leaves the set.
    pub fn leaves_at_ms(&self, tokens_end_by_s: i64, now_ms: i64) -> i64 {
        tokens_end_by_s.saturating_mul(1000).max(now_ms).saturating_add(self.keep_ms)
    }

    /// The first thing to be done now, if there is one. Do it and ask again.
    pub fn due(&self, keys: &[KeyLife], now_ms: i64) -> Option<KeyStep> {
        let active = keys.iter().find(|key| key.state == KeyState::Active);
        let next = first_next(keys);
        match (active, next) {
            (None, Some(next)) => return Some(KeyStep::Activate { kid: next.kid.clone(), retires: None }),
            (None, None) => return Some(KeyStep::Begin),
            (Some(active), Some(next)) if next.activates_at_ms <= now_ms => {
                let (kid, retires) = (next.kid.clone(), Some(active.kid.clone()));
                return Some(KeyStep::Activate { kid, retires });
            }
            (Some(active), None) if self.wants_successor(active, now_ms) && keys.len() < MAX_KEYS => {
                let activates_at_ms = self.activation_of_new_ms(now_ms);
                return Some(KeyStep::Prepare { activates_at_ms });
            }
            (Some(_), _) => {}
        }
        gone(keys, now_ms)
    }

    /// What makes the keys rotate although no time has come. `None` where a key is on its way already, and that is soon
    /// enough.
    pub fn asked(&self, keys: &[KeyLife], when: When, now_ms: i64) -> Option<KeyStep> {
        let activates_at_ms = match when {
            When::Announced => self.activation_of_new_ms(now_ms),
            When::AtOnce => now_ms,
        };
        match (first_next(keys), when) {
            (None, _) => Some(KeyStep::Prepare { activates_at_ms }),
            (Some(_), When::Announced) => None,
            (Some(next), When::AtOnce) => {
                let active = keys.iter().find(|key| key.state == KeyState::Active);
                Some(KeyStep::Activate { kid: next.kid.clone(), retires: active.map(|key| key.kid.clone()) })
            }
        }
    }

    /// The successor is made so early that it signs when the active one is old enough.
    fn wants_successor(&self, active: &KeyLife, now_ms: i64) -> bool {
        self.rotate_after_ms.is_some_and(|rotate_after_ms| {
            let due_ms = active.activates_at_ms.saturating_add(rotate_after_ms);
            self.activation_of_new_ms(now_ms) >= due_ms
        })
    }
}

impl KeyLife {
    /// Whether the last token that it signed has ended for every verifier.
    fn is_gone(&self, now_ms: i64) -> bool {
        self.state == KeyState::Retired && self.retires_at_ms.is_some_and(|at_ms| at_ms <= now_ms)
    }
}

/// Of the keys that wait, the one that signs first.
pub fn first_next(keys: &[KeyLife]) -> Option<&KeyLife> {
    let waiting = keys.iter().filter(|key| key.state == KeyState::Next);
    waiting.min_by_key(|key| (key.activates_at_ms, key.created_at_ms))
}

/// The step that takes out a key which nobody needs any longer.
pub fn gone(keys: &[KeyLife], now_ms: i64) -> Option<KeyStep> {
    let gone = keys.iter().find(|key| key.is_gone(now_ms));
    gone.map(|key| KeyStep::Forget { kid: key.kid.clone() })
}
