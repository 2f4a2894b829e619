//! A PostgreSQL URL for the driver, with the environment and the defaults that `psql` would take
//! with it, and why its server cannot be had.
use std::env;
use std::path::PathBuf;

use sqlx::postgres::{PgConnectOptions, PgSslMode};

use super::StoreError;
use crate::model::url::postgres::{PostgresUrl, SslMode};

/// Reads `url`. The text of an error holds nothing of it, since it may hold a password.
pub(super) fn parse(url: &str) -> Result<PostgresUrl, StoreError> {
    url.parse().map_err(|e| unusable(&e))
}

/// Each of its servers as the driver takes it. Without a user it is the operating system's, as for
/// `psql` (<https://www.postgresql.org/docs/current/libpq-connect.html>, `user`).
pub(super) fn each(url: &PostgresUrl) -> Result<Vec<PgConnectOptions>, StoreError> {
    let tls = Tls::of(url)?;
    let servers = url.servers.iter();
    servers
        .map(|server| one(&url.with_server(server), &tls))
        .collect()
}

fn one(url: &PostgresUrl, tls: &Tls) -> Result<PgConnectOptions, StoreError> {
    // What the driver's own reader does not know, or takes otherwise than libpq.
    let plain = PostgresUrl {
        connect_timeout: None,
        ssl_mode: None,
        ssl_root_cert: None,
        ..url.clone()
    };
    // Read rather than built, for then it looks for the password where `psql` does too.
    let options: PgConnectOptions = plain.expose().parse().map_err(|e| unusable(&e))?;
    let named = url.user.is_some() || env::var_os("PGUSER").is_some();
    let options = match system_user() {
        Some(user) if !named => options.username(&user),
        _ => options,
    };
    // A socket has none, and needs none.
    let on_socket = options.get_socket().is_some() || options.get_host().starts_with('/');
    let options = options.ssl_mode(if on_socket {
        PgSslMode::Disable
    } else {
        tls.for_driver()
    });
    Ok(match &tls.root {
        Root::File(file) => options.ssl_root_cert(file),
        Root::System | Root::None => options,
    })
}

/// What is wrong where settings or prepared statements do not outlast a transaction.
pub(super) const POOLED: &str = "a pooler stands between, which gives transactions of one client \
    different sessions; add 'statement-cache-capacity=0' to its parameters";

/// For a program that needs a session of its own from beginning to end.
///
/// # Errors
/// Fails where the URL says that a pooler stands between.
pub(super) fn without_pooler(url: &PostgresUrl, what: &str) -> Result<(), StoreError> {
    if url.prepares() {
        return Ok(());
    }
    Err(unusable(&format!(
        "'statement-cache-capacity=0' says that a pooler stands between, and {what} needs a \
         session of its own: name the database itself, as with DISCORDCTL_DB_URL"
    )))
}

pub(super) fn unusable(why: &dyn std::fmt::Display) -> StoreError {
    StoreError::Unsupported(format!("cannot use db_url: {why}"))
}

/// How the connection is protected, once the environment is asked too.
pub(super) struct Tls {
    pub(super) mode: SslMode,
    pub(super) root: Root,
}

/// The authorities by which a server's certificate is verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Root {
    File(PathBuf),
    /// Those that are known to all.
    System,
    /// None is named.
    None,
}

impl Tls {
    pub(super) fn of(url: &PostgresUrl) -> Result<Self, StoreError> {
        let said = match (url.ssl_mode, env::var("PGSSLMODE")) {
            (Some(mode), _) => Some(mode),
            // The driver would take a wrong one for none.
            (None, Ok(text)) if !text.is_empty() => {
                let wrong = |e| StoreError::Unsupported(format!("cannot use PGSSLMODE: {e}"));
                Some(text.parse().map_err(wrong)?)
            }
            (None, _) => None,
        };
        let named = url
            .ssl_root_cert
            .clone()
            .or_else(|| env::var("PGSSLROOTCERT").ok());
        Self::new(said, named.as_deref(), own_root())
    }

    /// `own` is the file that libpq looks for without being told.
    fn new(
        said: Option<SslMode>,
        named: Option<&str>,
        own: Option<PathBuf>,
    ) -> Result<Self, StoreError> {
        if named == Some("system") {
            return match said.unwrap_or(SslMode::VerifyFull) {
                SslMode::VerifyFull => Ok(Self {
                    mode: SslMode::VerifyFull,
                    root: Root::System,
                }),
                _ => Err(unusable(
                    &"'sslrootcert=system' needs 'sslmode=verify-full'",
                )),
            };
        }
        let mode = said.unwrap_or(SslMode::Prefer);
        let root = match named.filter(|file| !file.is_empty()) {
            Some(file) => Root::File(file.into()),
            None => own.map_or(Root::None, Root::File),
        };
        // Without a file to go by, as in libpq, 'require' is about none in particular.
        let Root::File(file) = root.clone() else {
            return Ok(Self { mode, root });
        };
        if mode < SslMode::Require {
            return Ok(Self { mode, root });
        }
        std::fs::File::open(&file).map_err(|error| {
            let file = file.display();
            unusable(&format!("cannot read the certificates of {file}: {error}"))
        })?;
        Ok(Self {
            mode: mode.max(SslMode::VerifyCa),
            root,
        })
    }

