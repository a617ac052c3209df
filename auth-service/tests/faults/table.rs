//! The table of faults.

use std::time::Duration;

use shared_claims::testing::ProxyMode;

use crate::fault::{Fault, Side};

const LATER: ProxyMode = ProxyMode::Delay(Duration::from_millis(50));
const TOO_LATE: ProxyMode = ProxyMode::Delay(Duration::from_millis(1_500));

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
        ("redis_flushed_while_the_issuer_is_cut_off", Fault::FlushedCutOff),
        ("redis_epoch_deleted", Fault::Command("DEL {revoked}:epoch")),
        ("redis_as_of_deleted", Fault::Command("DEL {revoked}:as_of")),
        ("redis_out_of_memory", Fault::OutOfMemory),
        ("redis_may_evict", Fault::MayEvict),
        ("redis_evicts", Fault::Evicts),
        ("stream_trimmed_to_nothing", Fault::Command("XTRIM {revoked}:events MAXLEN 0")),
        ("stream_trimmed", Fault::Command("XTRIM {revoked}:events MAXLEN 1")),
        ("stream_deleted", Fault::Command("DEL {revoked}:events")),
        ("stream_entry_deleted", Fault::Command("XDEL {revoked}:events 2-0")),
        ("database_refused", Fault::Database(ProxyMode::Refuse)),
        ("database_hanging", Fault::Database(ProxyMode::Hang)),
        ("database_cut_amid_answers", Fault::Database(ProxyMode::CutAfter(4_000))),
        ("issuer_killed", Fault::IssuerKilled),
        ("issuer_paused", Fault::IssuerPaused),
        ("one_issuer_of_two_cut_off", Fault::OneCutOff(ProxyMode::Refuse)),
        ("one_issuer_of_two_hanging", Fault::OneCutOff(ProxyMode::Hang)),
        ("one_issuer_of_two_paused", Fault::OnePaused),
        ("one_issuer_of_two_killed", Fault::OneKilled),
    ]
    .map(|(name, fault)| (name.to_owned(), fault))
    .into();
    for (how, mode) in wires() {
        for (whose, side) in [("issuer", Side::Issuer), ("verifiers", Side::Verifiers), ("both", Side::Both)]
        {
            rows.push((format!("redis_{how}_for_{whose}"), Fault::Wire(side, mode)));
        }
        rows.push((format!("feed_{how}"), Fault::Feed(mode)));
    }
    rows
}

fn wires() -> [(&'static str, ProxyMode); 7] {
    [
        ("refused", ProxyMode::Refuse),
        ("hanging", ProxyMode::Hang),
        ("reset", ProxyMode::Reset),
        ("later", LATER),
        ("too_late", TOO_LATE),
        ("cut_at_once", ProxyMode::CutAfter(20)),
        ("cut_amid_answers", ProxyMode::CutAfter(6_000)),
    ]
}
