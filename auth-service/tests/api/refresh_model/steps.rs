//! Random steps of a sequence.

use proptest::prelude::*;
use proptest::sample::select;

use super::model::Scope;

/// A token, given by its distance from the newest one.
#[derive(Clone, Copy, Debug)]
pub(super) enum TokenChoice {
    Newest,
    Parent,
    Grandparent,
    Oldest,
}

/// One act. Tokens are given relative to the state of the sequence at that point.
#[derive(Clone, Copy, Debug)]
pub(super) enum RelativeAction {
    LogIn(Scope),
    Refresh { back: usize, which: TokenChoice, scope: Option<Scope> },
    RevokeRefreshToken { back: usize, which: TokenChoice },
    RevokeAccessToken { back: usize, which: TokenChoice },
    LogOut { back: usize, which: TokenChoice },
    LogOutAll { back: usize, which: TokenChoice },
    Disable,
    Enable,
}

#[derive(Clone, Debug)]
pub(super) enum Step {
    Alone(RelativeAction),
    /// Different acts at once.
    Together(Vec<RelativeAction>),
    /// The same act, this many times at once.
    Crowd(RelativeAction, usize),
    WaitMs(u64),
}

fn token_choice() -> impl Strategy<Value = TokenChoice> {
    prop_oneof![
        6 => Just(TokenChoice::Newest),
        4 => Just(TokenChoice::Parent),
        1 => Just(TokenChoice::Grandparent),
        1 => Just(TokenChoice::Oldest),
    ]
}

/// A distance, mostly 0 for the newest.
fn back() -> impl Strategy<Value = usize> {
    prop_oneof![4 => Just(0), 1 => Just(1), 1 => Just(2)]
}

fn scope() -> impl Strategy<Value = Option<Scope>> {
    prop_oneof![
        6 => Just(None),
        1 => Just(Some(Scope::Read)),
        1 => Just(Some(Scope::All)),
        1 => Just(Some(Scope::Unknown)),
    ]
}

fn refresh() -> impl Strategy<Value = RelativeAction> {
    (back(), token_choice(), scope()).prop_map(|(back, which, scope)| RelativeAction::Refresh {
        back,
        which,
        scope,
    })
}

fn log_in() -> impl Strategy<Value = RelativeAction> {
    prop_oneof![2 => Just(Scope::All), 1 => Just(Scope::Read)].prop_map(RelativeAction::LogIn)
}

/// Any act except a login, because two concurrent logins could not be told apart.
fn on_what_there_is() -> impl Strategy<Value = RelativeAction> {
    let of = |make: fn(usize, TokenChoice) -> RelativeAction| {
        (back(), token_choice()).prop_map(move |(back, which)| make(back, which))
    };
    prop_oneof![
        14 => refresh(),
        1 => of(|back, which| RelativeAction::RevokeRefreshToken { back, which }),
        1 => of(|back, which| RelativeAction::RevokeAccessToken { back, which }),
        1 => of(|back, which| RelativeAction::LogOut { back, which }),
        1 => of(|back, which| RelativeAction::LogOutAll { back, which }),
        1 => Just(RelativeAction::Disable),
        2 => Just(RelativeAction::Enable),
    ]
}

fn one() -> impl Strategy<Value = RelativeAction> {
    prop_oneof![3 => log_in(), 20 => on_what_there_is()]
}

/// A time near one of the limits of the rules, to the millisecond.
fn wait() -> impl Strategy<Value = u64> {
    select(vec![1, 4_999, 5_000, 9_999, 10_000, 29_999, 30_000, 40_000, 49_999, 50_000, 99_999, 100_000])
}

pub(super) fn steps() -> impl Strategy<Value = Vec<Step>> {
    let together =
        (one(), prop::collection::vec(on_what_there_is(), 1..=2)).prop_map(|(first, mut others)| {
            others.push(first);
            Step::Together(others)
        });
    let step = prop_oneof![
        12 => one().prop_map(Step::Alone),
        5 => wait().prop_map(Step::WaitMs),
        3 => together,
        2 => (refresh(), 2..=8_usize).prop_map(|(refresh, times)| Step::Crowd(refresh, times)),
    ];
    prop::collection::vec(step, 10..40)
}
