//! Hides secrets in text that was written as a URL. What may be shown is listed; everything else
//! is hidden, since the names under which secrets come have no end.

pub(super) const HIDDEN: &str = "***";

/// Parameters of databases, of buses and of files that say how to connect and are no secrets.
const SHOWN: [&str; 35] = [
    "application_name",
    "cache",
    "channel_binding",
    "client_encoding",
    "connect_timeout",
    "db",
    "dbname",
    "gssencmode",
    "host",
    "hostaddr",
    "immutable",
    "load_balance_hosts",
    "mode",
    "port",
    "protocol",
    "sentinel_user",
    "ssl",
    "ssl-ca",
    "ssl-cert",
    "ssl-key",
    "ssl-mode",
    "ssl-root-cert",
    "sslcert",
    "sslcertmode",
    "sslcompression",
    "sslkey",
    "sslmode",
    "sslnegotiation",
    "sslrootcert",
    "sslsni",
    "ssl_max_protocol_version",
    "ssl_min_protocol_version",
    "statement-cache-capacity",
    "target_session_attrs",
    "user",
];

/// Names that say themselves that a secret follows: they are shown, it is not.
const SECRETS: [&str; 13] = [
    "auth",
    "credential",
    "key",
    "pass",
    "passphrase",
    "passwd",
    "password",
    "pgpassword",
    "pwd",
    "secret",
    "sentinel_password",
    "sslpassword",
    "token",
];

/// A text that is a URL, or was meant as one, perhaps after a `name=`. It would rather hide too
/// much: a password with a stray `/` or `@` in it makes a malformed URL, not a public one.
pub fn redact(text: &str) -> String {
    let Some(at) = text.find("://") else {
        return without_scheme(text);
    };
    let is_scheme = |c: char| c.is_ascii_alphanumeric() || "+-.".contains(c);
    let of_scheme = text[..at].char_indices().rev();
    let of_scheme = of_scheme.take_while(|(_, c)| is_scheme(*c));
    let start = of_scheme.last().map_or(at, |(start, _)| start);
    let (scheme, rest) = (&text[start..at], &text[at + 3..]);
    let shown = match scheme {
        "file" => rest.to_owned(),
        "sqlite" => of_file(rest),
        _ => of_server(rest),
    };
    format!("{}{scheme}://{shown}", &text[..start])
}

/// The same for every word of a line. A quotation mark ends a word too.
pub fn redact_words(line: &str) -> String {
    let ends = |c: char| c.is_whitespace() || "\"'`<>".contains(c);
    let mut shown = String::with_capacity(line.len());
    for word in line.split_inclusive(ends) {
        let end = word.chars().next_back().filter(|c| ends(*c));
        let bare = end.map_or(word, |end| &word[..word.len() - end.len_utf8()]);
        shown.push_str(&redact(bare));
        shown.extend(end);
    }
    shown
}

fn without_scheme(text: &str) -> String {
    if let Some(rest) = text.strip_prefix("sqlite:") {
        return format!("sqlite:{}", of_file(rest));
    }
    if let Some((name, _)) = text.split_once('=')
        && is_secret(name.trim_start_matches('-'))
    {
        return format!("{name}={HIDDEN}");
    }
    let mut shown = text.to_owned();
    hide_login(&mut shown);
    match shown.split_once('?') {
        Some((before, query)) if query.contains('=') => format!("{before}?{}", parameters(query)),
        _ => shown,
    }
}

fn of_file(rest: &str) -> String {
    match rest.split_once('?') {
        Some((path, query)) => format!("{path}?{}", parameters(query)),
        None => rest.to_owned(),
    }
}

fn of_server(rest: &str) -> String {
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let mut shown = rest.to_owned();
    if rest[end..].contains('@') && rest[..end].contains(':') && !rest[..end].contains('@') {
        // Either a password goes on there, or it is a harmless one: that cannot be known.
        hide_login(&mut shown);
        return match shown.rsplit_once('@') {
            Some((login, after)) => format!("{login}@{}", after_login(after)),
            None => HIDDEN.to_owned(),
        };
    }
    match rest
        .rfind('@')
        .filter(|at| rest[..end].contains('@') && *at >= end)
    {
        // An '@' in the password, and another behind what looked like its end.
        Some(_) => hide_login(&mut shown),
        None => {
            let mut login = rest[..end].to_owned();
            hide_login(&mut login);
            shown = format!("{login}{}", &rest[end..]);
        }
    }
    match shown.rsplit_once('@') {
        Some((login, after)) if !login.contains('?') => format!("{login}@{}", after_login(after)),
        _ => after_login(&shown),
    }
}

/// Hosts, path and parameters.
fn after_login(text: &str) -> String {
    let end = text.find(['/', '?', '#']).unwrap_or(text.len());
    let (hosts, rest) = text.split_at(end);
    if let Some(shown) = up_to_a_bad_port(hosts) {
        // Not a port, but perhaps a password without its host: so may be what follows.
        return shown;
    }
    let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
    let path = match path.split_once('#') {
        Some((path, _)) => format!("{path}#{HIDDEN}"),
        None => path.to_owned(),
    };
    match query {
        "" => format!("{hosts}{path}"),
        query => format!("{hosts}{path}?{}", parameters(query)),
    }
}

