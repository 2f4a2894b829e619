//! "Did you mean".

use crate::model::closest;

/// The candidate that is `word` but for one letter: left out, put in, mistaken, or swapped with
/// its neighbour.
pub(super) fn mistyped<'a>(
    word: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let mut candidates = candidates.into_iter();
    candidates.find(|candidate| strsim::osa_distance(word, candidate) == 1)
}

/// What was meant by the unknown key `path`: that name in another section, or else the key or
/// section most like it.
pub(super) fn key(path: &str, keys: &[String]) -> Option<String> {
    let all = || keys.iter().map(String::as_str);
    let meant = all()
        .find(|key| name(key) == name(path))
        .or_else(|| closest(path, all().chain(all().map(section))))?;
    Some(if meant == path {
        nested(meant)
    } else {
        meant.to_owned()
    })
}

/// `burst` of `limits.burst`.
fn name(key: &str) -> &str {
    key.rsplit_once('.').map_or(key, |(_, name)| name)
}

/// `limits` of `limits.burst`.
fn section(key: &str) -> &str {
    key.rsplit_once('.').map_or("", |(section, _)| section)
}

/// `limits.burst` as it is written in a file: `{"limits": {"burst": …}}`.
fn nested(key: &str) -> String {
    key.rsplit('.').fold("…".to_owned(), |inner, name| {
        format!("{{\"{name}\": {inner}}}")
    })
}
