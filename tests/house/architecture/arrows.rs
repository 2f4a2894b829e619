//! The arrows: which room may import which, and the sentence for an import that may not be.
use super::{paths, tokens};

/// A room, and the rooms it may import.
pub(crate) const ALLOWED: &[(&str, &[&str])] = &[
    (
        "commands",
        &[
            "server", "ops", "archive", "process", "private", "config", "model",
        ],
    ),
    (
        "server",
        &[
            "transport",
            "chat",
            "archive",
            "auth",
            "delivery",
            "search",
            "store",
            "bus",
            "process",
            "private",
            "config",
            "clock",
            "model",
            "meter",
            "random",
            "tls",
        ],
    ),
    (
        "ops",
        &[
            "client", "policy", "auth", "tls", "archive", "regular", "search", "index", "store",
            "bus", "process", "private", "config", "clock", "model", "meter", "random",
        ],
    ),
    ("client", &["model", "tls"]),
    ("transport", &["chat", "model", "meter", "random"]),
    (
        "chat",
        &[
            "policy", "auth", "delivery", "search", "index", "store", "bus", "clock", "model",
            "meter", "random",
        ],
    ),
    (
        "search",
        &[
            "archive", "index", "store", "clock", "model", "meter", "random",
        ],
    ),
    ("auth", &["model", "clock", "random", "meter"]),
    ("policy", &["model"]),
    (
        "delivery",
        &[
            "archive", "store", "bus", "clock", "model", "meter", "random",
        ],
    ),
    (
        "archive",
        &["index", "store", "config", "private", "regular", "model"],
    ),
    ("store", &["private", "model", "meter", "random"]),
    ("bus", &["model", "meter", "random"]),
    ("config", &["model"]),
    ("process", &["private", "config", "clock", "model"]),
    ("index", &["model"]),
    ("model", &["random"]),
    ("clock", &[]),
    ("tls", &[]),
    ("random", &[]),
    ("private", &[]),
    ("regular", &[]),
    ("meter", &[]),
];

/// The parts of `ops`, and the other parts that each may import: what runs jobs on the history
/// stands on `lease` and `fault`, what looks at servers on `probe`, `finding` and `deadline`, and
/// nothing stands on what only operators call.
pub(crate) const ALLOWED_IN_OPS: &[(&str, &[&str])] = &[
    ("alerts", &[]),
    ("archive", &["fault", "lease"]),
    ("backup", &["fault", "lease"]),
    ("bench", &["probe"]),
    ("cleanup", &["archive", "fault", "lease"]),
    ("deadline", &[]),
    ("doctor", &["deadline", "finding", "health", "probe"]),
    ("drill", &["backup", "instances", "probe"]),
    ("erase", &["archive", "fault"]),
    ("events", &[]),
    ("fault", &[]),
    ("finding", &[]),
    ("health", &["deadline", "finding", "probe"]),
    ("instances", &["probe"]),
    ("jobs", &["lease"]),
    ("lease", &[]),
    ("logs", &[]),
    ("migrate", &[]),
    ("monitor", &["probe", "runbook"]),
    ("people", &[]),
    ("probe", &["backup", "deadline", "finding"]),
    ("replay", &["archive", "fault"]),
    ("runbook", &["probe"]),
    ("search", &["archive"]),
    ("storage", &["deadline", "probe"]),
    ("upkeep", &[]),
];

/// The module that a source file holds: `src/chat/verb/nick.rs` is `chat::verb::nick`,
/// everything under `commands/` begins with `commands`, the library's root is empty.
pub(crate) fn module(file: &str) -> Vec<String> {
    let inside = file.strip_prefix("src/").unwrap_or(file);
    let stem = inside.strip_suffix(".rs").unwrap_or(inside);
    let stem = stem.strip_suffix("/mod").unwrap_or(stem);
    if stem == "lib" {
        return Vec::new();
    }
    stem.split('/').map(str::to_owned).collect()
}

/// The modules of other files that `file` declares for tests only, as `chat::tests`.
pub(crate) fn test_modules(file: &str, source: &str) -> Vec<String> {
    let (_, names) = tokens::without_tests(&tokens::tokens(source));
    let mut parent = module(file);
    if matches!(parent.last().map(String::as_str), Some("main")) {
        parent.pop();
    }
    let path = |name: &String| {
        let mut path = parent.clone();
        path.push(name.clone());
        path.join("::")
    };
    names.iter().map(path).collect()
}

/// What `file` imports and may not, a sentence for each.
pub(crate) fn faults(file: &str, source: &str) -> Vec<String> {
    let module = module(file);
    // The root only names the rooms.
    let Some(room) = module.first() else {
        return Vec::new();
    };
    let allowed = ALLOWED
        .iter()
        .find(|(name, _)| name == room)
        .map_or(&[][..], |(_, allowed)| allowed);
    let (tokens, _) = tokens::without_tests(&tokens::tokens(source));

    let mut faults = Vec::new();
    for pair in tokens.windows(4) {
        if [0, 1, 2, 3].map(|n| pair[n].text.as_str()) == ["#", "[", "path", "="] {
            let line = pair[0].line;
            faults.push(format!(
                "{file}:{line}: `#[path]` brings in a file past the arrows"
            ));
        }
    }
    for reached in paths::reached(&tokens, &module) {
        let line = reached.line;
        if let Some(fault) = across_ops(&module, &reached.path) {
            faults.push(format!("{file}:{line}: {fault}"));
            continue;
        }
        match reached.path.first().map_or("self", String::as_str) {
            target if target == room || allowed.contains(&target) => {}
            "*" | "self" => faults.push(format!(
                "{file}:{line}: takes the whole library at once; name the room that is meant"
            )),
            target => faults.push(format!(
                "{file}:{line}: {room} → {target} is no arrow ({}); {room} may import {}",
                reached.path.join("::"),
                if allowed.is_empty() {
                    "nothing".to_owned()
                } else {
                    allowed.join(", ")
                },
            )),
        }
    }
    faults
}

/// What is wrong with a path from one part of `ops` to another, if anything is.
fn across_ops(module: &[String], path: &[String]) -> Option<String> {
    let ([room, part, ..], [target_room, target, ..]) = (module, path) else {
        return None;
    };
    let is_part = |name: &String| ALLOWED_IN_OPS.iter().any(|(part, _)| part == name);
    if room != "ops" || target_room != "ops" || target == part || !is_part(target) {
        return None;
    }
    let (_, allowed) = ALLOWED_IN_OPS.iter().find(|(name, _)| name == part)?;
    if allowed.contains(&target.as_str()) {
        return None;
    }
    let may = if allowed.is_empty() {
        "no other part".to_owned()
    } else {
        allowed.join(", ")
    };
    Some(format!(
        "ops::{part} → ops::{target} is no arrow ({}); ops::{part} may import {may}",
        path.join("::")
    ))
}
