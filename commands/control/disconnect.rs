//! `discordctl disconnect`: ends a connection, or all that one person has open.
use clap::Args;
use discordctl::process::control::{ControlError, Disconnected, Request};

use super::{Told, Whom, report, tell};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Output;

/// End a connection, or somebody's session
#[derive(Debug, Args)]
#[command(after_help = "\
A connection is named as 'discordctl connections' shows it, a person by nickname. They are told
that an operator closed it; nothing keeps them from connecting again. Of a person, everything
that is open on the instances asked is closed, and the nickname is free.

Examples:
  discordctl disconnect instance-1:17
  discordctl disconnect mallory
  discordctl disconnect mallory --config config/instance1.json")]
pub(crate) struct DisconnectArgs {
    /// A connection, such as instance-1:17, or a nickname
    #[arg(value_name = "CONNECTION|NICKNAME")]
    who: String,
    #[command(flatten)]
    whom: Whom,
}

pub(crate) fn run(args: &DisconnectArgs, output: &Output) -> anyhow::Result<Exit> {
    let told = match args.who.split_once(':') {
        Some((instance, number)) => connection(args, instance, number, output)?,
        None => session(args, output)?,
    };
    report(output, "disconnect", told, |done| match done.sessions {
        0 => format!("{} was told to end", args.who),
        _ => format!(
            "{} is out; connections closed: {}",
            args.who, done.connections
        ),
    })
}

fn connection(
    args: &DisconnectArgs,
    instance: &str,
    number: &str,
    output: &Output,
) -> anyhow::Result<Vec<Told<Disconnected>>> {
    let instances = args.whom.instances(output)?;
    let config = instances.iter().find(|one| one.instance_id == instance);
    let (Some(config), Ok(id)) = (config, number.parse()) else {
        return Err(unknown(&args.who).into());
    };
    let told = tell(
        config,
        &Request::Disconnect {
            connection: Some(id),
            nickname: None,
        },
    )?;
    match told.outcome {
        Ok(_) => Ok(vec![told]),
        Err(_) => Err(super::none(vec![told]).into()),
    }
}

/// Of the instances asked, those that know the person count.
fn session(args: &DisconnectArgs, output: &Output) -> anyhow::Result<Vec<Told<Disconnected>>> {
    let request = Request::Disconnect {
        connection: None,
        nickname: Some(args.who.clone()),
    };
    let mut told = args.whom.ask(&request, output)?;
    let elsewhere = |error: &ControlError| matches!(error, ControlError::Refused(r) if r.code == "no_such_session");
    told.retain(|told| !told.outcome.as_ref().is_err_and(elsewhere));
    Ok(told)
}

fn unknown(who: &str) -> Failure {
    Failure::new(
        Exit::NoInput,
        "not_found",
        format!("there is no connection '{who}'"),
    )
    .why("a connection is an instance's id, ':' and a number, such as instance-1:17")
    .hint("'discordctl connections' lists who is there")
}
