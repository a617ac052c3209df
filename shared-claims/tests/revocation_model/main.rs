//! The revocation protocol (database, auth-services, Redis, mirror) as a model whose every interleaving is tried.
//!
//! Every state is reached, for time without end: moments are kept as ages, and ages beyond the bound are alike.
//!
//! What is in it: a database that commits facts in order; two auth-services whose rounds are separate steps, each
//! pausable for ever; a Redis that is flushed, whose stream somebody trims, restarted with anything it held before (on a machine whose clock is
//! behind), or handed back by a failover with less than it had; a mirror that reads in pages, over a connection, each
//! request sent, executed and received separately; a check whose three looks may lie apart; a lookup. Mirrors only
//! read and do not know each other, so one stands for all of them. Facts do not expire in here, and Redis's clock is
//! not set back under one `run_id`: the bound grows by that.
//!
//! The feed is a model of its own: see [`feed`]. So is a database that is restored to an earlier state: see [`restored`].
//!
//! What is asked: nothing is accepted later than the bound after its revocation was acknowledged, and nothing again
//! that was refused. Each [`Flaw`] leaves one precaution out, and has to be found.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::print_stdout)]

mod feed;
mod follower;
mod issuer;
mod list;
mod model;
mod restored;
mod verifier;

use std::fmt::Debug;
use std::hash::Hash;

use stateright::{Checker as _, HasDiscoveries, Model};

use feed::Feed;
use model::{Flaw, Protocol};
use restored::{Kind, Restored};

/// Tries everything; says what was violated.
fn violated<M>(protocol: M) -> Vec<&'static str>
where
    M: Model + Debug + Send + Sync + 'static,
    M::State: Clone + Debug + Hash + PartialEq + Send + Sync,
    M::Action: Clone + Debug + PartialEq + Send + Sync,
{
    let checker = protocol.checker().threads(2).finish_when(HasDiscoveries::AnyFailures).spawn_bfs().join();
    println!("{:?}: {} states, depth {}", checker.model(), checker.unique_state_count(), checker.max_depth());
    let discoveries = checker.discoveries();
    let mut names: Vec<_> =
        discoveries.keys().copied().filter(|name| !name.starts_with("it happens:")).collect();
    names.sort_unstable();
    for name in &names {
        println!("{name}:");
        for action in discoveries[name].clone().into_actions() {
            println!("  {action:?}");
        }
    }
    names
}

/// Tries everything, and also that the model is about something: good tokens are accepted, lists rebuilt.
fn holds<M>(protocol: M)
where
    M: Model + Debug + Send + Sync + 'static,
    M::State: Clone + Debug + Hash + PartialEq + Send + Sync,
    M::Action: Clone + Debug + PartialEq + Send + Sync,
{
    let checker = protocol.checker().threads(2).spawn_bfs().join();
    println!("{:?}: {} states, depth {}", checker.model(), checker.unique_state_count(), checker.max_depth());
    checker.assert_properties();
}

#[test]
fn the_protocol_holds_with_two_facts() {
    holds(Protocol { facts: 2, faults: 1, ..Protocol::default() });
}

#[test]
fn the_protocol_holds_through_several_faults() {
    holds(Protocol { facts: 1, faults: 2, ..Protocol::default() });
}

#[test]
fn requests_and_answers_may_take_time() {
    holds(Protocol { facts: 1, faults: 1, slow: true, ..Protocol::default() });
}

#[test]
fn the_looks_of_a_check_may_lie_apart() {
    holds(Protocol { facts: 1, faults: 0, check_apart: true, ..Protocol::default() });
}

#[test]
fn time_taken_after_the_snapshot_is_found_out() {
    let protocol = Protocol { flaw: Flaw::TimeAfterSnapshot, faults: 0, ..Protocol::default() };
    assert_eq!(violated(protocol), [model::WITHIN_THE_BOUND]);
}

#[test]
fn claimed_facts_that_count_as_delivered_are_found_out() {
    let protocol = Protocol { flaw: Flaw::Claims, faults: 0, ..Protocol::default() };
    assert_eq!(violated(protocol), [model::WITHIN_THE_BOUND]);
}

