//! Runs random sequences of actions of replicas and operators under different clocks. In any order: some key signs,
//! no key signs unannounced, and no key leaves the set before its tokens have expired.

use proptest::prelude::*;

use super::*;

const RULES: RotationRules =
    RotationRules { publish_ms: 12_000, rotate_after_ms: Some(100_000), keep_ms: 61_000 };
/// The clocks of replicas differ by less than this. `publish_ms` includes it, as it includes the time for which
/// verifiers may cache the key set.
const SKEW_MS: i64 = 1000;
const CACHED_MS: i64 = RULES.publish_ms - 2 * SKEW_MS;
const LEEWAY_MS: i64 = 30_000;
const EXTENSION_S: i64 = 60;
const START_MS: i64 = 1_700_000_000_000;

fn key(kid: &str, state: KeyState, activates_at_ms: i64) -> KeyLifecycle {
    KeyLifecycle {
        kid: kid.to_owned(),
        state,
        created_at_ms: 0,
        activates_at_ms,
        retires_at_ms: None,
        tokens_end_by_s: 0,
    }
}

#[test]
fn the_first_start_makes_a_key_that_signs_at_once() {
    assert_eq!(RULES.due(&[], 0), Some(KeyStep::Begin));
}

#[test]
fn a_successor_is_published_in_time_to_sign_when_the_active_key_is_old_enough() {
    let keys = [key("a", KeyState::Active, 0)];
    assert_eq!(RULES.due(&keys, 87_999), None);
    assert_eq!(RULES.due(&keys, 88_000), Some(KeyStep::Prepare { activates_at_ms: 100_000 }));
    let by_hand = RotationRules { rotate_after_ms: None, ..RULES };
    assert_eq!(by_hand.due(&keys, i64::MAX), None);

    let keys = [key("a", KeyState::Active, 0), key("b", KeyState::Next, 100_000)];
    assert_eq!(RULES.due(&keys, 99_999), None);
    let takes_over = KeyStep::Activate { kid: "b".to_owned(), retires: Some("a".to_owned()) };
    assert_eq!(RULES.due(&keys, 100_000), Some(takes_over));
}

#[test]
fn of_several_that_wait_each_has_its_turn() {
    let keys =
        [key("a", KeyState::Active, 0), key("c", KeyState::Next, 30_000), key("b", KeyState::Next, 20_000)];
    assert_eq!(first_next(&keys).map(|key| key.kid.as_str()), Some("b"));
    assert_eq!(RULES.due(&keys, 19_999), None);
    let Some(KeyStep::Activate { kid, .. }) = RULES.due(&keys, 40_000) else { panic!("one takes over") };
    assert_eq!(kid, "b");
}

#[test]
fn whoever_asks_for_a_rotation_that_is_under_way_changes_nothing_unless_it_must_be_now() {
    let active = [key("a", KeyState::Active, 0)];
    let announced = KeyStep::Prepare { activates_at_ms: 12_005 };
    assert_eq!(RULES.requested(&active, RotationStart::AfterPublishing, 5), Some(announced));
    assert_eq!(
        RULES.requested(&active, RotationStart::AtOnce, 5),
        Some(KeyStep::Prepare { activates_at_ms: 5 })
    );
    let waiting = [key("a", KeyState::Active, 0), key("b", KeyState::Next, 100)];
    assert_eq!(RULES.requested(&waiting, RotationStart::AfterPublishing, 5), None);
    let now = KeyStep::Activate { kid: "b".to_owned(), retires: Some("a".to_owned()) };
    assert_eq!(RULES.requested(&waiting, RotationStart::AtOnce, 5), Some(now));
}

/// One event of a sequence.
#[derive(Clone, Copy, Debug)]
enum Event {
    Pass {
        ms: i64,
    },
    /// A replica reads the table.
    Read {
        replica: usize,
    },
    /// A replica carries out due steps, and dies after this many.
    Turn {
        replica: usize,
        steps: usize,
    },
    /// A replica signs a token with this lifetime, using the keys that it read last.
    Sign {
        replica: usize,
        life_s: i64,
    },
    Rotate {
        replica: usize,
        start: RotationStart,
    },
    Import {
        replica: usize,
    },
    /// The operator drops the first or the last key of the table as compromised.
    Drop {
        replica: usize,
        last: bool,
    },
}

