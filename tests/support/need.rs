//! What a test needs that not every machine has, and what happens where it is missing.
use std::fs::OpenOptions;
use std::io::Write;

/// `scripts/test` names here what it brought; a test that needs one of those must run.
const BROUGHT: &str = "DISCORDCTL_TEST_BROUGHT";
/// A file in which `scripts/test` collects what was left out, to say so at its end.
const LEFT_OUT: &str = "DISCORDCTL_TEST_LEFT_OUT";

/// Ends a test that cannot run here: `need` is what it lacks, a word of `scripts/test`.
///
/// # Panics
/// Where `scripts/test` brought that: then the test must not pass by being left out.
pub(crate) fn left_out(need: &str, why: &str) {
    let brought = std::env::var(BROUGHT).unwrap_or_default();
    assert!(
        !brought.split_whitespace().any(|word| word == need),
        "this test needs {need}, which scripts/test brought, and yet: {why}"
    );
    let thread = std::thread::current();
    let line = format!("{}: no {need}: {why}\n", thread.name().unwrap_or("a test"));
    print!("left out: {line}");
    if let Some(path) = std::env::var_os(LEFT_OUT) {
        let file = OpenOptions::new().append(true).create(true).open(path);
        let written = file.and_then(|mut file| file.write_all(line.as_bytes()));
        written.expect("scripts/test can be told what was left out");
    }
}
