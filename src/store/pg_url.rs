//! A PostgreSQL URL, read as `psql` would read it, and why its server can't be had.
use sqlx::postgres::PgConnectOptions;

use super::StoreError;

/// Reads `url`. Without a user it is the operating system's, as for `psql`
/// (<https://www.postgresql.org/docs/current/libpq-connect.html>, `user`).
/// The text of an error does not hold the URL, which may hold a password.
pub(super) fn read(url: &str) -> Result<PgConnectOptions, StoreError> {
    let options: PgConnectOptions = url
        .parse()
        .map_err(|e| StoreError::Unsupported(format!("can't read db_url: {e}")))?;
    let named = names_user(url) || std::env::var_os("PGUSER").is_some();
    Ok(match system_user() {
        Some(user) if !named => options.username(&user),
        _ => options,
    })
}

fn names_user(url: &str) -> bool {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    let query = rest.split_once('?').map_or("", |(_, query)| query);
    authority.contains('@') || query.split('&').any(|p| p.starts_with("user="))
}

/// The name of whoever runs this process.
fn system_user() -> Option<String> {
    let id = rustix::process::geteuid().as_raw().to_string();
    let table = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let entry = table.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)? == id).then(|| name.to_owned())
    });
    // Users of a directory service, and of macOS, are not in that file.
    entry.or_else(|| std::env::var("USER").ok())
}

/// Why there is no connection. What waiting can't mend is told apart: a wrong user, password
/// or database name (SQLSTATE classes 28 and 3D).
pub(super) fn unreachable(error: sqlx::Error) -> StoreError {
    let sqlx::Error::Database(e) = &error else {
        return StoreError::Unavailable(error.to_string());
    };
    let code = e.code().unwrap_or_default();
    match code.starts_with("28") || code.starts_with("3D") {
        true => StoreError::Unsupported(format!("PostgreSQL refuses db_url: {}", e.message())),
        false => StoreError::Unavailable(e.message().to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_without_a_user_means_whoever_runs_this() {
        let user = |url: &str| read(url).expect("a URL").get_username().to_owned();
        assert_eq!(user("postgresql://amy:secret@localhost/db"), "amy");
        assert_eq!(user("postgresql://localhost/db?user=ben"), "ben");
        if std::env::var_os("PGUSER").is_none() {
            let expected = system_user().expect("somebody runs this test");
            assert_eq!(user("postgresql://localhost:5432/db"), expected);
        }
    }

    #[test]
    fn an_error_keeps_the_password() {
        let error = read("postgresql://amy:secret@localhost:port/db").expect_err("no port");
        assert!(!error.to_string().contains("secret"), "{error}");
    }
}
