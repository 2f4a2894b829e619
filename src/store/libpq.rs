//! A PostgreSQL database as its own programs (`psql`) are told of it: in variables, since a command
//! line can be read by everybody.
use super::{StoreError, pg_url};

/// The variables of libpq for `url`.
pub fn variables(url: &str) -> Result<Vec<(&'static str, String)>, StoreError> {
    let options = pg_url::read(url)?;
    let host = match options.get_socket() {
        Some(socket) => socket.display().to_string(),
        None => options.get_host().trim_matches(['[', ']']).to_owned(),
    };
    let database = options.get_database().unwrap_or(options.get_username());
    let mut variables = vec![
        ("PGHOST", host),
        ("PGPORT", options.get_port().to_string()),
        ("PGUSER", options.get_username().to_owned()),
        ("PGDATABASE", database.to_owned()),
        ("PGCONNECT_TIMEOUT", "10".to_owned()),
    ];
    if let Some(password) = password(url) {
        variables.push(("PGPASSWORD", password));
    }
    Ok(variables)
}

fn password(url: &str) -> Option<String> {
    let (_, rest) = url.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let (login, _) = authority.rsplit_once('@')?;
    login.split_once(':').map(|(_, password)| decoded(password))
}

/// Without the %-escapes.
pub fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [byte, after @ ..] = rest {
        let hex = after.get(..2).filter(|_| *byte == b'%');
        let hex = hex.and_then(|hex| std::str::from_utf8(hex).ok());
        (rest, _) = match hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(escaped) => (&after[2..], bytes.push(escaped)),
            None => (after, bytes.push(*byte)),
        };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
