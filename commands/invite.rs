//! `discordctl invite`: codes by which people register.
use clap::{Args, Subcommand};
use discordctl::config::HumanDuration;
use discordctl::model::{MAIN, Role, format_time};
use discordctl::ops::people::{Invite, Inviting, People, PeopleError};
use serde::Serialize;

use crate::deployment::{DatabaseSettings, Doubt};
use crate::exit::Exit;
use crate::output::{Output, table};
use crate::user::{role, with_people};

/// Make, list and take back invites, by which people register
#[derive(Debug, Args)]
#[command(after_help = "\
Where 'access.registration' is 'invite', registering takes a code: /register PASSWORD CODE.
A code is printed once; what is kept of it is a digest.

Examples:
  discordctl invite create
  discordctl invite create --role moderator --uses 5 --expires 7d
  discordctl invite revoke 3f9c")]
pub(crate) struct InviteArgs {
    #[command(subcommand)]
    command: InviteCommand,
    #[command(flatten)]
    settings: DatabaseSettings,
}

#[derive(Debug, Subcommand)]
enum InviteCommand {
    /// Make an invite, and print its code
    Create {
        /// Into this workspace
        #[arg(long, value_name = "NAME", default_value = MAIN)]
        workspace: String,
        /// member, moderator, admin or owner
        #[arg(long, value_name = "ROLE", default_value = "member", value_parser = role)]
        role: Role,
        /// For so many people
        #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=100_000))]
        uses: u32,
        /// It holds for so long, as 7d; for good without
        #[arg(long, value_name = "LENGTH")]
        expires: Option<HumanDuration>,
    },
    /// List the invites that can still be used
    List,
    /// Take an invite back, by the first digits of its id
    Revoke { id: String },
}

#[derive(Serialize)]
struct Code {
    code: String,
}

impl Code {
    fn as_text(&self) -> String {
        format!("{}\n(it is shown this once)", self.code)
    }
}

#[derive(Serialize)]
struct List {
    invites: Vec<Line>,
}

#[derive(Serialize)]
struct Line {
    id: String,
    workspace: String,
    role: String,
    uses: i64,
    expires_at: Option<String>,
    created_at: String,
}

impl List {
    fn of(invites: Vec<Invite>) -> Self {
        let line = |invite: Invite| Line {
            id: invite.digest,
            workspace: invite.workspace,
            role: invite.role,
            uses: invite.uses,
            expires_at: invite.expires_at.map(format_time),
            created_at: format_time(invite.created_at),
        };
        let invites = invites.into_iter().map(line).collect();
        Self { invites }
    }

    fn as_text(&self) -> String {
        if self.invites.is_empty() {
            return "no invite".into();
        }
        let row = |line: &Line| {
            [
                line.id.chars().take(12).collect(),
                line.workspace.clone(),
                line.role.clone(),
                line.uses.to_string(),
                line.expires_at.clone().unwrap_or_default(),
            ]
        };
        let rows = self.invites.iter().map(row).collect();
        table(["ID", "WORKSPACE", "ROLE", "USES LEFT", "EXPIRES"], rows)
    }
}

pub(crate) fn run(args: &InviteArgs, output: &Output) -> anyhow::Result<Exit> {
    let doubt = match args.command {
        InviteCommand::List => Doubt::Take,
        _ => Doubt::Refuse,
    };
    let config = args.settings.load(doubt, output)?;
    with_people(&config, "invite", async |people| {
        perform(&args.command, people, output).await
    })
}

async fn perform(
    command: &InviteCommand,
    people: &People,
    output: &Output,
) -> Result<anyhow::Result<()>, PeopleError> {
    Ok(match command {
        InviteCommand::Create {
            workspace,
            role,
            uses,
            expires,
        } => {
            let inviting = Inviting {
                workspace: workspace.clone(),
                role: *role,
                uses: *uses,
                life: expires.map(HumanDuration::get),
            };
            let code = people.invite(&inviting).await?;
            output.result("invite", &Code { code }, Code::as_text)
        }
        InviteCommand::Revoke { id } => {
            people.revoke_invite(id).await?;
            let list = List::of(people.invites().await?);
            output.result("invites", &list, List::as_text)
        }
        InviteCommand::List => {
            let list = List::of(people.invites().await?);
            output.result("invites", &list, List::as_text)
        }
    })
}
