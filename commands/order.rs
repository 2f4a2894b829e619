//! `discordctl ban`, `unban`, `mute`, `unmute` and `kick`: order in a room, from outside.
use clap::Args;
use discordctl::config::HumanDuration;
use discordctl::ops::people::{People, PeopleError, Restraint, Whom};
use serde::Serialize;

use crate::deployment::{DatabaseSettings, Doubt};
use crate::exit::Exit;
use crate::output::Output;
use crate::runtime::block_on;
use crate::user::explain;

/// The target of an order: a person and a room.
#[derive(Debug, Args)]
pub(crate) struct WhomArgs {
    /// A nickname: an account's, or a guest's
    name: String,
    /// In this room
    #[arg(long, value_name = "ROOM")]
    room: String,
    #[command(flatten)]
    settings: DatabaseSettings,
}

/// The same, for a time.
#[derive(Debug, Args)]
pub(crate) struct RestrictArgs {
    #[command(flatten)]
    whom: WhomArgs,
    /// For so long, as 10m or 7d; for good without
    #[arg(long = "for", value_name = "LENGTH")]
    length: Option<HumanDuration>,
    /// Why, for the audit log
    #[arg(long, value_name = "TEXT")]
    why: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct KickArgs {
    #[command(flatten)]
    whom: WhomArgs,
    /// Why, for the audit log
    #[arg(long, value_name = "TEXT")]
    why: Option<String>,
}

/// What is done to a person.
pub(crate) enum Order<'a> {
    Restrict(Restraint, &'a RestrictArgs),
    Lift(Restraint, &'a WhomArgs),
    Kick(&'a KickArgs),
}

#[derive(Serialize)]
struct Done {
    nickname: String,
    room: String,
    done: &'static str,
    /// Whether anything had to be done.
    changed: bool,
}

impl Done {
    fn as_text(&self) -> String {
        let Self {
            nickname,
            room,
            done,
            changed,
        } = self;
        if *changed {
            format!("{nickname} in {room}: {done}")
        } else {
            format!("{nickname} in {room}: nothing to {done}")
        }
    }
}

pub(crate) fn run(order: &Order<'_>, output: &Output) -> anyhow::Result<Exit> {
    let args = match order {
        Order::Restrict(_, args) => &args.whom,
        Order::Lift(_, args) => args,
        Order::Kick(args) => &args.whom,
    };
    let config = args.settings.load(Doubt::Refuse, output)?;
    let whom = Whom {
        nickname: args.name.clone(),
        room: args.room.clone(),
    };
    let done = block_on(async {
        let people = People::open(&config, "order").await?;
        let done = perform(order, &people, &whom).await;
        people.close().await;
        done
    })?
    .map_err(|error| explain(error, &config))?;
    output.result("order", &done, Done::as_text)?;
    Ok(Exit::Done)
}

async fn perform(order: &Order<'_>, people: &People, whom: &Whom) -> Result<Done, PeopleError> {
    let (done, changed) = match order {
        Order::Restrict(kind, args) => {
            let length = args.length.map(HumanDuration::get);
            let why = args.why.as_deref();
            people.restrict(whom, *kind, length, why).await?;
            (kind.as_str(), true)
        }
        Order::Lift(kind, _) => (kind.lifted(), people.lift(whom, *kind).await?),
        Order::Kick(args) => {
            people.kick(whom, args.why.as_deref()).await?;
            ("kick", true)
        }
    };
    Ok(Done {
        nickname: whom.nickname.clone(),
        room: whom.room.clone(),
        done,
        changed,
    })
}
