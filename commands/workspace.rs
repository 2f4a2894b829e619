//! `discordctl workspace`: walls between groups of accounts.
use clap::{Args, Subcommand};
use discordctl::model::{Role, format_time};
use discordctl::ops::people::{People, PeopleError, Workspace};
use serde::Serialize;

use crate::deployment::{DatabaseSettings, Doubt};
use crate::exit::Exit;
use crate::output::{Output, table};
use crate::runtime::block_on;
use crate::user::{explain, role};

/// Make and list workspaces, and add and remove their members
#[derive(Debug, Args)]
#[command(after_help = "\
Members of one workspace see nothing of another. Its rooms are called workspace/room; those of
the first, 'main', are plain.

Examples:
  discordctl workspace create acme
  discordctl workspace add acme alice --role owner
  discordctl workspace remove acme bob")]
pub(crate) struct WorkspaceArgs {
    #[command(subcommand)]
    command: WorkspaceCommand,
    #[command(flatten)]
    settings: DatabaseSettings,
}

#[derive(Debug, Subcommand)]
enum WorkspaceCommand {
    /// Make a workspace
    Create { name: String },
    /// List all workspaces
    List,
    /// Let an account in, or give it another role there
    Add {
        workspace: String,
        name: String,
        /// member, moderator, admin or owner
        #[arg(long, value_name = "ROLE", default_value = "member", value_parser = role)]
        role: Role,
    },
    /// Take an account out
    Remove { workspace: String, name: String },
}

#[derive(Serialize)]
struct List {
    workspaces: Vec<Line>,
}

#[derive(Serialize)]
struct Line {
    name: String,
    members: i64,
    rooms: i64,
    created_at: String,
}

impl List {
    fn of(workspaces: Vec<Workspace>) -> Self {
        let line = |workspace: Workspace| Line {
            name: workspace.name,
            members: workspace.members,
            rooms: workspace.rooms,
            created_at: format_time(workspace.created_at),
        };
        let workspaces = workspaces.into_iter().map(line).collect();
        Self { workspaces }
    }

    fn as_text(&self) -> String {
        let row = |line: &Line| {
            [
                line.name.clone(),
                line.members.to_string(),
                line.rooms.to_string(),
                line.created_at.clone(),
            ]
        };
        let rows = self.workspaces.iter().map(row).collect();
        table(["WORKSPACE", "MEMBERS", "ROOMS", "SINCE"], rows)
    }
}

pub(crate) fn run(args: &WorkspaceArgs, output: &Output) -> anyhow::Result<Exit> {
    let doubt = match args.command {
        WorkspaceCommand::List => Doubt::Take,
        _ => Doubt::Refuse,
    };
    let config = args.settings.load(doubt, output)?;
    let list = block_on(async {
        let people = People::open(&config, "workspace").await?;
        let done = perform(&args.command, &people).await;
        let list = match done {
            Ok(()) => people.workspaces().await,
            Err(error) => Err(error),
        };
        people.close().await;
        list
    })?
    .map_err(|error| explain(error, &config))?;
    output.result("workspaces", &List::of(list), List::as_text)?;
    Ok(Exit::Done)
}

async fn perform(command: &WorkspaceCommand, people: &People) -> Result<(), PeopleError> {
    match command {
        WorkspaceCommand::List => Ok(()),
        WorkspaceCommand::Create { name } => people.create_workspace(name).await,
        WorkspaceCommand::Add {
            workspace,
            name,
            role,
        } => {
            people
                .set_workspace_role(workspace, name, Some(*role))
                .await
        }
        WorkspaceCommand::Remove { workspace, name } => {
            people.set_workspace_role(workspace, name, None).await
        }
    }
}
