//! A PostgreSQL server as its own programs (`pg_dump`, `pg_restore`) are told of it.
use std::time::Duration;

use sqlx::Connection;
use sqlx::postgres::PgConnectOptions;

use super::find;
use crate::model::url::postgres::{PostgresUrl, SslMode, TargetSession};
use crate::store::pg_url::{Root, Tls};
use crate::store::servers::Found;
use crate::store::{StoreError, pg_url};

/// For each server, unless the URL says otherwise.
const PATIENCE: Duration = Duration::from_secs(10);

/// Where a database is, for programs that use libpq.
pub struct Server {
    /// As in 17.
    pub version: u32,
    pub database: String,
    pub role: String,
    /// The role may do anything on the server's machine: so may what it runs.
    pub almighty: bool,
    /// For the environment and nothing else: a command line can be read by every user.
    pub variables: Vec<(&'static str, String)>,
}

/// The server of `url`, after asking for its version.
///
/// # Errors
/// Fails where it cannot be reached, or only through a pooler: `pg_dump` changes settings of its
/// session, and other clients of the pooler would have them.
pub async fn server(url: &str) -> Result<Server, StoreError> {
    pg_url::without_pooler(&pg_url::parse(url)?, "pg_dump or pg_restore")?;
    let Found {
        mut connection,
        options,
        ..
    } = find(url).await?;
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
        variables: variables(&pg_url::parse(url)?, &[options], &database)?,
        database,
        role,
        almighty,
    })
}

/// The variables of libpq for `url`, as far as that alone tells.
pub fn told_by(url: &str) -> Result<Vec<(&'static str, String)>, StoreError> {
    let parsed = pg_url::parse(url)?;
    let each = pg_url::each(&parsed)?;
    let first = &each[0];
    let database = first.get_database().unwrap_or(first.get_username());
    variables(&parsed, &each, database)
}

/// Those for any of these servers.
fn variables(
    parsed: &PostgresUrl,
    servers: &[PgConnectOptions],
    database: &str,
) -> Result<Vec<(&'static str, String)>, StoreError> {
    let tls = Tls::of(parsed)?;
    let host = |options: &PgConnectOptions| match options.get_socket() {
        Some(socket) => socket.display().to_string(),
        None => options.get_host().to_owned(),
    };
    let port = |options: &PgConnectOptions| options.get_port().to_string();
    let joined = |of: &dyn Fn(&PgConnectOptions) -> String| {
        let each: Vec<String> = servers.iter().map(of).collect();
        each.join(",")
    };
    let patience = parsed.connect_timeout.unwrap_or(PATIENCE).as_secs();
    // Of several servers libpq would take any.
    let target = parsed.target.unwrap_or(TargetSession::ReadWrite);
    let target = (servers.len() > 1).then(|| target.as_str().to_owned());
    let mut variables = vec![
        ("PGHOST", joined(&host)),
        ("PGPORT", joined(&port)),
        ("PGUSER", servers[0].get_username().to_owned()),
        ("PGDATABASE", database.to_owned()),
        ("PGSSLMODE", tls.mode.as_str().to_owned()),
        ("PGCONNECT_TIMEOUT", patience.to_string()),
        ("PGAPPNAME", "discordctl backup".to_owned()),
    ];
    let root = match tls.root {
        Root::File(file) => Some(file.display().to_string()),
        // The driver knows them without being told.
        Root::None if tls.mode < SslMode::VerifyFull => None,
        Root::System | Root::None => Some("system".to_owned()),
    };
    let rest = [
        // Without one, libpq looks where the driver does: `PGPASSWORD`, `~/.pgpass`.
        ("PGPASSWORD", parsed.password.clone()),
        ("PGSSLROOTCERT", root),
        ("PGSSLCERT", parsed.ssl_cert.clone()),
        ("PGSSLKEY", parsed.ssl_key.clone()),
        ("PGOPTIONS", parsed.options.clone()),
        ("PGTARGETSESSIONATTRS", target),
    ];
    variables.extend(
        rest.into_iter()
            .filter_map(|(name, value)| Some((name, value?))),
    );
    Ok(variables)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(url: &str) -> impl Fn(&str) -> Option<String> + use<> {
        let told = told_by(url).expect("a good URL");
        move |name| {
            told.iter()
                .find(|(n, _)| *n == name)
                .map(|(_, v)| v.clone())
        }
    }

    #[test]
    fn the_password_is_found_where_it_may_be() {
        for (url, expected) in [
            ("postgres://amy:s3cret@h:5/db", Some("s3cret")),
            ("postgres://amy:s%2Fc%40%25@h/db", Some("s/c@%")),
            ("postgres://h/db?user=amy&password=a%20b", Some("a b")),
            ("postgres://amy@h/db", None),
            ("postgres://h:5432/db", None),
        ] {
            assert_eq!(told(url)("PGPASSWORD").as_deref(), expected, "{url}");
        }
    }

    #[test]
    fn the_server_is_told_in_variables_as_the_driver_is() {
        let folder = tempfile::tempdir().expect("a folder");
        let ca = folder.path().join("ca.pem");
        std::fs::write(&ca, "").expect("written");
        let ca = ca.display().to_string();
        let url = format!(
            "postgres://amy:p@[::1]:7/db?sslmode=require&sslrootcert={ca}&options=-c%20a%3Db"
        );
        let of = told(&url);
        let names = ["PGHOST", "PGPORT", "PGUSER", "PGPASSWORD", "PGOPTIONS"];
        let values = ["::1", "7", "amy", "p", "-c a=b"];
        assert_eq!(names.map(&of), values.map(|value| Some(value.to_owned())));
        assert_eq!(of("PGSSLROOTCERT").as_deref(), Some(ca.as_str()));
        // A URL that names authorities wants them asked.
        assert_eq!(of("PGSSLMODE").as_deref(), Some("verify-ca"));
        assert_eq!(of("PGTARGETSESSIONATTRS"), None);
        let of = told("postgres://u@h1,h2:6/db");
        let names = ["PGHOST", "PGPORT", "PGTARGETSESSIONATTRS"];
        let values = ["h1,h2", "5432,6", "read-write"];
        assert_eq!(names.map(&of), values.map(|value| Some(value.to_owned())));
        assert_eq!(
            told("postgres://u@/db?host=/sock")("PGHOST").as_deref(),
            Some("/sock")
        );
    }
}
