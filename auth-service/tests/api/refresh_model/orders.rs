//! The possible orders of concurrent requests.

use super::model::{Action, Model, Outcome};

/// Whether all acts are the same, and each happens at one moment: then their order makes no difference. A logout has
/// two moments. Two that present the same access token may both be checked before one of them takes effect.
pub(super) fn is_crowd(seen: &[(Action, Outcome)]) -> bool {
    seen.len() > 1 && !is_logout(seen[0].0) && seen.iter().all(|(act, _)| *act == seen[0].0)
}

fn is_logout(act: Action) -> bool {
    matches!(act, Action::LogOut { .. } | Action::LogOutAll { .. })
}

/// A step of a concurrent act, by the act's number.
#[derive(Clone, Copy)]
pub(super) enum Event {
    /// The access token of a logout is checked.
    Checks(usize),
    /// The act takes effect.
    TakesEffect(usize),
}

/// Every order of the steps; only one of a crowd.
pub(super) fn orders(seen: &[(Action, Outcome)]) -> Vec<Vec<Event>> {
    if is_crowd(seen) {
        return vec![(0..seen.len()).map(Event::TakesEffect).collect()];
    }
    let moments = seen.iter().enumerate().map(|(number, (act, _))| {
        let checks = is_logout(*act).then_some(Event::Checks(number));
        checks.into_iter().chain([Event::TakesEffect(number)]).collect()
    });
    merged(&moments.collect::<Vec<_>>())
}

fn merged(queues: &[Vec<Event>]) -> Vec<Vec<Event>> {
    if queues.iter().all(Vec::is_empty) {
        return vec![Vec::new()];
    }
    let mut all = Vec::new();
    for (number, queue) in queues.iter().enumerate().filter(|(_, queue)| !queue.is_empty()) {
        let mut rest = queues.to_vec();
        rest[number].remove(0);
        all.extend(merged(&rest).into_iter().map(|order| [&queue[..1], &order].concat()));
    }
    all
}

/// The outcome of each act in this order, by its number.
pub(super) fn in_order(
    model: &mut Model,
    seen: &[(Action, Outcome)],
    order: &[Event],
    now_ms: i64,
) -> Vec<Outcome> {
    let mut may = vec![None; seen.len()];
    let mut outcomes = vec![Outcome::Done; seen.len()];
    for moment in order {
        match *moment {
            Event::Checks(number) => {
                if let Action::LogOut { login, access } | Action::LogOutAll { login, access } = seen[number].0
                {
                    may[number] = Some(model.is_good(login, access, now_ms));
                }
            }
            Event::TakesEffect(number) => {
                outcomes[number] = match may[number] {
                    Some(may) => model.leave(seen[number].0, may, now_ms),
                    None => model.apply(seen[number].0, now_ms),
                };
            }
        }
    }
    outcomes
}
