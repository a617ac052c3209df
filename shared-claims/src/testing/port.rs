//! Ports for processes that are started, killed and started again.

use std::net::TcpListener;
use std::sync::atomic::{AtomicU32, Ordering};

/// Where to look. Systems give ports away from above this (Linux from 32768, the IANA's range from 49152): what is free
/// here stays free, also while the process that is to have it is down.
const FIRST: u32 = 15_000;
const NUMBER: u32 = 15_000;

/// A port of 127.0.0.1 that nothing listens on, and that no other call in this process has given.
///
/// ```
/// use shared_claims::testing::free_port;
///
/// assert_ne!(free_port(), free_port());
/// ```
pub fn free_port() -> u16 {
    static GIVEN: AtomicU32 = AtomicU32::new(0);
    // Test processes that run at the same time begin apart.
    let begin = std::process::id().wrapping_mul(611);
    for _ in 0..NUMBER {
        let next = begin.wrapping_add(GIVEN.fetch_add(1, Ordering::Relaxed)) % NUMBER;
        let port = u16::try_from(FIRST + next).expect("a port");
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
    panic!("no port is free");
}
