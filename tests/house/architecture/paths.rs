//! The paths in a file that reach into the library, each as its place from the library's root.
use super::tokens::{Token, text};

/// A path from the root of the library, and the line where it names its room.
#[derive(Debug, PartialEq)]
pub(crate) struct Reached {
    pub(crate) path: Vec<String>,
    pub(crate) line: usize,
}

/// What `tokens`, the source of `module`, names by `crate::`, `discordctl::`, `super::` or
/// `self::`, alone or in groups. A path to the root itself (`use crate as c`) has none or
/// `self` or `*` as its first name.
pub(crate) fn reached(tokens: &[Token], module: &[String]) -> Vec<Reached> {
    let mut found = Vec::new();
    let mut inner: Vec<(String, i32)> = Vec::new();
    let mut depth = 0;
    let mut at = 0;
    while at < tokens.len() {
        match text(tokens, at) {
            "{" => {
                depth += 1;
                if at >= 2 && text(tokens, at - 2) == "mod" {
                    inner.push((tokens[at - 1].text.clone(), depth));
                }
            }
            "}" => {
                if inner.last().is_some_and(|(_, d)| *d == depth) {
                    inner.pop();
                }
                depth -= 1;
            }
            "crate" | "discordctl" if text(tokens, at + 1) == "as" => found.push(Reached {
                path: vec!["self".to_owned()],
                line: tokens[at].line,
            }),
            "crate" | "discordctl" | "super" | "self" if starts_path(tokens, at) => {
                let here: Vec<String> = module
                    .iter()
                    .chain(inner.iter().map(|(name, _)| name))
                    .cloned()
                    .collect();
                let mut leaves = Vec::new();
                at = tree(tokens, at, &mut Vec::new(), &mut leaves);
                found.extend(leaves.iter().map(|leaf| from_root(leaf, &here)));
                continue;
            }
            _ => {}
        }
        at += 1;
    }
    found
}

fn starts_path(tokens: &[Token], at: usize) -> bool {
    let inside = at >= 2
        && text(tokens, at - 1) == "::"
        && text(tokens, at - 2).ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == '>')
        && text(tokens, at - 2) != "use";
    text(tokens, at + 1) == "::" && !inside
}

/// Reads the path or group at `at`, adds every path in it to `leaves`, and tells where it ends.
fn tree(
    tokens: &[Token],
    mut at: usize,
    prefix: &mut Vec<Token>,
    leaves: &mut Vec<Vec<Token>>,
) -> usize {
    loop {
        match text(tokens, at) {
            "{" => {
                at += 1;
                while at < tokens.len() && text(tokens, at) != "}" {
                    let before = at;
                    at = tree(tokens, at, &mut prefix.clone(), leaves);
                    while at < tokens.len() && !matches!(text(tokens, at), "," | "}") {
                        at += 1;
                    }
                    if text(tokens, at) == "," || at == before {
                        at += 1;
                    }
                }
                return at + 1;
            }
            name if name == "*" || name.starts_with(|c: char| c.is_alphabetic() || c == '_') => {
                prefix.push(tokens[at].clone());
                at += 1;
                if text(tokens, at) == "::" {
                    at += 1;
                } else {
                    break;
                }
            }
            _ => break,
        }
    }
    // A macro at the root (`crate::name!`) belongs to no room.
    if !(prefix.len() == 2 && text(tokens, at) == "!") {
        leaves.push(prefix.clone());
    }
    at
}

fn from_root(leaf: &[Token], here: &[String]) -> Reached {
    let mut path = match leaf[0].text.as_str() {
        // The binary has a root of its own.
        "crate" if here.first().is_some_and(|room| room == "commands") => here[..1].to_vec(),
        "crate" | "discordctl" => Vec::new(),
        _ => here.to_vec(),
    };
    let climbs = leaf
        .iter()
        .take_while(|t| matches!(t.text.as_str(), "crate" | "discordctl" | "super" | "self"));
    let mut used = 0;
    for (place, step) in climbs.enumerate() {
        match step.text.as_str() {
            "super" => {
                path.pop();
            }
            "self" if place > 0 => break,
            _ => {}
        }
        used += 1;
    }
    path.extend(leaf[used..].iter().map(|t| t.text.clone()));
    let line = leaf.get(used).or(leaf.last()).map_or(0, |t| t.line);
    Reached { path, line }
}
