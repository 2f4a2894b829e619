//! Where a runbook is walked: the variables that its commands use, from the configuration.
use std::env;
use std::path::{Path, PathBuf};

use crate::config::{Config, RedisUrl};
use crate::model::url::redis::{Node, RedisUrl as RedisParts, Servers};
use crate::ops::probe::instance::Site;
use crate::store::copy::libpq;

/// What commands are told, and what may not be shown of it.
#[derive(Debug, Clone, Default)]
pub struct Place {
    pub(super) variables: Vec<(String, String)>,
    pub(super) secrets: Vec<String>,
    pub(super) logs: PathBuf,
}

impl Place {
    /// `file` is an instance's configuration, and where the others are. What was started without
    /// one is found by the commands as it was found by us.
    pub fn of(config: &Config, file: Option<&Path>) -> Self {
        let mut place = Self {
            logs: config.data_dir.join("log"),
            ..Self::default()
        };
        place
            .variables
            .push(("PATH".to_owned(), path_with_ourselves()));
        place.deployment(file);
        place.set("RUN", config.data_dir.join("run").display());
        place.set("HTTP", Site::of(config).http);
        place.set("TCP_HOST", Site::of(config).tcp.address.ip());
        place.set("TCP_PORT", Site::of(config).tcp.address.port());
        let is_postgres = config.db_url.expose().starts_with("postgres");
        if let Some(archive) = config.archive.url.path() {
            place.set("ARCHIVE", archive.display());
        }
        place.set("DB_KIND", if is_postgres { "postgresql" } else { "sqlite" });
        if is_postgres {
            let variables = libpq::told_by(config.db_url.expose()).unwrap_or_default();
            let named = variables
                .into_iter()
                .filter(|(name, _)| *name != "PGAPPNAME");
            for (name, value) in named {
                if name == "PGPASSWORD" {
                    place.secrets.push(value.clone());
                }
                place.set(name, value);
            }
        }
        if let Some(url) = &config.redis_url {
            place.redis(url);
        }
        place
    }

    fn deployment(&mut self, file: Option<&Path>) {
        let Some(file) = file else { return };
        let is_one_of_many = file
            .file_name()
            .is_some_and(|name| name.to_string_lossy().starts_with("instance"));
        let (name, path) = match file.parent().filter(|_| is_one_of_many) {
            Some(folder) => ("DISCORDCTL_CONFIG_DIR", folder),
            None => ("DISCORDCTL_CONFIG", file),
        };
        let path = path.display().to_string();
        self.variables.push((name.to_owned(), path));
    }

    /// What the operator has set already is meant so: another `PGUSER`, say.
    fn set(&mut self, name: &str, value: impl ToString) {
        if env::var_os(name).is_some() {
            return;
        }
        self.variables.push((name.to_owned(), value.to_string()));
    }

    /// As `redis-cli` wants it; passwords in variables, not on the command line. Where sentinels
    /// know the primary, they are asked when it is wanted.
    fn redis(&mut self, url: &RedisUrl) {
        let Ok(url) = url.expose().parse::<RedisParts>() else {
            return;
        };
        let options = redis_options(&url);
        let at = |node: Option<&Node>| {
            let node = node.map(|node| format!(" -h {} -p {}", node.host, node.port));
            node.unwrap_or_default()
        };
        let place = match &url.servers {
            Servers::Socket(path) => format!(" -s {}", path.display()),
            Servers::Hosts(nodes) => at(nodes.first()),
            Servers::Cluster(nodes) => format!(" -c{}", at(nodes.first())),
            Servers::Sentinel(of) => {
                let login = redis_user(of.user.as_deref());
                let tls = redis_tls(&url);
                let words = format!("redis-cli{}{tls}{login}", at(of.nodes.first()));
                self.set("SENTINEL_CLI", words);
                self.set("SENTINEL_MASTER", &of.master);
                self.secret("SENTINEL_AUTH", of.password.as_deref());
                self.set("REDIS_OPTIONS", &options);
                String::new()
            }
        };
        if !place.is_empty() {
            self.set("REDIS_CLI", format!("redis-cli{place}{options}"));
        }
        self.secret("REDISCLI_AUTH", url.password.as_deref());
    }

