//! The possible orders of concurrent requests.

use super::model::{Act, Model, Outcome};

/// Whether all acts and outcomes are the same.
pub(super) fn is_crowd(seen: &[(Act, Outcome)]) -> bool {
    seen.len() > 1 && seen.iter().all(|(act, _)| *act == seen[0].0)
}

/// A step of a concurrent act, by the act's number.
#[derive(Clone, Copy)]
pub(super) enum Moment {
    /// The access token of a logout is checked.
    Checks(usize),
    /// The act takes effect.
    Acts(usize),
}

/// Every order of the steps; only one, if all acts are the same.
pub(super) fn orders(seen: &[(Act, Outcome)]) -> Vec<Vec<Moment>> {
    if is_crowd(seen) {
        return vec![(0..seen.len()).map(Moment::Acts).collect()];
    }
    let moments = seen.iter().enumerate().map(|(number, (act, _))| match act {
        Act::LogOut { .. } | Act::LogOutAll { .. } => vec![Moment::Checks(number), Moment::Acts(number)],
        _ => vec![Moment::Acts(number)],
    });
    merged(&moments.collect::<Vec<_>>())
}

fn merged(queues: &[Vec<Moment>]) -> Vec<Vec<Moment>> {
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
    seen: &[(Act, Outcome)],
    order: &[Moment],
    now_ms: i64,
) -> Vec<Outcome> {
    let mut may = vec![None; seen.len()];
    let mut outcomes = vec![Outcome::Done; seen.len()];
    for moment in order {
        match *moment {
            Moment::Checks(number) => {
                if let Act::LogOut { login, access } | Act::LogOutAll { login, access } = seen[number].0 {
                    may[number] = Some(model.is_good(login, access, now_ms));
                }
            }
            Moment::Acts(number) => {
                outcomes[number] = match may[number] {
                    Some(may) => model.leave(seen[number].0, may, now_ms),
                    None => model.apply(seen[number].0, now_ms),
                };
            }
        }
    }
    outcomes
}
