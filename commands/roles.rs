//! `discordctl roles`: what each role may do.
use discordctl::model::Role;
use discordctl::ops::people::{Action, usual};
use serde::Serialize;

use crate::exit::Exit;
use crate::output::{Output, table};

/// Those that people have, from the least to the most.
const ROLES: [Role; 5] = [
    Role::Guest,
    Role::Member,
    Role::Moderator,
    Role::Admin,
    Role::Owner,
];

#[derive(Serialize)]
struct Report {
    roles: Vec<&'static str>,
    actions: Vec<Row>,
}

#[derive(Serialize)]
struct Row {
    action: &'static str,
    /// The least role that may.
    role: Role,
}

pub(crate) fn run(output: &Output) -> anyhow::Result<Exit> {
    let row = |action: Action| Row {
        action: action.as_str(),
        // A client without a session reads where guests do.
        role: usual(action).max(Role::Guest),
    };
    let report = Report {
        roles: ROLES.map(Role::as_str).to_vec(),
        actions: Action::ALL.iter().copied().map(row).collect(),
    };
    output.result("roles", &report, as_text)?;
    Ok(Exit::Done)
}

fn as_text(report: &Report) -> String {
    let row = |row: &Row| {
        let may = |role: Role| {
            if role >= row.role {
                "yes".to_owned()
            } else {
                String::new()
            }
        };
        let [guest, member, moderator, admin, owner] = ROLES.map(may);
        [
            row.action.to_owned(),
            guest,
            member,
            moderator,
            admin,
            owner,
        ]
    };
    let rows = report.actions.iter().map(row).collect();
    let heading = ["ACTION", "GUEST", "MEMBER", "MODERATOR", "ADMIN", "OWNER"];
    format!(
        "{}\n\nGuests are let in where access.mode is open, and into public rooms alone. A room may say \
         otherwise, and give a person another role.",
        table(heading, rows)
    )
}
