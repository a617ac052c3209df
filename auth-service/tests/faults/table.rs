//! The table of faults.

use std::time::Duration;

use shared_claims::testing::ProxyMode;

use crate::fault::{Fault, Side};
use crate::restored::Meanwhile;

const SLIGHT_DELAY: ProxyMode = ProxyMode::Delay(Duration::from_millis(50));
const LONG_DELAY: ProxyMode = ProxyMode::Delay(Duration::from_millis(1_500));

/// Every fault with the name of its row.
pub(crate) fn rows() -> Vec<(String, Fault)> {
    let mut rows: Vec<(String, Fault)> = [
        ("nothing", Fault::None),
        ("redis_killed", Fault::RedisKilled),
        ("redis_back_with_an_older_dump", Fault::RedisOlder),
        ("redis_paused", Fault::RedisPaused),
        ("redis_failed_over_to_a_replica_that_lags", Fault::FailedOver),
        ("redis_split_brain", Fault::SplitBrain),
        ("redis_flushed", Fault::Command("FLUSHALL")),
        ("redis_flushed_while_the_issuer_is_cut_off", Fault::FlushedWhileDisconnected),
        ("redis_epoch_deleted", Fault::Command("DEL {revoked}:epoch")),
        ("redis_as_of_deleted", Fault::Command("DEL {revoked}:as_of")),
        ("redis_out_of_memory", Fault::OutOfMemory),
        ("redis_may_evict", Fault::EvictionAllowed),
        ("redis_evicts", Fault::Evicting),
        ("stream_trimmed_to_nothing", Fault::Command("XTRIM {revoked}:events MAXLEN 0")),
        ("stream_trimmed", Fault::Command("XTRIM {revoked}:events MAXLEN 1")),
        ("stream_deleted", Fault::Command("DEL {revoked}:events")),
        ("stream_entry_deleted", Fault::Command("XDEL {revoked}:events 2-0")),
        ("database_refused", Fault::DatabaseNetwork(ProxyMode::Refuse)),
        ("database_hanging", Fault::DatabaseNetwork(ProxyMode::Hang)),
        ("database_cut_amid_answers", Fault::DatabaseNetwork(ProxyMode::CutAfter(4_000))),
        ("issuer_killed", Fault::IssuerKilled),
        ("issuer_paused", Fault::IssuerPaused),
        ("one_issuer_of_two_cut_off", Fault::OneDisconnected(ProxyMode::Refuse)),
        ("one_issuer_of_two_hanging", Fault::OneDisconnected(ProxyMode::Hang)),
        ("one_issuer_of_two_paused", Fault::OnePaused),
        ("one_issuer_of_two_killed", Fault::OneKilled),
        ("database_restored", Fault::Restored(Meanwhile::Nothing)),
        ("database_restored_and_issuers_restarted", Fault::Restored(Meanwhile::IssuersRestarted)),
        ("database_restored_while_one_issuer_is_cut_off", Fault::Restored(Meanwhile::OneIssuerDisconnected)),
        ("database_restored_while_one_issuer_is_paused", Fault::Restored(Meanwhile::OneIssuerPaused)),
        ("database_restored_while_verifiers_are_cut_off", Fault::Restored(Meanwhile::VerifiersDisconnected)),
        ("database_restored_amid_a_split_brain", Fault::Restored(Meanwhile::SplitBrain)),
        ("database_restored_and_redis_flushed", Fault::Restored(Meanwhile::RedisFlushed)),
    ]
    .map(|(name, fault)| (name.to_owned(), fault))
    .into();
    for (how, mode) in network_faults() {
        for (name, side) in [("issuer", Side::Issuer), ("verifiers", Side::Verifiers), ("both", Side::Both)] {
            rows.push((format!("redis_{how}_for_{name}"), Fault::RedisNetwork(side, mode)));
        }
        rows.push((format!("feed_{how}"), Fault::FeedNetwork(mode)));
    }
    rows
}

fn network_faults() -> [(&'static str, ProxyMode); 7] {
    [
        ("refused", ProxyMode::Refuse),
        ("hanging", ProxyMode::Hang),
        ("reset", ProxyMode::Reset),
        ("later", SLIGHT_DELAY),
        ("too_late", LONG_DELAY),
        ("cut_at_once", ProxyMode::CutAfter(20)),
        ("cut_amid_answers", ProxyMode::CutAfter(6_000)),
    ]
}