    fn secret(&mut self, name: &str, secret: Option<&str>) {
        if let Some(secret) = secret {
            self.secrets.push(secret.to_owned());
            self.set(name, secret);
        }
    }
}

fn redis_options(url: &RedisParts) -> String {
    format!("{}{}", redis_tls(url), redis_user(url.user.as_deref()))
}

/// A shell splits the words again, and knows no quotes there.
fn redis_user(user: Option<&str>) -> String {
    let user = user.filter(|user| !user.contains(char::is_whitespace));
    user.map(|user| format!(" --user {user}"))
        .unwrap_or_default()
}

fn redis_tls(url: &RedisParts) -> String {
    let Some(tls) = &url.tls else {
        return String::new();
    };
    let mut words = " --tls".to_owned();
    let mut add = |name: &str, path: &Path| {
        words.push_str(&format!(" {name} {}", path.display()));
    };
    if let Some(root) = &tls.root {
        add("--cacert", root);
    }
    if let Some(client) = &tls.client {
        add("--cert", &client.certificate);
        add("--key", &client.key);
    }
    words
}

/// So that `discordctl` in a runbook is this program.
fn path_with_ourselves() -> String {
    let path = env::var_os("PATH").unwrap_or_default();
    let own = env::current_exe()
        .ok()
        .and_then(|exe| Some(exe.parent()?.to_owned()));
    let all = own.into_iter().chain(env::split_paths(&path));
    env::join_paths(all)
        .unwrap_or(path)
        .to_string_lossy()
        .into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_told_where_everything_is_and_passwords_apart() {
        let config = Config {
            db_url: "postgresql://amy:s3%2Fcret@db.example:5433/chat"
                .parse()
                .expect("a URL"),
            redis_url: Some("rediss://bob:hunter2@cache:7000".parse().expect("a URL")),
            ..Config::default()
        };
        let place = Place::of(&config, Some(Path::new("c/instance1.json")));
        let of = |name: &str| {
            let found = place.variables.iter().find(|(known, _)| known == name);
            found.map(|(_, value)| value.as_str())
        };
        assert_eq!(of("PGHOST"), Some("db.example"));
        assert_eq!(of("PGDATABASE"), Some("chat"));
        assert_eq!(of("PGPASSWORD"), Some("s3/cret"));
        assert_eq!(
            of("REDIS_CLI"),
            Some("redis-cli -h cache -p 7000 --tls --user bob")
        );
        assert_eq!(of("REDISCLI_AUTH"), Some("hunter2"));
        assert_eq!(of("HTTP"), Some("127.0.0.1:3001"));
        assert_eq!(place.secrets, ["s3/cret", "hunter2"]);
    }

    #[test]
    fn every_form_of_a_redis_is_told_to_its_program() {
        let cli = |url: &str| {
            let config = Config {
                redis_url: Some(url.parse().expect("a URL")),
                ..Config::default()
            };
            let variables = Place::of(&config, None).variables.into_iter();
            let of_redis = [
                "REDIS_CLI",
                "REDIS_OPTIONS",
                "SENTINEL_CLI",
                "SENTINEL_MASTER",
            ];
            let found = variables.filter(|(name, _)| of_redis.contains(&&**name));
            found.map(|(_, value)| value).collect::<Vec<_>>()
        };
        assert_eq!(cli("redis+cluster://a,b"), ["redis-cli -c -h a -p 6379"]);
        assert_eq!(cli("redis+unix:///r.sock"), ["redis-cli -s /r.sock"]);
        assert_eq!(
            cli("rediss://a?sslrootcert=/ca"),
            ["redis-cli -h a -p 6379 --tls --cacert /ca"]
        );
        assert_eq!(
            cli("redis+sentinel://u:p@a,b/main?sentinel_user=s&sentinel_password=q"),
            ["redis-cli -h a -p 26379 --user s", "main", " --user u"]
        );
    }
}
