//! Accounts and sessions, as they are printed.
use discordctl::model::{Role, format_time};
use discordctl::ops::people::{Account, SessionOf};
use serde::Serialize;

use crate::output::table;

/// An account.
#[derive(Serialize)]
struct User {
    nickname: String,
    display_name: Option<String>,
    role: Option<Role>,
    disabled: bool,
    /// Whether it can log in by a password.
    password: bool,
    registered_at: String,
}

impl From<&Account> for User {
    fn from(account: &Account) -> Self {
        Self {
            nickname: account.nickname.clone(),
            display_name: account.display_name.clone(),
            role: account.role,
            disabled: account.disabled,
            password: account.password.is_some(),
            registered_at: format_time(account.registered_at),
        }
    }
}

impl User {
    fn row(&self) -> [String; 5] {
        let role = self.role.map_or("none", Role::as_str);
        let state = if self.disabled { "disabled" } else { "open" };
        [
            self.nickname.clone(),
            role.to_owned(),
            state.to_owned(),
            self.display_name.clone().unwrap_or_default(),
            self.registered_at.clone(),
        ]
    }
}

const HEADING: [&str; 5] = ["NICKNAME", "ROLE", "STATE", "DISPLAY NAME", "REGISTERED"];

#[derive(Serialize)]
pub(super) struct List {
    users: Vec<User>,
}

impl List {
    pub(super) fn of(accounts: &[Account]) -> Self {
        let users = accounts.iter().map(User::from).collect();
        Self { users }
    }

    pub(super) fn as_text(&self) -> String {
        if self.users.is_empty() {
            return "there is no account: discordctl user create NAME --role owner".into();
        }
        table(HEADING, self.users.iter().map(User::row).collect())
    }
}

#[derive(Serialize)]
pub(super) struct One {
    user: User,
    /// One that was made up: it is nowhere else.
    #[serde(skip_serializing_if = "Option::is_none")]
    new_password: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sessions: Option<Vec<Session>>,
}

impl One {
    pub(super) fn of(account: &Account) -> Self {
        Self {
            user: account.into(),
            new_password: None,
            sessions: None,
        }
    }

    pub(super) fn with(self, new_password: Option<String>) -> Self {
        Self {
            new_password,
            ..self
        }
    }

    pub(super) fn with_sessions(self, sessions: &[SessionOf]) -> Self {
        let sessions = Some(sessions.iter().map(Session::from).collect());
        Self { sessions, ..self }
    }

    pub(super) fn as_text(&self) -> String {
        let mut text = table(HEADING, vec![self.user.row()]);
        if let Some(password) = &self.new_password {
            text += &format!("\n\npassword: {password}\n(it is shown this once)");
        }
        if let Some(sessions) = &self.sessions {
            text += &format!("\n\n{}", as_table(sessions));
        }
        text
    }
}

/// An account that was erased, or would be.
#[derive(Serialize)]
pub(super) struct Erased {
    user: User,
    dry_run: bool,
}

impl Erased {
    pub(super) fn of(account: &Account, dry_run: bool) -> Self {
        let user = account.into();
        Self { user, dry_run }
    }

    pub(super) fn as_text(&self) -> String {
        let nickname = &self.user.nickname;
        if self.dry_run {
            format!("{nickname}: would be erased")
        } else {
            format!("{nickname}: erased; the name stays taken")
        }
    }
}

/// A session, by the digest under which it is stored: its secret is its client's alone.
#[derive(Serialize)]
struct Session {
    id: String,
    transport: String,
    online: bool,
    address: Option<String>,
    created_at: String,
    last_used_at: String,
}

impl From<&SessionOf> for Session {
    fn from(session: &SessionOf) -> Self {
        Self {
            id: session.key.clone(),
            transport: session.transport.clone(),
            online: session.online,
            address: session.address.clone(),
            created_at: format_time(session.created_at),
            last_used_at: format_time(session.last_used_at),
        }
    }
}

#[derive(Serialize)]
pub(super) struct Sessions {
    sessions: Vec<Session>,
}

impl Sessions {
    pub(super) fn of(sessions: &[SessionOf]) -> Self {
        let sessions = sessions.iter().map(Session::from).collect();
        Self { sessions }
    }

    pub(super) fn as_text(&self) -> String {
        as_table(&self.sessions)
    }
}

fn as_table(sessions: &[Session]) -> String {
    if sessions.is_empty() {
        return "no session".into();
    }
    let row = |session: &Session| {
        let online = if session.online { "online" } else { "" };
        [
            session.id.chars().take(8).collect(),
            session.transport.clone(),
            online.to_owned(),
            session.address.clone().unwrap_or_default(),
            session.last_used_at.clone(),
        ]
    };
    let rows = sessions.iter().map(row).collect();
    table(["SESSION", "OVER", "", "FROM", "LAST USED"], rows)
}
