//! Measures the memory of a mirror: a million revocations must fit into 64 MiB. The only test of its process, because
//! it measures the memory of the whole process.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::print_stdout)]

use shared_claims::claims::TokenId;
use shared_claims::clock::ManualClock;
use shared_claims::revocation::{
    Mirror, MirrorSettings, RevocationFact, RevocationKind, RevocationQuery, Verdict,
};

const NOW_S: i64 = 1_790_000_000;
const ENTRIES: u128 = 1_000_000;
const MIB: u64 = 1024 * 1024;

/// The resident memory, in bytes.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").trim().parse::<u64>().unwrap() * 1024
}

/// A token id whose bits are spread like the random bits of real ids.
fn id(number: u128) -> TokenId {
    let spread = number.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835).to_be_bytes();
    TokenId::new(NOW_S * 1_000 + i64::try_from(number).unwrap(), *spread.last_chunk().unwrap())
}

#[test]
fn a_million_revocations_fit_in_64_mib_and_leave() {
    let clock = ManualClock::at(NOW_S * 1_000);
    let (mirror, writer) = Mirror::by_hand(MirrorSettings::default().clock(clock.clone()));
    let before = resident();
    for number in 0..ENTRIES {
        // The facts end within a quarter of an hour, like those of real tokens.
        let exp = NOW_S + 60 + i64::try_from(number % 900).unwrap();
        writer
            .add(&RevocationFact { kind: RevocationKind::Jti, id: id(number).to_string(), at: None, exp })
            .unwrap();
    }
    let used = resident() - before;
    println!("{ENTRIES} revocations: {:.1} MiB", f64::from(u32::try_from(used / 1024).unwrap()) / 1024.0);
    assert!(used <= 64 * MIB, "{used} bytes");
    assert_eq!(mirror.status().entries, usize::try_from(ENTRIES).unwrap());
    let query = |number| RevocationQuery {
        jti: id(number),
        sid: None,
        sub: "s",
        client_id: "c",
        kid: "k",
        exp: NOW_S + 900,
    };
    assert_eq!(mirror.check(&query(ENTRIES - 1)), Verdict::Revoked(RevocationKind::Jti));
    clock.advance_ms(1_200_000);
    writer.complete_as_of(1);
    assert_eq!(mirror.status().entries, 0, "expired facts are removed");
}
