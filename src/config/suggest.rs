//! "Did you mean".

/// The candidate most like `word`, if any is like it at all.
pub(super) fn closest<'a>(
    word: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    /// Where clap draws the line too: a wrong guess is worse than none.
    const LIKE: f64 = 0.7;
    candidates
        .into_iter()
        .map(|candidate| (strsim::jaro_winkler(word, candidate), candidate))
        .filter(|(score, _)| *score > LIKE)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, candidate)| candidate)
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
