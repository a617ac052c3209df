//! The life cycle of a signing key: next, active, retired, removed. The next step is decided here, from the keys, the
//! time and the rules only; `keys::rotation` carries it out.

#[cfg(test)]
mod tests;

/// The most keys of a key set. Verifiers accept 64; the difference is reserved for replacements of compromised keys.
pub const MAX_KEYS: usize = 60;

/// The state of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyState {
    /// Published but not signing yet, so that verifiers know it in time.
    Next,
    /// It signs tokens. Exactly one key is active.
    Active,
    /// No longer signing, but published until the last token that it signed has expired.
    Retired,
}

impl KeyState {
    /// The name in the database and in the output of commands.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Next => "next",
            Self::Active => "active",
            Self::Retired => "retired",
        }
    }

    /// The state with this name.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Next, Self::Active, Self::Retired].into_iter().find(|state| state.as_str() == name)
    }
}

/// The values of a key that decide on its life cycle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyLifecycle {
    /// The key id: the RFC 7638 thumbprint.
    pub kid: String,
    /// The state.
    pub state: KeyState,
    /// When it was created and published, milliseconds since the Unix epoch.
    pub created_at_ms: i64,
    /// When it begins or began to sign, milliseconds since the Unix epoch.
    pub activates_at_ms: i64,
    /// When it leaves the key set, milliseconds since the Unix epoch. Only set for retired keys.
    pub retires_at_ms: Option<i64>,
    /// The latest expiry of the tokens that it signed, seconds since the Unix epoch. It is raised before such a token
    /// is signed, and only while the key is active.
    pub tokens_end_by_s: i64,
}

/// The times of the life cycle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RotationRules {
    /// How long a key is published before it signs, milliseconds.
    pub publish_ms: i64,
    /// How long a key signs before another one replaces it, milliseconds; `None`: until an operator rotates.
    pub rotate_after_ms: Option<i64>,
    /// How long a key stays published after the last token that it signed has expired, milliseconds.
    pub keep_ms: i64,
}

/// When a key that an operator's rotation creates begins to sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RotationStart {
    /// After it was published long enough that every verifier knows it.
    AfterPublishing,
    /// At once. Verifiers look it up when they meet its unknown `kid`.
    AtOnce,
}

/// One change to the set of keys. The set is valid after each step, so a process may die between any two.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyStep {
    /// Generate a key that signs at once, because there is no key.
    Begin,
    /// Generate a key that is published now and signs later.
    Prepare {
        /// When it begins to sign, milliseconds since the Unix epoch.
        activates_at_ms: i64,
    },
    /// Make a published key the active one.
    Activate {
        /// The id of the key.
        kid: String,
        /// The key that was active until now.
        retires: Option<String>,
    },
    /// Remove a key from the set.
    Forget {
        /// The id of the key.
        kid: String,
    },
}

impl KeyStep {
    /// Whether the step needs a newly generated key.
    pub fn needs_key(&self) -> bool {
        matches!(self, Self::Begin | Self::Prepare { .. })
    }
}

impl RotationRules {
    /// When a key that is created now may begin to sign.
    pub fn activation_of_new_ms(&self, now_ms: i64) -> i64 {
        now_ms.saturating_add(self.publish_ms)
    }

    /// When a key that is retired now leaves the set.
    pub fn leaves_at_ms(&self, tokens_end_by_s: i64, now_ms: i64) -> i64 {
        tokens_end_by_s.saturating_mul(1000).max(now_ms).saturating_add(self.keep_ms)
    }

    /// The next step that is due, if any. The caller carries it out and calls again.
    pub fn due(&self, keys: &[KeyLifecycle], now_ms: i64) -> Option<KeyStep> {
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
        removal_of_unneeded(keys, now_ms)
    }

    /// The step that begins a rotation on request. `None` if a key is published already and waits to sign, and `start`
    /// does not require it to sign now.
    pub fn requested(&self, keys: &[KeyLifecycle], start: RotationStart, now_ms: i64) -> Option<KeyStep> {
        let activates_at_ms = match start {
            RotationStart::AfterPublishing => self.activation_of_new_ms(now_ms),
            RotationStart::AtOnce => now_ms,
        };
        match (first_next(keys), start) {
            (None, _) => Some(KeyStep::Prepare { activates_at_ms }),
            (Some(_), RotationStart::AfterPublishing) => None,
            (Some(next), RotationStart::AtOnce) => {
                let active = keys.iter().find(|key| key.state == KeyState::Active);
                Some(KeyStep::Activate { kid: next.kid.clone(), retires: active.map(|key| key.kid.clone()) })
            }
        }
    }

    /// Whether it is time to create the successor: early enough that it can sign when the active key reaches its age.
    fn wants_successor(&self, active: &KeyLifecycle, now_ms: i64) -> bool {
        self.rotate_after_ms.is_some_and(|rotate_after_ms| {
            let due_ms = active.activates_at_ms.saturating_add(rotate_after_ms);
            self.activation_of_new_ms(now_ms) >= due_ms
        })
    }
}

impl KeyLifecycle {
    /// Whether the key is retired and no verifier needs it any more.
    fn is_unneeded(&self, now_ms: i64) -> bool {
        self.state == KeyState::Retired && self.retires_at_ms.is_some_and(|at_ms| at_ms <= now_ms)
    }
}

/// Of the keys in state `next`, the one that begins to sign first.
pub fn first_next(keys: &[KeyLifecycle]) -> Option<&KeyLifecycle> {
    let waiting = keys.iter().filter(|key| key.state == KeyState::Next);
    waiting.min_by_key(|key| (key.activates_at_ms, key.created_at_ms))
}

/// The step that removes a key which no verifier needs any more, if there is one.
pub fn removal_of_unneeded(keys: &[KeyLifecycle], now_ms: i64) -> Option<KeyStep> {
    let unneeded = keys.iter().find(|key| key.is_unneeded(now_ms));
    unneeded.map(|key| KeyStep::Forget { kid: key.kid.clone() })
}