#[test]
fn a_delivery_that_does_not_compare_its_predecessor_is_found_out() {
    let protocol = Protocol { flaw: Flaw::NoPredecessor, facts: 2, ..Protocol::default() };
    assert_eq!(violated(protocol), [model::WITHIN_THE_BOUND]);
}

#[test]
fn a_renewal_in_two_steps_is_found_out() {
    let protocol = Protocol { flaw: Flaw::TornRenewal, ..Protocol::default() };
    assert_eq!(violated(protocol), [model::WITHIN_THE_BOUND]);
}

#[test]
fn a_trimmed_stream_whose_entries_nobody_counts_is_found_out() {
    let protocol = Protocol { flaw: Flaw::EntriesUncounted, ..Protocol::default() };
    assert_eq!(violated(protocol), [model::WITHIN_THE_BOUND]);
}

#[test]
fn a_mirror_that_trusts_any_process_is_found_out() {
    let protocol = Protocol { flaw: Flaw::AnyProcess, ..Protocol::default() };
    assert_eq!(violated(protocol), [model::WITHIN_THE_BOUND]);
}

#[test]
fn a_mirror_that_counts_its_age_from_the_answer_is_found_out() {
    let protocol = Protocol { flaw: Flaw::AgeFromAnswer, faults: 0, slow: true, ..Protocol::default() };
    assert_eq!(violated(protocol), [model::WITHIN_THE_BOUND]);
}

#[test]
fn a_mirror_that_is_complete_with_its_first_page_is_found_out() {
    let protocol = Protocol { flaw: Flaw::FirstPageSuffices, facts: 2, faults: 0, ..Protocol::default() };
    assert_eq!(violated(protocol), [model::WITHIN_THE_BOUND]);
}

#[test]
fn a_resynchronisation_that_forgets_is_found_out() {
    let protocol = Protocol { flaw: Flaw::ForgetsOnResync, ..Protocol::default() };
    assert!(violated(protocol).contains(&model::NEVER_AGAIN));
}

#[test]
fn a_check_that_looks_at_the_age_after_the_facts_is_found_out() {
    let protocol =
        Protocol { flaw: Flaw::AgeAfterFacts, faults: 0, check_apart: true, ..Protocol::default() };
    assert_eq!(violated(protocol), [model::WITHIN_THE_BOUND]);
}

#[test]
fn the_feed_holds_with_three_facts_and_a_restored_database() {
    holds(Feed { facts: 3, ..Feed::default() });
}

#[test]
fn the_feed_holds_for_followers_that_share_a_read() {
    holds(Feed { followers: 2, ..Feed::default() });
}

#[test]
fn a_read_that_answers_requests_which_came_after_its_beginning_is_found_out() {
    let feed = Feed { flaw: feed::Flaw::AnswersLatecomers, restores: 0, ..Feed::default() };
    assert_eq!(violated(feed), [model::WITHIN_THE_BOUND]);
}

#[test]
fn an_answer_from_memory_without_a_read_is_found_out() {
    let feed = Feed { flaw: feed::Flaw::AnswersFromMemory, restores: 0, ..Feed::default() };
    assert_eq!(violated(feed), [model::WITHIN_THE_BOUND]);
}

#[test]
fn a_failed_read_that_is_answered_from_memory_is_found_out() {
    let feed = Feed { flaw: feed::Flaw::FailureIsSilent, restores: 0, ..Feed::default() };
    assert_eq!(violated(feed), [model::WITHIN_THE_BOUND]);
}

#[test]
fn a_kept_page_that_is_called_complete_is_found_out() {
    let feed = Feed { flaw: feed::Flaw::PageIsComplete, restores: 0, ..Feed::default() };
    assert_eq!(violated(feed), [model::WITHIN_THE_BOUND]);
}

