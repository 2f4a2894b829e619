//! Which database, for commands that are about nothing else.
use clap::Args;
use discordctl::config::Config;

use super::{At, Because, claims, find};
use crate::failure::Failure;
use crate::output::Output;
use crate::settings;

#[derive(Debug, Clone, Default, Args)]
pub(crate) struct DatabaseSettings {
    #[command(flatten)]
    at: At,
    /// This database [default: that of the deployment]; with a password, better as
    /// DISCORDCTL_DB_URL
    #[arg(long, global = true, value_name = "URL")]
    db_url: Option<String>,
}

/// What to do where several databases can be meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Doubt {
    Refuse,
    /// Take the one that the rule means: this only looks.
    Take,
}

const DB_URL: &str = "DISCORDCTL_DB_URL";

impl DatabaseSettings {
    /// The settings in force.
    pub(crate) fn load(&self, doubt: Doubt, output: &Output) -> anyhow::Result<Config> {
        let (config, because) = self.find(doubt)?;
        output.note(&format!("database: {}, {because}", config.db_url));
        Ok(config)
    }

    fn find(&self, doubt: Doubt) -> anyhow::Result<(Config, String)> {
        if let Some(url) = &self.db_url {
            let config = self.named(url)?;
            return Ok((config, "named by --db-url".into()));
        }
        let deployment = find::find(&self.at)?;
        let because = format!("of {}", deployment.told());
        if !matches!(deployment.because, Because::Flag(_)) && is_set(DB_URL) {
            // What a variable sets holds for every file. What runs may have been started with
            // another, and then says nothing of this one.
            let alone = settings::of(None)?.config;
            let means_it = |claim: &claims::Claim| {
                claims::name(&claim.config.db_url) == claims::name(&alone.db_url)
            };
            let claim = claims::all(&deployment)?.into_iter().find(means_it);
            let config = claim.map_or(alone, |claim| claim.config);
            return Ok((config, format!("named by {DB_URL}")));
        }
        let claims = claims::all(&deployment)?;
        if doubt == Doubt::Refuse
            && let Some(doubt) = claims::doubt(&claims)
        {
            return Err(doubt.into());
        }
        let first = claims.into_iter().next();
        let config = first.map_or_else(|| settings::of(None).map(|l| l.config), |c| Ok(c.config));
        Ok((config?, because))
    }

    /// The flag beats the file that was named, and what is found here has no say.
    fn named(&self, url: &str) -> anyhow::Result<Config> {
        let files = match (&self.at.config, &self.at.config_dir) {
            (None, None) if !is_set("DISCORDCTL_CONFIG") => Vec::new(),
            _ => find::find(&self.at)?.entries,
        };
        let file = files.into_iter().find_map(|entry| entry.file);
        let loaded: Result<_, Failure> = settings::with_database(file.as_deref(), url);
        Ok(loaded?.config)
    }
}

fn is_set(name: &str) -> bool {
    std::env::var_os(name).is_some_and(|value| !value.is_empty())
}
