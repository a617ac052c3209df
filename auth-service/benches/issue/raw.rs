//! Measures the lower bound of the cost of a token: the RSA-2048 signature of aws-lc, with a key that is parsed once,
//! on every core at the same time.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{RSA_PKCS1_SHA256, RsaKeyPair};

use crate::load::own_processor_seconds;

const RUN: Duration = Duration::from_secs(3);
/// A message of about the length of the signed part of a token.
const MESSAGE: [u8; 600] = [b'a'; 600];

pub(crate) fn cores() -> usize {
    std::thread::available_parallelism().unwrap().get()
}

pub(crate) fn key() -> Arc<RsaKeyPair> {
    Arc::new(RsaKeyPair::generate(KeySize::Rsa2048).unwrap())
}

/// The result of all cores.
pub(crate) struct Signed {
    /// Signatures per second of all cores together.
    pub(crate) a_second: f64,
    /// Processor time per signature, microseconds.
    pub(crate) each_us: f64,
}

pub(crate) fn sign(key: &Arc<RsaKeyPair>) -> Signed {
    let signed = AtomicU64::new(0);
    let before = own_processor_seconds();
    let began = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..cores() {
            scope.spawn(|| {
                let (random, mut signature) = (SystemRandom::new(), vec![0; key.public_modulus_len()]);
                while began.elapsed() < RUN {
                    key.sign(&RSA_PKCS1_SHA256, &random, &MESSAGE, &mut signature).unwrap();
                    signed.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
    });
    let (signed, passed) = (signed.into_inner() as f64, began.elapsed().as_secs_f64());
    let each_us = 1e6 * (own_processor_seconds() - before) / signed;
    Signed { a_second: signed / passed, each_us }
}
