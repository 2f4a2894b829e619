//! A PostgreSQL server as its own programs (`pg_dump`, `pg_restore`) are told of it.
use sqlx::Connection;
use sqlx::postgres::PgSslMode;

use super::connect;
use crate::store::{StoreError, pg_url};

/// Where a database is, for programs that use libpq.
pub struct Server {
    /// As in 17.
    pub version: u32,
    pub database: String,
    pub role: String,
    /// The role may do anything on the server's machine: so may what it runs.
    pub almighty: bool,
    /// For the environment and nothing else: a command line can be read by everybody.
    pub variables: Vec<(&'static str, String)>,
}

/// The server of `url`, after asking for its version.
pub async fn server(url: &str) -> Result<Server, StoreError> {
    let mut connection = connect(url).await?;
    let (version, database, role, almighty): (i32, String, String, bool) = sqlx::query_as(
        "SELECT current_setting('server_version_num')::integer, current_database()::text,
           current_user::text, pg_has_role(current_user, 'pg_execute_server_program', 'MEMBER')
             OR pg_has_role(current_user, 'pg_write_server_files', 'MEMBER')",
    )
    .fetch_one(&mut connection)
    .await?;
    connection.close().await?;
    Ok(Server {
        version: u32::try_from(version).unwrap_or(0) / 10_000,
        variables: variables(url, &database)?,
        database,
        role,
        almighty,
    })
}

/// The variables of libpq for `url`, as far as that alone tells.
pub fn told_by(url: &str) -> Result<Vec<(&'static str, String)>, StoreError> {
    let options = pg_url::read(url)?;
    let database = options.get_database().unwrap_or(options.get_username());
    variables(url, database)
}

fn variables(url: &str, database: &str) -> Result<Vec<(&'static str, String)>, StoreError> {
    let options = pg_url::read(url)?;
    let host = match options.get_socket() {
        Some(socket) => socket.display().to_string(),
        None => options.get_host().trim_matches(['[', ']']).to_owned(),
    };
    let mode = match options.get_ssl_mode() {
        PgSslMode::Disable => "disable",
        PgSslMode::Allow => "allow",
        PgSslMode::Prefer => "prefer",
        PgSslMode::Require => "require",
        PgSslMode::VerifyCa => "verify-ca",
        PgSslMode::VerifyFull => "verify-full",
    };
    let mut variables = vec![
        ("PGHOST", host),
        ("PGPORT", options.get_port().to_string()),
        ("PGUSER", options.get_username().to_owned()),
        ("PGDATABASE", database.to_owned()),
        ("PGSSLMODE", mode.to_owned()),
        ("PGCONNECT_TIMEOUT", "10".to_owned()),
        ("PGAPPNAME", "discordctl backup".to_owned()),
    ];
    if let Some(password) = password(url) {
        variables.push(("PGPASSWORD", password));
    }
    for (key, variable) in [
        ("sslrootcert", "PGSSLROOTCERT"),
        ("sslcert", "PGSSLCERT"),
        ("sslkey", "PGSSLKEY"),
    ] {
        if let Some(value) = parameter(url, key) {
            variables.push((variable, value));
        }
    }
    Ok(variables)
}

/// What the URL itself has; otherwise libpq looks where sqlx does: `PGPASSWORD`, `~/.pgpass`.
fn password(url: &str) -> Option<String> {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let user = authority.rsplit_once('@').map(|(user, _)| user);
    let inside = user.and_then(|user| user.split_once(':'));
    let inside = inside.map(|(_, password)| decoded(password));
    parameter(url, "password").or(inside)
}

fn parameter(url: &str, key: &str) -> Option<String> {
    let (_, query) = url.split_once('?')?;
    let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    let found = pairs.rfind(|(name, _)| *name == key);
    found.map(|(_, value)| decoded(&value.replace('+', " ")))
}

/// Without the %-escapes.
pub fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let escaped = (byte == b'%').then(|| after.get(..2)).flatten();
        let escaped = escaped.and_then(|hex| std::str::from_utf8(hex).ok());
        match escaped.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(escaped) => {
                bytes.push(escaped);
                rest = &after[2..];
            }
            None => {
                bytes.push(byte);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_password_is_found_where_it_may_be() {
        for (url, expected) in [
            ("postgres://amy:s3cret@h:5/db", Some("s3cret")),
            ("postgres://amy:s%2Fc%40%25@h/db", Some("s/c@%")),
            ("postgres://h/db?user=amy&password=a%20b", Some("a b")),
            ("postgres://amy@h/db", None),
            ("postgres://h:5432/db", None),
        ] {
            assert_eq!(password(url).as_deref(), expected, "{url}");
        }
    }

    #[test]
    fn the_server_is_told_in_variables() {
        let url = "postgres://amy:p@[::1]:7/db?sslmode=require&sslrootcert=/ca.pem";
        let told = variables(url, "db").expect("a good URL");
        let of = |name| {
            told.iter()
                .find(|(n, _)| *n == name)
                .map(|(_, v)| v.as_str())
        };
        assert_eq!(
            [
                "PGHOST",
                "PGPORT",
                "PGUSER",
                "PGSSLMODE",
                "PGPASSWORD",
                "PGSSLROOTCERT"
            ]
            .map(of),
            ["::1", "7", "amy", "require", "p", "/ca.pem"].map(Some)
        );
    }
}
