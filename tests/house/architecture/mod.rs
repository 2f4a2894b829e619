//! Holds the house to its plan: which room may import which, and what every file looks like.
mod arrows;
mod creations;
mod paths;
mod samples;
mod tokens;

use std::fs;
use std::path::{Path, PathBuf};

/// More lines than this, and a file wants splitting.
const LONGEST: usize = 500;
/// More lines than this between its braces, and a function wants splitting.
const LONGEST_FUNCTION: usize = 80;

/// Every source file of the library and the binary: its path from the project's root, its text.
fn sources() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    let mut folders = vec![root.join("src"), root.join("commands")];
    while let Some(folder) = folders.pop() {
        for path in entries(&folder) {
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                let text = fs::read_to_string(&path)
                    .unwrap_or_else(|e| panic!("cannot read {}: {e}", path.display()));
                let name = path.strip_prefix(root).expect("is under the root");
                found.push((name.to_string_lossy().replace('\\', "/"), text));
            }
        }
    }
    found.sort();
    found
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    fs::read_dir(folder)
        .unwrap_or_else(|e| panic!("cannot list {}: {e}", folder.display()))
        .map(|entry| entry.expect("a folder's entry").path())
        .collect()
}

/// The sources without the files that are compiled only for tests.
fn shipped() -> Vec<(String, String)> {
    let all = sources();
    let tests: Vec<String> = all
        .iter()
        .flat_map(|(file, text)| arrows::test_modules(file, text))
        .collect();
    let is_test = |file: &str| {
        let module = arrows::module(file).join("::") + "::";
        tests
            .iter()
            .any(|test| module.starts_with(&format!("{test}::")))
    };
    all.into_iter().filter(|(file, _)| !is_test(file)).collect()
}

fn assert_none(what: &str, faults: &[String]) {
    assert!(faults.is_empty(), "{what}\n  {}\n", faults.join("\n  "));
}

#[test]
fn imports_follow_the_arrows() {
    let sources = shipped();
    assert!(sources.iter().any(|(file, _)| file == "src/lib.rs"));
    let faults: Vec<String> = sources
        .iter()
        .flat_map(|(file, text)| arrows::faults(file, text))
        .collect();
    assert_none("imports against the arrows of ARCHITECTURE.md:", &faults);
}

#[test]
fn every_room_is_on_the_plan() {
    let faults: Vec<String> = shipped()
        .iter()
        .filter_map(|(file, _)| {
            let room = arrows::module(file).first()?.clone();
            let known = arrows::ALLOWED.iter().any(|(name, _)| *name == room);
            (!known).then(|| {
                format!("{file}: `{room}` is no room of the house: give it its arrows in tests/house/architecture/arrows.rs and ARCHITECTURE.md")
            })
        })
        .collect();
    assert_none("rooms without arrows:", &faults);
}

#[test]
fn what_may_be_done_is_asked_in_one_place() {
    let asks = |(file, text): &(String, String)| {
        let (tokens, _) = tokens::without_tests(&tokens::tokens(text));
        let paths = paths::reached(&tokens, &arrows::module(file));
        let of_policy = |path: &[String]| match path {
            [room] => room == "policy",
            [room, name, ..] => room == "policy" && (name == "allow" || name == "*"),
            [] => false,
        };
        paths.iter().any(|reached| of_policy(&reached.path)) && !file.starts_with("src/policy/")
    };
    let asking: Vec<(String, String)> = shipped().into_iter().filter(asks).collect();
    let [(file, _)] = &asking[..] else {
        panic!("more or fewer than one file asks the policy: {asking:?}");
    };
    assert_eq!(file, "src/chat/rights/gate.rs");
    let act = shipped()
        .into_iter()
        .find(|(file, _)| file == "src/chat/act.rs");
    let (_, act) = act.expect("the door");
    assert_eq!(
        act.matches("self.pass(").count(),
        1,
        "the door asks the gate"
    );
}

#[test]
fn every_part_of_ops_is_on_the_plan() {
    let parts: std::collections::BTreeSet<String> = shipped()
        .iter()
        .filter_map(|(file, _)| match &arrows::module(file)[..] {
            [room, part, ..] if room == "ops" => Some(part.clone()),
            _ => None,
        })
        .collect();
    let planned = arrows::ALLOWED_IN_OPS
        .iter()
        .map(|(name, _)| (*name).to_owned());
    assert_eq!(
        parts,
        planned.collect(),
        "parts of ops, and the plan of their arrows"
    );
}

#[test]
fn every_file_says_what_it_is_for() {
    let faults: Vec<String> = sources()
        .iter()
        .filter(|(_, text)| !text.starts_with("//! "))
        .map(|(file, _)| format!("{file}:1: begins with no `//!` line that says what it is for"))
        .collect();
    assert_none("files that don't introduce themselves:", &faults);
}

#[test]
fn no_file_is_too_long() {
    let faults: Vec<String> = sources()
        .iter()
        .map(|(file, text)| (file, text.lines().count()))
        .filter(|(_, lines)| *lines > LONGEST)
        .map(|(file, lines)| format!("{file}: {lines} lines; split it, {LONGEST} is the most"))
        .collect();
    assert_none("files that do more than one thing:", &faults);
}

/// The functions of a formatted file: in which line each begins, and how many lines it has.
fn functions(text: &str) -> Vec<(usize, usize)> {
    let lines: Vec<&str> = text.lines().collect();
    let is_head = |line: &str| {
        let mut words = line.split_whitespace();
        let before = |word: &&str| word.starts_with("pub") || ["const", "async"].contains(word);
        let seen = words
            .by_ref()
            .find(|word| !before(word) && !word.ends_with(')'));
        seen == Some("fn")
    };
    let length = |(at, line): (usize, &&str)| {
        if !is_head(line) {
            return None;
        }
        let indent = &line[..line.len() - line.trim_start().len()];
        let body = at
            + lines[at..]
                .iter()
                .position(|line| line.ends_with(['{', ';', '}']))?;
        if !lines[body].ends_with('{') {
            return None;
        }
        let end = lines[body..]
            .iter()
            .position(|line| *line == format!("{indent}}}"))?;
        Some((at + 1, end - 1))
    };
    lines.iter().enumerate().filter_map(length).collect()
}

#[test]
fn no_function_is_too_long() {
    let long = format!("fn a() {{\n{}}}\nfn b();\n", "    b();\n".repeat(81));
    assert_eq!(functions(&long), [(1, 81)]);
    let all = shipped();
    let lengths = all.iter().flat_map(|(file, text)| {
        let of_file = move |(at, lines)| (format!("{file}:{at}"), lines);
        functions(text).into_iter().map(of_file)
    });
    let lengths: Vec<(String, usize)> = lengths.collect();
    assert!(lengths.len() > 1_000, "found only {}", lengths.len());
    let faults: Vec<String> = lengths
        .iter()
        .filter(|(_, lines)| *lines > LONGEST_FUNCTION)
        .map(|(place, lines)| format!("{place}: {lines} lines; {LONGEST_FUNCTION} is the most"))
        .collect();
    assert_none("functions that do more than one thing:", &faults);
}
