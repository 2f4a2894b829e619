//! The options that set what one instance is: a file, and flags that beat it.
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use clap::Args;
use discordctl::config::{self, Config, ConfigError, ENV_PREFIX, Loaded, Sources};

use crate::exit::Exit;
use crate::failure::Failure;

/// Passwords: the flags for URLs deliberately have no `env` of clap's, which would show a
/// variable's value in help texts. The variables are read by `config::load` like all others.
#[derive(Debug, Args)]
pub(crate) struct Settings {
    /// Settings as JSON; 'discordctl config init' writes one
    #[arg(
        long,
        value_name = "FILE",
        env = "DISCORDCTL_CONFIG",
        hide_env_values = true
    )]
    config: Option<PathBuf>,
    #[command(flatten)]
    listeners: Listeners,
    /// Name of this instance [default: instance-<TCP port>]
    #[arg(long, value_name = "NAME")]
    instance_id: Option<String>,
    /// Database [default: sqlite://data/discord.db]; with a password, better as DISCORDCTL_DB_URL
    #[arg(long, value_name = "URL")]
    db_url: Option<String>,
    /// Redis or Valkey [default: none]; with a password, better as DISCORDCTL_REDIS_URL
    #[arg(long, value_name = "URL")]
    redis_url: Option<String>,
    /// Folder for this instance's own files [default: data]
    #[arg(long, value_name = "FOLDER")]
    data_dir: Option<String>,
    /// error, warn, info, debug or trace [default: info]
    #[arg(long, value_name = "LEVEL")]
    log_level: Option<String>,
}

/// Where an instance listens.
#[derive(Debug, Args)]
pub(crate) struct Listeners {
    /// Port for netcat [default: 9001]
    #[arg(long, value_name = "PORT")]
    tcp_port: Option<u16>,
    /// Port for HTTP and WebSocket [default: 3001]
    #[arg(long, value_name = "PORT")]
    http_port: Option<u16>,
    /// Address to listen on [default: 127.0.0.1]
    #[arg(long, value_name = "ADDRESS")]
    bind: Option<IpAddr>,
}

impl Listeners {
    pub(crate) fn are_given(&self) -> bool {
        self.tcp_port.is_some() || self.http_port.is_some() || self.bind.is_some()
    }

    /// The settings with these in place of theirs.
    pub(crate) fn over(&self, config: Config) -> Config {
        Config {
            tcp_port: self.tcp_port.or(config.tcp_port),
            http_port: self.http_port.or(config.http_port),
            bind: self.bind.unwrap_or(config.bind),
            ..config
        }
    }
}

impl Settings {
    /// The settings in force, from all sources.
    pub(crate) fn load(&self) -> Result<Loaded, Failure> {
        load(self.config.as_deref(), self.overrides())
    }

    /// The file that was named.
    pub(crate) fn file(&self) -> Option<&Path> {
        self.config.as_deref()
    }

    /// `command`, as it is to be typed to mean the same database.
    pub(crate) fn again(&self, command: &str) -> String {
        let mut typed = command.to_owned();
        if let Some(file) = &self.config {
            typed += &format!(" --config {}", file.display());
        }
        match &self.db_url {
            Some(url) if config::redact(url) == *url => typed + &format!(" --db-url '{url}'"),
            Some(_) => typed + " with the same --db-url",
            None => typed,
        }
    }

    fn overrides(&self) -> Vec<(String, String)> {
        let listeners = &self.listeners;
        [
            ("tcp_port", listeners.tcp_port.map(|port| port.to_string())),
            (
                "http_port",
                listeners.http_port.map(|port| port.to_string()),
            ),
            ("bind", listeners.bind.map(|address| address.to_string())),
            ("instance_id", self.instance_id.clone()),
            ("db_url", self.db_url.clone()),
            ("redis_url", self.redis_url.clone()),
            ("data_dir", self.data_dir.clone()),
            ("log.level", self.log_level.clone()),
        ]
        .into_iter()
        .filter_map(|(key, value)| Some((key.to_owned(), value?)))
        .collect()
    }
}

/// The settings of one instance of a folder: its file, and variables that hold for all of them;
/// without a file those of the instance that 'serve' alone starts.
pub(crate) fn of(file: Option<&Path>) -> Result<Loaded, Failure> {
    load(file, Vec::new())
}

/// The same with this database.
pub(crate) fn with_database(file: Option<&Path>, url: &str) -> Result<Loaded, Failure> {
    load(file, vec![("db_url".to_owned(), url.to_owned())])
}

fn load(file: Option<&Path>, overrides: Vec<(String, String)>) -> Result<Loaded, Failure> {
    let sources = Sources {
        file: file.map(Path::to_owned),
        env: environment()?,
        overrides,
    };
    config::load(sources).map_err(failure)
}

/// Our variables. One that is no text is refused: to replace its odd bytes could turn it into a
/// value that was not set.
fn environment() -> Result<Vec<(String, String)>, Failure> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value)))
        .filter(|(name, _)| name.starts_with(ENV_PREFIX))
        .map(|(name, value)| match value.into_string() {
            Ok(value) => Ok((name, value)),
            Err(_) => Err(not_text(&name)),
        })
        .collect()
}

fn not_text(name: &str) -> Failure {
    Failure::new(
        Exit::Config,
        "config-invalid",
        format!("cannot read the variable {name}"),
    )
    .why("its value is not UTF-8")
    .hint("set it again, or unset it")
}

fn failure(error: ConfigError) -> Failure {
    match error {
        ConfigError::Unreadable { ref source, .. } => {
            Failure::new(Exit::from(source), "config-unreadable", error.to_string())
                .why(source)
                .hint("'discordctl config init FILE' writes one with every setting")
        }
        ConfigError::Invalid { .. } => Failure::new(
            Exit::Config,
            "config-invalid",
            "the configuration is wrong",
        )
        .why(error)
        .hint("correct these; 'discordctl config init FILE' writes every key as it should look"),
    }
}
