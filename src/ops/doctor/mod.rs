//! Looks for what is wrong with a deployment's surroundings, and says how to mend it. Whatever
//! is broken, everything else is still looked at.
mod access;
mod accounts;
mod archive;
mod backup;
pub mod bundle;
mod certificates;
mod database;
mod files;
mod instances;
mod machine;
mod proxy;
mod redis;
mod replication;
mod role;

use std::path::PathBuf;
use std::time::Duration;

use futures_util::future::{join_all, join5};

use super::deadline::Deadline;
use super::finding::{Finding, Verdict};
use super::probe;
use crate::config::Config;
use crate::model::Password;

/// An instance as it is configured, rightly or not.
#[derive(Debug)]
pub struct Candidate {
    /// Its file; `None` for the one of variables and defaults.
    pub file: Option<PathBuf>,
    /// Or what is wrong with it, in words.
    pub config: Result<Config, String>,
    /// What is allowed and probably not meant.
    pub warnings: Vec<String>,
}

#[derive(Debug)]
pub struct Plan {
    pub candidates: Vec<Candidate>,
    /// Where clients find the deployment, through whatever stands in front of it.
    pub url: Option<String>,
    /// What is shown there, where guests may not read.
    pub token: Option<Password>,
    /// For everything that has to answer.
    pub within: Duration,
}

pub async fn look(plan: &Plan) -> Vec<Finding> {
    let deadline = Deadline::after(plan.within);
    let configs: Vec<&Config> = plan
        .candidates
        .iter()
        .filter_map(|candidate| candidate.config.as_ref().ok())
        .collect();
    let mut findings: Vec<Finding> = plan.candidates.iter().map(configuration).collect();
    findings.extend(instances::contradictions(&configs));
    findings.extend(instances::look(&configs).await);
    findings.extend(machine::look(&configs).await);
    findings.extend(files::look(plan));
    findings.extend(access::look(&configs));
    findings.extend(certificates::look(&configs));
    let databases = probe::databases(configs.iter().copied());
    let redises = probe::buses(configs.iter().copied());
    let archives = probe::archives(configs.iter().copied());
    let backups = probe::backups(configs.iter().copied());
    let (databases, redises, archives, backups, proxy) = join5(
        join_all(databases.iter().map(|of| database::look(of, deadline))),
        join_all(redises.iter().map(|of| redis::look(of, deadline))),
        join_all(archives.iter().map(|of| archive::look(of, deadline))),
        join_all(backups.iter().map(|of| backup::look(of, deadline))),
        async {
            match &plan.url {
                Some(url) => Some(proxy::look(url, plan.token.as_ref(), deadline).await),
                None => None,
            }
        },
    )
    .await;
    findings.extend(databases.into_iter().chain(redises).flatten());
    findings.extend(archives);
    findings.extend(backups);
    findings.extend(proxy);
    findings
}

fn configuration(candidate: &Candidate) -> Finding {
    const CHECK: &str = "config";
    let on = match &candidate.file {
        Some(file) => file.display().to_string(),
        None => "defaults and variables".into(),
    };
    match &candidate.config {
        Err(problems) => Finding::bad(CHECK, on, Verdict::Critical, problems)
            .fix("correct it; discordctl config check FILE says when it is right"),
        Ok(_) if candidate.warnings.is_empty() => Finding::ok(CHECK, on, "it is right"),
        Ok(_) => Finding::bad(CHECK, on, Verdict::Warning, candidate.warnings.join("; "))
            .fix("change these if they are not meant; discordctl config check FILE"),
    }
}
