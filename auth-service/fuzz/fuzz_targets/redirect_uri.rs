#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| auth_service_fuzz::fuzzing::redirect_uri(data));
