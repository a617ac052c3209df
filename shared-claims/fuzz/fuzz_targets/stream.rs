#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| shared_claims::fuzzing::stream(data));