fn event() -> impl Strategy<Value = Event> {
    let replica = 0..3_usize;
    prop_oneof![
        4 => prop_oneof![0..2_000_i64, 0..30_000_i64, 0..200_000_i64].prop_map(|ms| Event::Pass { ms }),
        4 => replica.clone().prop_map(|replica| Event::Read { replica }),
        6 => (replica.clone(), 0..4_usize).prop_map(|(replica, steps)| Event::Turn { replica, steps }),
        6 => (replica.clone(), 1..900_i64).prop_map(|(replica, life_s)| Event::Sign { replica, life_s }),
        1 => (replica.clone(), any::<bool>()).prop_map(|(replica, now)| Event::Rotate {
            replica,
            start: if now { RotationStart::AtOnce } else { RotationStart::AfterPublishing },
        }),
        1 => replica.clone().prop_map(|replica| Event::Import { replica }),
        1 => (replica, any::<bool>()).prop_map(|(replica, last)| Event::Drop { replica, last }),
    ]
}

struct Token {
    kid: String,
    ends_at_s: i64,
}

/// The table, three replicas with clocks of their own, and the history that is needed to check the rules.
struct World {
    now_ms: i64,
    offsets_ms: [i64; 3],
    table: Vec<KeyLifecycle>,
    readings: [Vec<KeyLifecycle>; 3],
    tokens: Vec<Token>,
    /// When each key was published, by the true clock.
    published: Vec<(String, i64)>,
    /// Keys that are allowed to sign unannounced: the first key, one rotated to at once, and a replacement of a
    /// dropped key.
    unannounced: Vec<String>,
    dropped: Vec<String>,
}

impl World {
    fn new(offsets_ms: [i64; 3]) -> Self {
        Self {
            now_ms: START_MS,
            offsets_ms,
            table: Vec::new(),
            readings: Default::default(),
            tokens: Vec::new(),
            published: Vec::new(),
            unannounced: Vec::new(),
            dropped: Vec::new(),
        }
    }

    fn clock(&self, replica: usize) -> i64 {
        self.now_ms + self.offsets_ms[replica]
    }

    fn insert(&mut self, state: KeyState, now_ms: i64, activates_at_ms: i64) -> String {
        let kid = format!("key-{}", self.published.len());
        self.published.push((kid.clone(), self.now_ms));
        let life = KeyLifecycle { created_at_ms: now_ms, ..key(&kid, state, activates_at_ms) };
        self.table.push(life);
        kid
    }

    /// Does what the statements of `storage::signing_keys` do.
    fn take(&mut self, step: KeyStep, now_ms: i64) {
        match step {
            KeyStep::Begin => {
                let kid = self.insert(KeyState::Active, now_ms, now_ms);
                self.unannounced.push(kid);
            }
            KeyStep::Prepare { activates_at_ms } => {
                let kid = self.insert(KeyState::Next, now_ms, activates_at_ms);
                if activates_at_ms == now_ms {
                    self.unannounced.push(kid);
                }
            }
            KeyStep::Activate { kid, retires } => {
                if retires.is_none() {
                    self.unannounced.push(kid.clone());
                }
                for life in &mut self.table {
                    if Some(&life.kid) == retires.as_ref() {
                        assert_eq!(life.state, KeyState::Active);
                        life.state = KeyState::Retired;
                        life.retires_at_ms = Some(RULES.leaves_at_ms(life.tokens_end_by_s, now_ms));
                    }
                    if life.kid == kid {
                        assert_eq!(life.state, KeyState::Next);
                        (life.state, life.activates_at_ms) = (KeyState::Active, now_ms);
                    }
                }
            }
            KeyStep::Forget { kid } => self.table.retain(|life| life.kid != kid),
        }
    }

