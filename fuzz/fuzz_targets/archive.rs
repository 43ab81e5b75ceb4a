#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| hostwright::fuzz::archive(bytes));
