//! `discordctl config show`: the settings in force, and where each comes from.
use clap::Args;
use discordctl::config::{Config, Origin};
use discordctl::model::Access;
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
    /// The access that these settings give, where `auto` is decided.
    access: Access,
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
    let access = loaded.config.access();
    let shown = Shown {
        config: loaded.config,
        settings,
        access,
    };
    output.result("config-show", &shown, as_table)?;
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
        let value = decided(&setting.key, plain(&setting.value), shown.access);
        [setting.key.clone(), value, from.to_owned()]
    };
    let rows = shown.settings.iter().map(row).collect();
    table(["KEY", "VALUE", "FROM"], rows)
}

/// What `auto` is.
fn decided(key: &str, value: String, access: Access) -> String {
    let decided = match key {
        "access.mode" => access.mode.as_str(),
        "access.registration" => access.registration.as_str(),
        _ => return value,
    };
    if value == "auto" {
        format!("auto: {decided}")
    } else {
        value
    }
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => "none".into(),
        other => other.to_string(),
    }
}
