//! `discordctl room`: rooms, from outside.
mod report;

use clap::{Args, Subcommand};
use discordctl::model::{Role, RoomKind};
use discordctl::ops::people::{NewRoom, People, PeopleError};
use serde_json::{Map, Value};

use crate::confirm::confirm;
use crate::deployment::{DatabaseSettings, Doubt};
use crate::exit::Exit;
use crate::output::Output;
use crate::user::{role, with_people};
use report::{Deleted, List, Members, One};

/// Make, list, show, set and delete rooms
#[derive(Debug, Args)]
#[command(after_help = "\
Works on a deployment that runs, which follows within a second, and on one that does not.
Everything that is done is in the audit log ('discordctl audit'). What takes a person out of a room
is 'discordctl kick' and 'discordctl ban'.

Examples:
  discordctl room create ops --private --owner alice --topic 'what runs where'
  discordctl room create acme/general
  discordctl room list --workspace acme
  discordctl room list -o json | jq -r '.rooms[] | select(.kind == \"private\") | .name'
  discordctl room add ops bob --role moderator
  discordctl room allow announcements write=moderator react=member
  discordctl room allow announcements write=usual
  discordctl room delete old --dry-run")]
pub(crate) struct RoomArgs {
    #[command(subcommand)]
    command: RoomCommand,
    #[command(flatten)]
    settings: DatabaseSettings,
}

#[derive(Debug, Subcommand)]
enum RoomCommand {
    /// Make a room
    Create {
        /// In a workspace: workspace/room
        name: String,
        /// For its members alone: to all others it is not there
        #[arg(long)]
        private: bool,
        /// What it is about
        #[arg(long, value_name = "TEXT")]
        topic: Option<String>,
        /// The account that owns it
        #[arg(long, value_name = "NICK")]
        owner: Option<String>,
    },
    /// List all rooms
    List {
        /// Of this workspace alone
        #[arg(long, value_name = "NAME")]
        workspace: Option<String>,
    },
    /// Show a room, with its bans and mutes
    Show { name: String },
    /// List the members of a room
    Members { name: String },
    /// Make an account a member of a room, or give it another role there
    Add {
        name: String,
        nick: String,
        /// member, moderator, admin or owner, in this room alone
        #[arg(long, value_name = "ROLE", value_parser = role)]
        role: Option<Role>,
    },
    /// Say what a room is about
    Topic {
        name: String,
        /// '-' takes it away
        #[arg(allow_hyphen_values = true)]
        text: String,
    },
    /// Let actions take another role in a room than they usually do
    Allow {
        name: String,
        /// As write=moderator; write=usual is as everywhere
        #[arg(required = true, value_name = "ACTION=ROLE", value_parser = action_and_role)]
        changes: Vec<(String, Value)>,
    },
    /// Delete a room, with what was said in it; what is in the archive and in backups stays there
    Delete {
        name: String,
        /// Only show what would go
        #[arg(long)]
        dry_run: bool,
    },
}

/// An action and its least role, as overrides have them.
fn action_and_role(text: &str) -> Result<(String, Value), String> {
    let (action, role) = text.split_once('=').ok_or("expected ACTION=ROLE")?;
    let role = match role {
        "usual" => Value::Null,
        role => role.into(),
    };
    Ok((action.to_owned(), role))
}

pub(crate) fn run(args: &RoomArgs, yes: bool, output: &Output) -> anyhow::Result<Exit> {
    let doubt = match args.command {
        RoomCommand::List { .. } | RoomCommand::Show { .. } | RoomCommand::Members { .. } => {
            Doubt::Take
        }
        _ => Doubt::Refuse,
    };
    let config = args.settings.load(doubt, output)?;
    if let RoomCommand::Delete {
        name,
        dry_run: false,
    } = &args.command
    {
        let what = format!("delete the room '{name}' with what was said in it");
        confirm(yes, &what)?;
    }
    with_people(&config, "room", async |people| {
        perform(&args.command, people, output).await
    })
}

async fn perform(
    command: &RoomCommand,
    people: &People,
    output: &Output,
) -> Result<anyhow::Result<()>, PeopleError> {
    let one = |one: One| output.result("room", &one, One::as_text);
    let members = |members: Members| output.result("room-members", &members, Members::as_text);
    Ok(match command {
        RoomCommand::Create {
            name,
            private,
            topic,
            owner,
        } => {
            let new = NewRoom {
                name: name.clone(),
                kind: if *private {
                    RoomKind::Private
                } else {
                    RoomKind::Public
                },
                topic: topic.clone(),
                owner: owner.clone(),
            };
            one(One::of(&people.create_room(&new).await?))
        }
        RoomCommand::List { workspace } => {
            let list = List::of(&people.rooms(workspace.as_deref()).await?);
            output.result("rooms", &list, List::as_text)
        }
        RoomCommand::Show { name } => one(One::of(&people.show_room(name).await?)),
        RoomCommand::Members { name } => members(Members::of(people.room_members(name).await?)),
        RoomCommand::Add { name, nick, role } => {
            people.add_to_room(name, nick, *role).await?;
            members(Members::of(people.room_members(name).await?))
        }
        RoomCommand::Topic { name, text } => {
            let text = if text == "-" { "" } else { text };
            one(One::of(&people.set_topic(name, text).await?))
        }
        RoomCommand::Allow { name, changes } => {
            let changes: Map<String, Value> = changes.iter().cloned().collect();
            let changed = people.override_roles(name, &changes.into()).await?;
            one(One::of(&changed))
        }
        RoomCommand::Delete { name, dry_run } => {
            let room = people.show_room(name).await?;
            if !*dry_run {
                people.delete_room(name).await?;
            }
            let deleted = Deleted::of(&room, *dry_run);
            output.result("room-delete", &deleted, Deleted::as_text)
        }
    })
}