    /// The driver's `allow` would never try TLS.
    fn for_driver(&self) -> PgSslMode {
        match self.mode {
            SslMode::Disable => PgSslMode::Disable,
            SslMode::Allow | SslMode::Prefer => PgSslMode::Prefer,
            SslMode::Require => PgSslMode::Require,
            SslMode::VerifyCa => PgSslMode::VerifyCa,
            SslMode::VerifyFull => PgSslMode::VerifyFull,
        }
    }
}

fn own_root() -> Option<PathBuf> {
    let home = env::var_os("HOME").map(PathBuf::from)?;
    let file = home.join(".postgresql/root.crt");
    file.is_file().then_some(file)
}

/// The name of this process's user.
fn system_user() -> Option<String> {
    let id = rustix::process::geteuid().as_raw().to_string();
    let table = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let entry = table.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)? == id).then(|| name.to_owned())
    });
    // Users of a directory service, and of macOS, are not in that file.
    entry.or_else(|| env::var("USER").ok())
}

/// Why there is no connection. What waiting cannot mend is told apart: a wrong user, password
/// or database name (SQLSTATE classes 28 and 3D).
pub(super) fn unreachable(error: sqlx::Error) -> StoreError {
    let sqlx::Error::Database(e) = &error else {
        return StoreError::Unavailable(error.to_string());
    };
    let code = e.code().unwrap_or_default();
    // PgBouncer's words for a setting that it cannot pass on.
    if code == "08P01" && e.message().contains("startup parameter") {
        let said = e.message();
        return unusable(&format!("{POOLED} (it says: {said})"));
    }
    if code == "42501" {
        return StoreError::NotAllowed(format!("PostgreSQL does not allow it: {}", e.message()));
    }
    if code.starts_with("28") || code.starts_with("3D") {
        StoreError::Unsupported(format!("PostgreSQL refuses db_url: {}", e.message()))
    } else {
        StoreError::Unavailable(e.message().to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(url: &str) -> Result<PgConnectOptions, StoreError> {
        Ok(each(&parse(url)?)?.remove(0))
    }

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
    fn the_driver_is_told_what_the_url_says() {
        let options = read("postgresql://a:b@[::1]:7/d?options=-c%20x%3Dy").expect("a URL");
        assert_eq!((options.get_host(), options.get_port()), ("::1", 7));
        assert_eq!(options.get_database(), Some("d"));
        assert_eq!(options.get_options(), Some("-c x=y"));
        let both = parse("postgresql://u:p@h1:5,h2:6/d?target_session_attrs=primary");
        let both = each(&both.expect("a URL")).expect("servers");
        let places: Vec<_> = both.iter().map(|o| (o.get_host(), o.get_port())).collect();
        assert_eq!(places, [("h1", 5), ("h2", 6)]);
        for url in [
            "postgres://u:p@/db?host=/sock",
            "postgres://u:p@%2Fsock/db?sslmode=require",
        ] {
            let options = read(url).expect("a URL");
            assert_eq!(
                options.get_socket().map(|s| s.as_path()),
                Some("/sock".as_ref())
            );
            assert!(matches!(options.get_ssl_mode(), PgSslMode::Disable));
        }
    }

    #[test]
    fn an_error_keeps_the_password() {
        for url in [
            "postgresql://amy:secret@localhost:port/db",
            "postgres://u:sec@ret@h/db",
        ] {
            let error = read(url).expect_err("no port").to_string();
            assert!(!error.contains("sec"), "{error}");
        }
    }

    #[test]
    fn whoever_names_authorities_wants_them_asked() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("ca.pem");
        std::fs::write(&file, "").expect("written");
        let (ca, own) = (file.to_str(), Some(file.clone()));
        let mode = |said, named, own: &Option<PathBuf>| {
            Tls::new(said, named, own.clone()).ok().map(|t| t.mode)
        };
        let (require, prefer) = (Some(SslMode::Require), Some(SslMode::Prefer));
        assert_eq!(mode(require, ca, &None), Some(SslMode::VerifyCa));
        assert_eq!(mode(require, None, &own), Some(SslMode::VerifyCa));
        assert_eq!(mode(require, None, &None), require);
        assert_eq!(mode(prefer, ca, &None), prefer);
        assert_eq!(mode(None, None, &None), prefer);
        assert_eq!(mode(None, Some("system"), &None), Some(SslMode::VerifyFull));
        assert_eq!(mode(require, Some("system"), &None), None);
        assert_eq!(mode(require, Some("/nowhere/ca.pem"), &None), None);
        assert_eq!(
            mode(Some(SslMode::VerifyFull), ca, &None),
            Some(SslMode::VerifyFull)
        );
    }
}
