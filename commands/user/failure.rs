//! What went wrong with an account, for the operator.
use discordctl::config::Config;
use discordctl::ops::people::PeopleError;

use crate::database;
use crate::exit::Exit;
use crate::failure::{Failure, explain};

pub(crate) fn explain(error: PeopleError, config: &Config) -> Failure {
    explain!(&error, "nothing was changed", &error;
        PeopleError::NoAccount(_) => [Exit::Unavailable, "no_account",
            "'discordctl user list' lists them; a guest has none"];
        PeopleError::Taken(_) => [Exit::CannotCreate, "account_exists",
            "'discordctl user password NAME' gives it another password"];
        PeopleError::LastOwner(_) => [Exit::NotPermitted, "last_owner",
            "make another owner first: discordctl user role NAME owner"];
        PeopleError::NoSession(_) => [Exit::Unavailable, "no_session",
            "'discordctl user sessions NAME' lists them; more digits say which is meant"];
        PeopleError::NoUser(_) => [Exit::Unavailable, "no_user",
            "'discordctl user list' lists the accounts"];
        PeopleError::NoRoom(_) => [Exit::Unavailable, "no_room",
            "'discordctl room list' lists them; a room of a workspace is called workspace/room"];
        PeopleError::RoomExists(_) => [Exit::CannotCreate, "room_exists",
            "'discordctl room show NAME' shows it"];
        PeopleError::Lobby(_) => [Exit::NotPermitted, "lobby",
            "name another room"];
        PeopleError::Direct(_) => [Exit::NotPermitted, "direct_room", "make another room"];
        PeopleError::Outside { .. } => [Exit::Unavailable, "not_in_workspace",
            "let the account in first: discordctl workspace add WORKSPACE NAME"];
        PeopleError::Topic(_) => [Exit::Usage, "topic_too_long", "say it in fewer words"];
        PeopleError::Overrides(_) => [Exit::Usage, "bad_override",
            "'discordctl roles' lists the actions and the roles"];
        PeopleError::NoWorkspace(_) => [Exit::Unavailable, "no_workspace",
            "'discordctl workspace list' lists them"];
        PeopleError::WorkspaceExists(_) => [Exit::CannotCreate, "workspace_exists",
            "'discordctl workspace list' lists them"];
        PeopleError::NoInvite(_) => [Exit::Unavailable, "no_invite",
            "'discordctl invite list' lists them; more digits say which is meant"];
        PeopleError::NoToken(_) => [Exit::Unavailable, "no_token",
            "'discordctl token list' lists them"];
        PeopleError::TooManyTokens(_) => [Exit::CannotCreate, "too_many_tokens",
            "'discordctl token revoke ID' revokes one that is not needed any more"];
        PeopleError::TokenName(_) => [Exit::Usage, "bad_name", "--name says what it is for"];
        PeopleError::TooLong => [Exit::Usage, "too_long", "leave it out, and it is for good"];
        PeopleError::Name(_) => [Exit::Usage, "bad_name",
            "choose another name"];
        PeopleError::Weak(_) => [Exit::Usage, "weak_password",
            "choose another, or leave out --password-stdin to have one made up"];
        PeopleError::Hash(_) => [Exit::TryAgain, "busy", "try again in a moment"];
        PeopleError::Store(error) => { database::explain(error, config) };
    )
}