fn up_to_a_bad_port(hosts: &str) -> Option<String> {
    for host in hosts.split(',') {
        let (name, port) = match host.rsplit_once(']') {
            Some((_, after)) => ("", after.strip_prefix(':').unwrap_or(after)),
            None => host.split_once(':').unwrap_or((host, "")),
        };
        if !port.bytes().all(|b| b.is_ascii_digit()) {
            return Some(format!("{name}:{HIDDEN}"));
        }
    }
    None
}

/// Hides what stands between the first `:` and the last `@`.
fn hide_login(text: &mut String) {
    if let Some(end) = text.rfind('@')
        && let Some(colon) = text[..end].find(':')
    {
        text.replace_range(colon + 1..end, HIDDEN);
    }
}

fn parameters(query: &str) -> String {
    let pairs: Vec<String> = query.split('&').map(parameter).collect();
    pairs.join("&")
}

fn parameter(pair: &str) -> String {
    match pair.split_once('=') {
        Some((name, _)) if SHOWN.contains(&name) => match pair.split_once('#') {
            Some((shown, _)) => format!("{shown}#{HIDDEN}"),
            None => pair.to_owned(),
        },
        Some((name, _)) if is_secret(name) => format!("{name}={HIDDEN}"),
        // Even the name may be the end of a password with an '&' in it.
        _ => HIDDEN.to_owned(),
    }
}

fn is_secret(name: &str) -> bool {
    SECRETS
        .iter()
        .any(|secret| secret.eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_hidden_wherever_they_hide() {
        for (url, shown) in [
            ("sqlite://data/discord.db", "sqlite://data/discord.db"),
            (
                "sqlite:a@b:c.db?mode=ro&key=s3cret",
                "sqlite:a@b:c.db?mode=ro&key=***",
            ),
            ("postgresql://h:5432/db", "postgresql://h:5432/db"),
            ("postgresql://u@h:5432/db", "postgresql://u@h:5432/db"),
            (
                "postgresql://u:p@[::1]:5432/db",
                "postgresql://u:***@[::1]:5432/db",
            ),
            (
                "postgres://u:s3cret@h:5432/db",
                "postgres://u:***@h:5432/db",
            ),
            ("postgres://u:s3/cr@et@h/db", "postgres://u:***@h/db"),
            ("postgres://u:s3@cr/et@h/db", "postgres://u:***@h/db"),
            ("postgres://u:s3cret", "postgres://u:***"),
            ("postgres://u:s3/cret", "postgres://u:***"),
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
            (
                "redis+unix:///x?user=u&pass=s3cret&db=1",
                "redis+unix:///x?user=u&pass=***&db=1",
            ),
            (
                "redis+sentinel://u:s3cret@a:1,b:2/main?sentinel_user=s&sentinel_password=s3cret",
                "redis+sentinel://u:***@a:1,b:2/main?sentinel_user=s&sentinel_password=***",
            ),
            (
                "postgres://h/db?hint=s3cret&s3cret",
                "postgres://h/db?***&***",
            ),
            ("rediss://h/#s3cret", "rediss://h/#***"),
            (
                "--db-url=postgres://u:s3cret@h/db",
                "--db-url=postgres://u:***@h/db",
            ),
            ("PGPASSWORD=s3cret", "PGPASSWORD=***"),
            ("--password=s3cret", "--password=***"),
            ("what was said at 12:30", "what was said at 12:30"),
        ] {
            assert_eq!(redact(url), shown);
        }
        let line = "cannot reach \"postgres://u:s3cret@h/db\": 'redis://:s3cret@h' at 12:30, a@b";
        let shown = "cannot reach \"postgres://u:***@h/db\": 'redis://:***@h' at 12:30, a@b";
        assert_eq!(redact_words(line), shown);
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics_and_no_password_passes(
            text in "\\PC{0,40}",
            password in "[a-zA-Z0-9/?#]{12,20}",
        ) {
            redact(&text);
            redact_words(&text);
            let shown = redact(&format!("postgres://u:{password}@h/db"));
            assert_eq!(shown, "postgres://u:***@h/db");
        }

        #[test]
        fn a_secret_is_hidden_whatever_it_is_called_and_whatever_is_around_it(
            scheme in "postgres|postgresql|rediss?(\\+sentinel|\\+cluster)?|redis\\+unix|s3|https",
            user in "[a-z]{0,5}",
            before in "[a-z@:/?#&%]{0,4}",
            after in "[a-z@:/?#&%]{0,4}",
            name in "[a-z_]{1,12}",
            port in "(:[0-9]{1,4})?",
        ) {
            let secret = format!("{before}S3CRET{after}");
            let hosts = format!("h{port}");
            let mut urls = vec![format!("{scheme}://{user}:{secret}@{hosts}/db?sslmode=require")];
            if !SHOWN.contains(&name.as_str()) && !before.contains(['&', '@']) {
                urls.push(format!("{scheme}://{user}@{hosts}/db?sslmode=require&{name}={secret}"));
            }
            for url in urls {
                let shown = redact(&url);
                proptest::prop_assert!(!shown.contains("S3CRET"), "{} of {}", shown, url);
                let shown = redact_words(&url);
                proptest::prop_assert!(!shown.contains("S3CRET"), "{} of {}", shown, url);
            }
        }
    }
}
