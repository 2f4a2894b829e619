//! Hides passwords in text that was written as a URL.

const HIDDEN: &str = "***";

/// Hides what may be a password in a URL, or in what was meant as one. It would rather hide too
/// much: a password with a stray `/` or `@` in it makes a malformed URL, not a public one.
pub fn redact(text: &str) -> String {
    let start = text.find("://").map_or(0, |at| at + 3);
    let mut shown = text.to_owned();
    if let Some(end) = text[start..].rfind('@').map(|at| start + at)
        && let Some(colon) = text[start..end].find(':').map(|at| start + at)
    {
        shown.replace_range(colon + 1..end, HIDDEN);
    }
    hide_parameter(shown)
}

/// `?password=…`, as PostgreSQL allows.
fn hide_parameter(mut text: String) -> String {
    const NAME: &str = "password=";
    let mut from = 0;
    while let Some(at) = text[from..].to_ascii_lowercase().find(NAME) {
        let value = from + at + NAME.len();
        let end = text[value..].find('&').map_or(text.len(), |n| value + n);
        text.replace_range(value..end, HIDDEN);
        from = value + HIDDEN.len();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::redact;

    #[test]
    fn passwords_are_hidden_wherever_they_hide() {
        for (url, shown) in [
            ("sqlite://data/discord.db", "sqlite://data/discord.db"),
            ("postgresql://h:5432/db", "postgresql://h:5432/db"),
            ("postgresql://u@h:5432/db", "postgresql://u@h:5432/db"),
            (
                "postgres://u:s3cret@h:5432/db",
                "postgres://u:***@h:5432/db",
            ),
            ("postgres://u:s3/cr@et@h/db", "postgres://u:***@h/db"),
            ("redis://:s3cret@h", "redis://:***@h"),
            ("u:s3cret@h", "u:***@h"),
            (
                "postgres://h/db?Password=s3cret&sslmode=require",
                "postgres://h/db?Password=***&sslmode=require",
            ),
            (
                "postgres://u:s3cret@h/db?sslpassword=s3cret",
                "postgres://u:***@h/db?sslpassword=***",
            ),
        ] {
            assert_eq!(redact(url), shown);
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics_and_no_password_passes(
            text in "\\PC{0,40}",
            password in "[a-zA-Z0-9/?#]{12,20}",
        ) {
            redact(&text);
            let shown = redact(&format!("postgres://u:{password}@h/db"));
            assert_eq!(shown, "postgres://u:***@h/db");
        }
    }
}