    fn settle(&mut self, now_ms: i64) {
        while let Some(step) = RULES.due(&self.table, now_ms) {
            self.take(step, now_ms);
        }
    }

    fn happens(&mut self, event: Event) {
        match event {
            Event::Pass { ms } => self.now_ms += ms,
            Event::Read { replica } => self.readings[replica] = self.table.clone(),
            Event::Turn { replica, steps } => {
                let now_ms = self.clock(replica);
                for _ in 0..steps {
                    if let Some(step) = RULES.due(&self.table, now_ms) {
                        self.take(step, now_ms);
                    }
                }
            }
            Event::Sign { replica, life_s } => self.sign(replica, life_s),
            Event::Rotate { replica, start } => {
                let now_ms = self.clock(replica);
                if let Some(step) = RULES.requested(&self.table, start, now_ms)
                    && !self.table.is_empty()
                {
                    if let KeyStep::Activate { kid, .. } = &step {
                        self.unannounced.push(kid.clone());
                    }
                    self.take(step, now_ms);
                }
                self.settle(now_ms);
            }
            Event::Import { replica } => {
                let now_ms = self.clock(replica);
                self.insert(KeyState::Next, now_ms, RULES.activation_of_new_ms(now_ms));
                self.settle(now_ms);
            }
            Event::Drop { replica, last } => {
                let at = if last { self.table.len().saturating_sub(1) } else { 0 };
                if at < self.table.len() {
                    let life = self.table.remove(at);
                    self.dropped.push(life.kid);
                    self.settle(self.clock(replica));
                }
            }
        }
    }

    /// Does what `KeyStore::sign` does: the last reading, however old, decides which key signs, and the table decides
    /// how late its tokens may expire.
    fn sign(&mut self, replica: usize, life_s: i64) {
        let ends_at_s = self.clock(replica).div_euclid(1000) + life_s;
        for _ in 0..2 {
            let active =
                |keys: &[KeyLifecycle]| keys.iter().find(|life| life.state == KeyState::Active).cloned();
            let Some(known) = active(&self.readings[replica]) else {
                self.readings[replica] = self.table.clone();
                continue;
            };
            if ends_at_s <= known.tokens_end_by_s {
                self.judge_signature(&known.kid);
                self.tokens.push(Token { kid: known.kid, ends_at_s });
                return;
            }
            let stored = self.table.iter_mut().find(|life| life.kid == known.kid);
            if let Some(life) = stored.filter(|life| life.state == KeyState::Active) {
                life.tokens_end_by_s = life.tokens_end_by_s.max(ends_at_s + EXTENSION_S);
            }
            self.readings[replica] = self.table.clone();
        }
    }

    fn judge_signature(&self, kid: &str) {
        let known = self.published.iter().find(|(published, _)| published == kid).unwrap();
        let for_ms = self.now_ms - known.1;
        let is_excused = self.unannounced.iter().any(|excused| excused == kid);
        assert!(is_excused || for_ms >= CACHED_MS, "{kid} signs {for_ms} ms after it was published");
    }

    fn judge(&self) {
        let active = self.table.iter().filter(|life| life.state == KeyState::Active).count();
        assert!(active == 1 || self.table.is_empty(), "{active} are active");
        for token in &self.tokens {
            let lives = token.ends_at_s * 1000 + LEEWAY_MS > self.now_ms;
            let is_known = self.table.iter().any(|life| life.kid == token.kid);
            let was_dropped = self.dropped.contains(&token.kid);
            assert!(!lives || is_known || was_dropped, "{} left before its token", token.kid);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn some_key_signs_none_unannounced_and_none_leaves_early(
        offsets_ms in prop::array::uniform3(-SKEW_MS / 2..=SKEW_MS / 2),
        events in prop::collection::vec(event(), 1..120),
    ) {
        let mut world = World::new(offsets_ms);
        for event in events {
            world.happens(event);
            world.judge();
        }
    }
}
