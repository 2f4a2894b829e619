//! `discordctl user`: accounts.
mod failure;
mod report;

use clap::{Args, Subcommand};
use discordctl::config::Config;
use discordctl::model::Role;
use discordctl::ops::people::{Chosen, People, PeopleError, Standing};

use crate::confirm::confirm;
use crate::deployment::{DatabaseSettings, Doubt};
use crate::exit::Exit;
use crate::output::Output;
use crate::runtime::block_on;
use crate::secret;
use report::{Erased, List, One, Sessions};

pub(crate) use failure::explain;

/// Make, show and change accounts
#[derive(Debug, Args)]
#[command(after_help = "\
Works on a deployment that runs, which follows within a second, and on one that does not.
Everything that is done is in the audit log ('discordctl audit').

Without --password-stdin a password is made up and printed once, on stdout.

Examples:
  discordctl user create alice --role owner
  pass show chat/bob | discordctl user create bob --password-stdin
  discordctl user list -o json | jq -r '.users[] | select(.role == \"owner\") | .nickname'
  discordctl user password alice
  discordctl user sessions alice --end 3f9c
  discordctl user disable mallory
  discordctl user erase mallory --dry-run")]
pub(crate) struct UserArgs {
    #[command(subcommand)]
    command: UserCommand,
    #[command(flatten)]
    settings: DatabaseSettings,
}

#[derive(Debug, Subcommand)]
enum UserCommand {
    /// Make an account; the messages that were said under its nickname become its own
    Create {
        name: String,
        /// member, moderator, admin or owner
        #[arg(long, value_name = "ROLE", default_value = "member", value_parser = role)]
        role: Role,
        /// Read the password from standard input, a line
        #[arg(long)]
        password_stdin: bool,
    },
    /// List all accounts
    List,
    /// Show an account with its sessions
    Show { name: String },
    /// Give an account another role
    Role {
        name: String,
        /// member, moderator, admin or owner
        #[arg(value_parser = role)]
        role: Role,
    },
    /// Give an account another password, which ends its sessions
    Password {
        name: String,
        /// Read the password from standard input, a line
        #[arg(long)]
        password_stdin: bool,
    },
    /// Close an account, with all its sessions
    Disable { name: String },
    /// Open an account again
    Enable { name: String },
    /// Erase an account, and all that names its person
    #[command(after_help = ERASES)]
    Erase {
        name: String,
        /// Only see whether it can be done
        #[arg(long)]
        dry_run: bool,
    },
    /// List the sessions of an account, or end one
    Sessions {
        name: String,
        /// End the one whose id begins so
        #[arg(long, value_name = "ID")]
        end: Option<String>,
    },
}

const ERASES: &str = "\
Gone are its sessions, tokens, password, display name, what an identity provider calls it, its
roles, memberships, bans and mutes. Its messages stay in their places, under a name that says
nothing. Its nickname stays taken by a closed account, so that no other person speaks under it:
'user enable' and 'user password' give it to another person.

What stays: the words of messages, lines of the audit log, the archive, backups and log files.
'discordctl erase --user NAME', before this, takes the words, also out of the archive and of what
is restored later. A
guest has no account: 'user create NAME' makes one of it first, with what it said.";

/// One that an account can be given.
pub(crate) fn role(text: &str) -> Result<Role, String> {
    let role = Role::named(text).filter(|role| *role >= Role::Member);
    role.ok_or_else(|| "expected member, moderator, admin or owner".to_owned())
}

pub(crate) fn run(args: &UserArgs, yes: bool, output: &Output) -> anyhow::Result<Exit> {
    let doubt = match args.command {
        UserCommand::List | UserCommand::Show { .. } => Doubt::Take,
        _ => Doubt::Refuse,
    };
    let config = args.settings.load(doubt, output)?;
    let what = match &args.command {
        UserCommand::Disable { name } => {
            Some(format!("close the account '{name}' and end its sessions"))
        }
        UserCommand::Erase {
            name,
            dry_run: false,
        } => Some(format!("erase the account '{name}' for good")),
        _ => None,
    };
    if let Some(what) = what {
        confirm(yes, &what)?;
    }
    let chosen = chosen(&args.command)?;
    with_people(&config, "user", async |people| {
        perform(&args.command, people, &chosen, output).await
    })
}

/// Does `work` for an operator's command, and lets go of the database whatever came of it.
pub(crate) fn with_people(
    config: &Config,
    command: &str,
    work: impl AsyncFnOnce(&People) -> Result<Told, PeopleError>,
) -> anyhow::Result<Exit> {
    block_on(async {
        let people = People::open(config, command).await;
        let people = people.map_err(|error| explain(error, config))?;
        let done = work(&people).await;
        people.close().await;
        match done {
            Ok(told) => told,
            Err(error) => Err(explain(error, config).into()),
        }
    })??;
    Ok(Exit::Done)
}

/// What is told of it, which may fail in its own way.
pub(crate) type Told = anyhow::Result<()>;

async fn perform(
    command: &UserCommand,
    people: &People,
    chosen: &Chosen,
    output: &Output,
) -> Result<Told, PeopleError> {
    let one = |one: One| output.result("user", &one, One::as_text);
    Ok(match command {
        UserCommand::Create { name, role, .. } => {
            let (account, password) = people.create(name, *role, chosen).await?;
            one(One::of(&account).with(password))
        }
        UserCommand::Password { name, .. } => {
            let (account, password) = people.set_password(name, chosen).await?;
            one(One::of(&account).with(password))
        }
        UserCommand::Role { name, role } => one(One::of(&people.set_role(name, *role).await?)),
        UserCommand::Disable { name } => one(One::of(
            &people.set_disabled(name, Standing::Disabled).await?,
        )),
        UserCommand::Enable { name } => one(One::of(
            &people.set_disabled(name, Standing::Enabled).await?,
        )),
        UserCommand::Erase { name, dry_run } => {
            let account = if *dry_run {
                people.erasable(name).await?
            } else {
                people.erase(name).await?
            };
            let erased = Erased::of(&account, *dry_run);
            output.result("user-erase", &erased, Erased::as_text)
        }
        UserCommand::Show { name } => {
            let (account, sessions) = (people.account(name).await?, people.sessions(name).await?);
            one(One::of(&account).with_sessions(&sessions))
        }
        UserCommand::List => {
            let list = List::of(&people.list().await?);
            output.result("users", &list, List::as_text)
        }
        UserCommand::Sessions { name, end } => {
            if let Some(id) = end {
                people.end_session(name, id).await?;
            }
            let sessions = Sessions::of(&people.sessions(name).await?);
            output.result("user-sessions", &sessions, Sessions::as_text)
        }
    })
}

/// The password that is read, where one is.
fn chosen(command: &UserCommand) -> anyhow::Result<Chosen> {
    let from_stdin = match command {
        UserCommand::Create { password_stdin, .. }
        | UserCommand::Password { password_stdin, .. } => *password_stdin,
        _ => false,
    };
    if from_stdin {
        return Ok(Chosen::Given(secret::from_stdin("password")?));
    }
    Ok(Chosen::Random)
}
