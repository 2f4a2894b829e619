//! `discordctl config show`: the settings in force, and where each comes from.
use clap::Args;
use discordctl::config::{Config, Origin};
use serde::Serialize;
use serde_json::Value;

use crate::exit::Exit;
use crate::output::{Output, table};
use crate::settings::Settings;

/// Print the settings in force and where each comes from
#[derive(Debug, Args)]
#[command(after_help = "\
Takes the same options as 'serve', so it tells what 'serve' would use. Passwords are hidden.

Examples:
  discordctl config show --config config/instance1.json
  discordctl config show -o json | jq .config.limits
  discordctl config show -o json | jq '.settings[] | select(.source != \"default\")'")]
pub(crate) struct ShowArgs {
    #[command(flatten)]
    settings: Settings,
}

#[derive(Serialize)]
struct Shown {
    /// In the shape of a file.
    config: Config,
    /// The same, a line each.
    settings: Vec<Setting>,
}

#[derive(Serialize)]
struct Setting {
    key: String,
    value: Value,
    /// `default`, `file`, `env` or `flag`.
    source: &'static str,
    /// Which file, variable or flag.
    from: Option<String>,
}

pub(crate) fn run(args: &ShowArgs, output: &Output) -> anyhow::Result<Exit> {
    let loaded = args.settings.load()?;
    let settings = loaded
        .entries()
        .into_iter()
        .map(|(key, value, origin)| {
            let (source, from) = source(origin);
            Setting {
                key,
                value,
                source,
                from,
            }
        })
        .collect();
    let config = loaded.config;
    output.result("config-show", &Shown { config, settings }, as_table)?;
    Ok(Exit::Done)
}

fn source(origin: &Origin) -> (&'static str, Option<String>) {
    let from = Some(origin.to_string());
    match origin {
        Origin::Default => ("default", None),
        Origin::File(_) => ("file", from),
        Origin::Env(_) => ("env", from),
        Origin::Flag(_) => ("flag", from),
    }
}

fn as_table(shown: &Shown) -> String {
    let row = |setting: &Setting| {
        let from = setting.from.as_deref().unwrap_or(setting.source);
        [setting.key.clone(), plain(&setting.value), from.to_owned()]
    };
    let rows = shown.settings.iter().map(row).collect();
    table(["KEY", "VALUE", "FROM"], rows)
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => "none".into(),
        other => other.to_string(),
    }
}
