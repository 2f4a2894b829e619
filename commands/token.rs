//! `discordctl token`: what bots show to be an account.
use clap::{Args, Subcommand};
use discordctl::config::HumanDuration;
use discordctl::model::format_time;
use discordctl::ops::people::{BotToken, People, PeopleError, Scopes, Tokening};
use serde::Serialize;

use crate::deployment::{DatabaseSettings, Doubt};
use crate::exit::Exit;
use crate::output::{Output, table};
use crate::user::with_people;

/// Make, list and revoke tokens, by which bots are an account
#[derive(Debug, Args)]
#[command(after_help = "\
A bot sends its token with each request, as 'Authorization: Bearer dct_…', or logs in with it over
lines: /login NAME TOKEN. It may do what its account may, and of that what its scopes name:
'read' rooms, 'write' in them, and 'manage' for all else. With --rooms no other room is there for it.
A token is printed once; what is kept of it is a digest.

Examples:
  discordctl token create --user buildbot --scopes read,write --rooms ops
  discordctl token create --user buildbot --scopes write --expires 90d --name 'nightly build'
  discordctl token list --user buildbot
  discordctl token revoke 7")]
pub(crate) struct TokenArgs {
    #[command(subcommand)]
    command: TokenCommand,
    #[command(flatten)]
    settings: DatabaseSettings,
}

#[derive(Debug, Subcommand)]
enum TokenCommand {
    /// Make a token, and print it
    Create {
        /// The account that it stands for
        #[arg(long, value_name = "NAME")]
        user: String,
        /// Some of read, write and manage, with commas between
        #[arg(long, value_name = "SCOPES", value_parser = scopes)]
        scopes: Scopes,
        /// For these rooms alone, with commas between; for all without
        #[arg(long, value_name = "ROOMS", value_delimiter = ',')]
        rooms: Vec<String>,
        /// It holds for so long, as 90d; for good without
        #[arg(long, value_name = "LENGTH")]
        expires: Option<HumanDuration>,
        /// What it is for, in lists and in the audit log
        #[arg(long, value_name = "TEXT", default_value = "made by an operator")]
        name: String,
    },
    /// List the tokens that were not revoked
    List {
        /// Those of this account
        #[arg(long, value_name = "NAME")]
        user: Option<String>,
    },
    /// Revoke a token: what is open by it ends
    Revoke { id: i64 },
}

fn scopes(text: &str) -> Result<Scopes, String> {
    Scopes::parse(text.split(',').map(str::trim)).map_err(|error| error.to_string())
}

#[derive(Serialize)]
struct Made {
    id: i64,
    token: String,
}

impl Made {
    fn as_text(&self) -> String {
        format!("{}\n(token {}; it is shown this once)", self.token, self.id)
    }
}

#[derive(Serialize)]
struct List {
    tokens: Vec<Line>,
}

#[derive(Serialize)]
struct Line {
    id: i64,
    user: String,
    name: String,
    scopes: Vec<String>,
    /// None is all.
    rooms: Option<Vec<String>>,
    created_at: String,
    expires_at: Option<String>,
    last_used_at: Option<String>,
}

impl List {
    fn of(tokens: Vec<BotToken>) -> Self {
        let line = |of: BotToken| Line {
            id: of.token.id,
            user: of.token.nickname,
            name: of.token.name,
            scopes: of.token.scopes.split(' ').map(str::to_owned).collect(),
            rooms: of.rooms,
            created_at: format_time(of.token.created_at),
            expires_at: of.token.expires_at.map(format_time),
            last_used_at: of.token.last_used_at.map(format_time),
        };
        let tokens = tokens.into_iter().map(line).collect();
        Self { tokens }
    }

    fn as_text(&self) -> String {
        if self.tokens.is_empty() {
            return "no token".into();
        }
        let row = |line: &Line| {
            let rooms = line.rooms.as_ref().map(|rooms| rooms.join(","));
            [
                line.id.to_string(),
                line.user.clone(),
                line.name.clone(),
                line.scopes.join(","),
                rooms.unwrap_or_else(|| "all".into()),
                line.expires_at.clone().unwrap_or_default(),
                line.last_used_at.clone().unwrap_or_else(|| "never".into()),
            ]
        };
        let rows = self.tokens.iter().map(row).collect();
        let heading = [
            "ID",
            "USER",
            "NAME",
            "SCOPES",
            "ROOMS",
            "EXPIRES",
            "LAST USED",
        ];
        table(heading, rows)
    }
}

pub(crate) fn run(args: &TokenArgs, output: &Output) -> anyhow::Result<Exit> {
    let doubt = match args.command {
        TokenCommand::List { .. } => Doubt::Take,
        _ => Doubt::Refuse,
    };
    let config = args.settings.load(doubt, output)?;
    with_people(&config, "token", async |people| {
        perform(&args.command, people, output).await
    })
}

async fn perform(
    command: &TokenCommand,
    people: &People,
    output: &Output,
) -> Result<anyhow::Result<()>, PeopleError> {
    Ok(match command {
        TokenCommand::Create {
            user,
            scopes,
            rooms,
            expires,
            name,
        } => {
            let tokening = Tokening {
                user: user.clone(),
                name: name.clone(),
                scopes: *scopes,
                rooms: rooms.clone(),
                life: expires.map(HumanDuration::get),
            };
            let (id, token) = people.make_token(&tokening).await?;
            let token = token.secret().to_owned();
            output.result("token", &Made { id, token }, Made::as_text)
        }
        TokenCommand::List { user } => {
            let list = List::of(people.tokens(user.as_deref()).await?);
            output.result("tokens", &list, List::as_text)
        }
        TokenCommand::Revoke { id } => {
            people.revoke_token(*id).await?;
            let list = List::of(people.tokens(None).await?);
            output.result("tokens", &list, List::as_text)
        }
    })
}
