//! What is asked of running instances over their control sockets: which, and what became of it.
pub(crate) mod connections;
pub(crate) mod disconnect;
pub(crate) mod drain;
pub(crate) mod log_level;
pub(crate) mod reload;

use clap::Args;
use discordctl::config::Config;
use discordctl::process::Files;
use discordctl::process::control::{ControlError, Request, ask};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::deployment::Fleet;
use crate::exit::Exit;
use crate::failure::{Failure, explain};
use crate::instances::Report;
use crate::output::{Output, table};
use crate::runtime::block_on;

/// Which running instances are asked.
#[derive(Debug, Args)]
pub(crate) struct Whom {
    #[command(flatten)]
    fleet: Fleet,
}

impl Whom {
    /// Their settings.
    fn instances(&self, output: &Output) -> anyhow::Result<Vec<Config>> {
        self.fleet.something()?;
        self.fleet.configs(output)
    }

    /// Asks each of them the same. If none does it, that is the error.
    fn ask<T: DeserializeOwned>(
        &self,
        request: &Request,
        output: &Output,
    ) -> anyhow::Result<Vec<Told<T>>> {
        let instances = self.instances(output)?;
        let told = instances.iter().map(|one| tell(one, request));
        let told = told.collect::<anyhow::Result<Vec<Told<T>>>>()?;
        if told.iter().all(|told| told.outcome.is_err()) {
            return Err(none(told).into());
        }
        Ok(told)
    }
}

/// What one instance said.
struct Told<T> {
    instance: String,
    outcome: Result<T, ControlError>,
}

fn tell<T: DeserializeOwned>(config: &Config, request: &Request) -> anyhow::Result<Told<T>> {
    Ok(Told {
        instance: config.instance_id.clone(),
        outcome: block_on(ask(&Files::of(config), request))?,
    })
}

/// The error where no instance did what was asked.
fn none<T>(told: Vec<Told<T>>) -> Failure {
    let mut failed = told
        .into_iter()
        .filter_map(|told| Some((told.instance, told.outcome.err()?)));
    let Some((instance, first)) = failed.next() else {
        return Failure::bug("no instance was asked");
    };
    let mut failure = explain(&instance, &first);
    for (instance, error) in failed {
        failure.why += &format!("\n{instance}: {error}");
    }
    failure
}

fn explain(instance: &str, error: &ControlError) -> Failure {
    explain!(error, format!("{instance} did not do it"), error;
        ControlError::NotRunning(_) => [Exit::Unavailable, "not_running",
            "start it; or name its folder of settings with --config-dir, its file with --config"];
        ControlError::NoSocket { .. } => [Exit::TryAgain, "no_socket",
            "it should have made its socket again within a second: try again; if it does not, \
             its log says why, and 'discordctl restart' gives it a new one"];
        ControlError::NotPermitted(_) => [Exit::NotPermitted, "not_permitted",
            "ask as the user who runs it, or as root"];
        ControlError::Refused(refusal) => { refused(instance, &refusal.code, error) };
        ControlError::Silent | ControlError::Io(_) => [Exit::TryAgain, "silent",
            "see whether it is alive: its log, and /livez on its HTTP port"];
        ControlError::Garbled(_) => [Exit::Unknown, "garbled",
            "see that this program and the instance are of one version"];
    )
}

fn refused(instance: &str, code: &str, error: &ControlError) -> Failure {
    explain!(code, format!("{instance} did not do it"), error;
        "not_permitted" => [Exit::NotPermitted, "not_permitted",
            "ask as the user who runs it, or as root"];
        "no_such_connection" | "no_such_session" => [Exit::NoInput, "not_found",
            "'discordctl connections' lists who is there"];
        "config-invalid" => [Exit::Config, "config-invalid",
            "correct these; 'discordctl config check FILE' says when it is right"];
        "config-unreadable" => [Exit::NoInput, "config-unreadable",
            "put its file back, or start the instance with another"];
        "stopping" => [Exit::TryAgain, "stopping", "wait for it to end, and start it again"];
        _ => [Exit::Usage, "refused", "see --help"];
    )
}

/// What an instance did, or why not.
#[derive(Serialize)]
struct Row<T> {
    instance: String,
    #[serde(flatten)]
    done: Option<T>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

/// Prints what each said, in `words`; 69 if one of several could not be asked.
fn report<T: Serialize>(
    output: &Output,
    command: &str,
    told: Vec<Told<T>>,
    words: impl Fn(&T) -> String,
) -> anyhow::Result<Exit> {
    let all = told.iter().all(|told| told.outcome.is_ok());
    let row = |told: Told<T>| {
        let (done, error) = match told.outcome {
            Ok(done) => (Some(done), None),
            Err(error) => (None, Some(error.to_string())),
        };
        Row {
            instance: told.instance,
            done,
            error,
        }
    };
    let instances = told.into_iter().map(row).collect();
    output.result(command, &Report { instances }, |report| {
        let line = |row: &Row<T>| {
            let done = row.done.as_ref().map(&words);
            let said = done.or_else(|| row.error.clone()).unwrap_or_default();
            [row.instance.clone(), said]
        };
        table(
            ["INSTANCE", "RESULT"],
            report.instances.iter().map(line).collect(),
        )
    })?;
    Ok(if all { Exit::Done } else { Exit::Unavailable })
}