#[test]
fn a_restored_database_that_is_read_on_from_the_old_end_is_found_out() {
    let feed = Feed { flaw: feed::Flaw::AnchorUnchecked, ..Feed::default() };
    assert_eq!(violated(feed), [model::WITHIN_THE_BOUND]);
}

#[test]
fn another_database_that_is_taken_for_the_old_one_is_found_out() {
    let feed = Feed { flaw: feed::Flaw::IdUnread, ..Feed::default() };
    assert_eq!(violated(feed), [model::WITHIN_THE_BOUND]);
}

#[test]
fn pages_of_before_a_restored_database_are_found_out() {
    let feed = Feed { flaw: feed::Flaw::PagesOutliveMemory, facts: 4, ..Feed::default() };
    assert_eq!(violated(feed), [model::WITHIN_THE_BOUND]);
}

#[test]
fn a_restored_database_is_safe_with_mirrors() {
    holds(Restored::of(Kind::Mirror));
}

#[test]
fn a_restored_database_is_safe_with_lookups() {
    holds(Restored::of(Kind::Lookup));
}

#[test]
fn a_restored_database_is_safe_with_the_feed() {
    holds(Restored::of(Kind::Feed));
}

#[test]
fn a_restored_database_is_safe_with_the_feed_beside_redis() {
    holds(Restored { with_redis: true, ..Restored::of(Kind::Feed) });
}

#[test]
fn a_restored_database_and_a_flushed_redis_are_safe_after_the_command() {
    holds(Restored { is_flushed: true, ..Restored::of(Kind::Mirror) });
}

/// Leaves a precaution out with each kind of verifier that it concerns.
fn is_found_out(flaw: restored::Flaw, kinds: &[Kind], violation: &str) {
    for kind in kinds {
        let found = violated(Restored::with_flaw(*kind, flaw));
        assert!(found.contains(&violation), "{kind:?}: {found:?}");
    }
}

const KINDS: [Kind; 3] = [Kind::Mirror, Kind::Lookup, Kind::Feed];

#[test]
fn a_server_that_serves_an_older_state_is_found_out() {
    is_found_out(restored::Flaw::ServesOlder, &KINDS, restored::SERVES_NOTHING);
}

#[test]
fn a_log_that_grew_again_is_found_out() {
    is_found_out(restored::Flaw::GrownAgain, &[Kind::Feed], restored::SERVES_NOTHING);
}

#[test]
fn a_feed_that_does_not_compare_its_readings_is_found_out() {
    is_found_out(restored::Flaw::FeedUnchecked, &[Kind::Feed], model::WITHIN_THE_BOUND);
}

#[test]
fn facts_that_take_the_numbers_of_lost_ones_are_found_out() {
    is_found_out(restored::Flaw::CommitsUnchecked, &KINDS, restored::SERVES_NOTHING);
}

#[test]
fn a_command_that_does_not_ask_redis_is_found_out() {
    is_found_out(restored::Flaw::CommandsUnchecked, &[Kind::Mirror, Kind::Lookup], restored::REMEMBERED);
}

#[test]
fn a_redis_that_nobody_compares_is_found_out() {
    is_found_out(restored::Flaw::RedisForgets, &[Kind::Mirror, Kind::Lookup], restored::REMEMBERED);
}

#[test]
fn a_restored_database_with_the_same_id_is_found_out() {
    is_found_out(restored::Flaw::SameId, &KINDS, restored::ENDED);
}

#[test]
fn keys_that_stay_are_found_out() {
    is_found_out(restored::Flaw::KeysStay, &KINDS, model::WITHIN_THE_BOUND);
}

#[test]
fn a_key_set_that_is_not_read_anew_is_found_out() {
    is_found_out(restored::Flaw::KeysNotReadAnew, &KINDS, restored::ENDED);
}

#[test]
fn a_key_set_that_is_read_once_is_found_out() {
    is_found_out(restored::Flaw::KeysReadOnce, &KINDS, restored::ENDED);
}

#[test]
fn a_first_list_that_does_not_count_is_found_out() {
    is_found_out(restored::Flaw::FirstListUncounted, &KINDS, restored::ENDED);
}
