//! A PostgreSQL server as its own programs (`pg_dump`, `pg_restore`) are told of it.
use sqlx::Connection;

use super::connect;
use crate::model::url::postgres::SslMode;
use crate::store::pg_url::{Root, Tls};
use crate::store::{StoreError, pg_url};

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
    let (parsed, options) = (pg_url::parse(url)?, pg_url::read(url)?);
    let tls = Tls::of(&parsed)?;
    let host = match options.get_socket() {
        Some(socket) => socket.display().to_string(),
        None => options.get_host().to_owned(),
    };
    let patience = parsed.connect_timeout.map_or(10, |after| after.as_secs());
    let mut variables = vec![
        ("PGHOST", host),
        ("PGPORT", options.get_port().to_string()),
        ("PGUSER", options.get_username().to_owned()),
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
        ("PGPASSWORD", parsed.password),
        ("PGSSLROOTCERT", root),
        ("PGSSLCERT", parsed.ssl_cert),
        ("PGSSLKEY", parsed.ssl_key),
        ("PGOPTIONS", parsed.options),
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
        let told = variables(url, "db").expect("a good URL");
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
        assert_eq!(
            told("postgres://u@/db?host=/sock")("PGHOST").as_deref(),
            Some("/sock")
        );
    }
}
