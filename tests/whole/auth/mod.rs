//! What an identity provider says, against a real one.
mod bearer;
mod browser;
mod sign_in;
mod tokens;

use std::sync::Arc;

use discordctl::auth::jwt::ClaimNames;
use discordctl::clock::{Clock, SystemClock};

fn clock() -> Arc<dyn Clock> {
    Arc::new(SystemClock)
}

fn claims() -> ClaimNames {
    ClaimNames {
        name: "preferred_username".into(),
        roles: Some("roles".into()),
    }
}
