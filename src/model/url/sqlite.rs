//! The parameters of a `sqlite:` URL, as the driver knows them.
use super::UrlError;
use super::parameters::{Meaning, read};

const KNOWN: &[(&str, Meaning)] = &[
    ("mode", Meaning::Only(&["ro", "rw", "rwc"])),
    ("cache", Meaning::Only(&["private", "shared"])),
    ("immutable", Meaning::Used),
    ("vfs", Meaning::Used),
];

/// Looks at what follows the path.
///
/// # Errors
/// Where a parameter is unknown, has no such value, or is there twice.
pub fn check(url: &str) -> Result<(), UrlError> {
    let query = url.split_once('?').map_or("", |(_, query)| query);
    read(query, KNOWN, |_| None).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_that_is_not_known_is_an_error() {
        for good in ["sqlite://a.db", "sqlite:a.db?mode=rwc&cache=private"] {
            assert_eq!(check(good), Ok(()), "{good}");
        }
        for (bad, says) in [
            ("sqlite://a.db?mod=ro", "did you mean mode?"),
            ("sqlite://a.db?key=secret", "an unknown parameter"),
            ("sqlite://a.db?mode=w", "only as ro or rw or rwc"),
            ("sqlite://a.db?mode=ro&mode=rw", "twice"),
        ] {
            let why = check(bad).expect_err(bad).to_string();
            assert!(why.contains(says) && !why.contains("secret"), "{why}");
        }
    }
}
