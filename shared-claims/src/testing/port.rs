//! Ports for processes that are started, killed and started again.

use std::net::TcpListener;
use std::sync::atomic::{AtomicU32, Ordering};

/// The first port to try. Operating systems assign dynamic ports above this range (Linux from 32768, IANA's range from
/// 49152), so a port that is free here stays free while the test's process is down.
const FIRST: u32 = 15_000;
const NUMBER: u32 = 15_000;

/// A free port of 127.0.0.1 that no other call in this process has returned.
///
/// ```
/// use shared_claims::testing::free_port;
///
/// assert_ne!(free_port(), free_port());
/// ```
pub fn free_port() -> u16 {
    static GIVEN: AtomicU32 = AtomicU32::new(0);
    // Test processes that run at the same time start at different ports.
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
