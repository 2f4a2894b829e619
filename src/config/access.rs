//! The section `access`: what is set, and what it means where an instance listens.
use serde::{Deserialize, Serialize};

use super::settings::Config;
use crate::model::{self, PlaintextLogin, Reach};

/// The access mode as configured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Access {
    pub mode: AccessMode,
    pub registration: Registration,
    /// Whether passwords may come over connections that are not encrypted from other machines.
    pub plaintext_login: bool,
}

/// `Auto` is `Open` where every listener is on loopback, and `Invite` elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AccessMode {
    Auto,
    Open,
    Members,
    Invite,
}

/// `Auto` is `Invite` where the mode is, and `Open` elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Registration {
    Auto,
    Open,
    Invite,
    Closed,
}

impl Config {
    /// The access mode, by the settings and by the addresses that an instance with them listens on.
    pub fn access(&self) -> model::Access {
        let set = &self.access;
        let mode = match (set.mode, Reach::of(&self.listeners())) {
            (AccessMode::Open, _) | (AccessMode::Auto, Reach::Loopback) => model::AccessMode::Open,
            (AccessMode::Members, _) => model::AccessMode::Members,
            (AccessMode::Invite, _) | (AccessMode::Auto, Reach::Elsewhere) => {
                model::AccessMode::Invite
            }
        };
        let registration = match (set.registration, mode) {
            (Registration::Closed, _) => model::Registration::Closed,
            (Registration::Invite, _) | (Registration::Auto, model::AccessMode::Invite) => {
                model::Registration::Invite
            }
            (Registration::Open | Registration::Auto, _) => model::Registration::Open,
        };
        let plaintext_login = if set.plaintext_login {
            PlaintextLogin::Anywhere
        } else {
            PlaintextLogin::Loopback
        };
        model::Access {
            mode,
            registration,
            plaintext_login,
        }
    }
}

/// Settings that contradict each other: mode `invite` with registration `open`.
pub(super) fn contradiction(config: &Config) -> Option<String> {
    let access = config.access();
    let contradicts = access.mode == model::AccessMode::Invite
        && access.registration == model::Registration::Open;
    contradicts.then(|| {
        let mode = match config.access.mode {
            AccessMode::Auto => "\"auto\" is \"invite\" where others can connect",
            _ => "it is \"invite\"",
        };
        format!(
            "found \"open\", and by access.mode ({mode}) an account takes an invite: set \
             access.mode to \"members\" or \"open\", or leave this out"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::AccessMode as Mode;
    use crate::model::Registration as Registering;

    fn config(bind: &str, mode: AccessMode, registration: Registration) -> Config {
        Config {
            bind: bind.parse().expect("an address"),
            access: Access {
                mode,
                registration,
                plaintext_login: false,
            },
            ..Config::default()
        }
    }

    #[test]
    fn a_server_is_open_on_loopback_alone_unless_it_is_told_to_be() {
        use AccessMode::{Auto, Invite, Members, Open};
        for (bind, set, mode, registering) in [
            ("127.0.0.1", Auto, Mode::Open, Registering::Open),
            ("::1", Auto, Mode::Open, Registering::Open),
            ("::ffff:127.0.0.1", Auto, Mode::Open, Registering::Open),
            ("0.0.0.0", Auto, Mode::Invite, Registering::Invite),
            ("::", Auto, Mode::Invite, Registering::Invite),
            ("10.0.0.1", Auto, Mode::Invite, Registering::Invite),
            ("10.0.0.1", Open, Mode::Open, Registering::Open),
            ("10.0.0.1", Members, Mode::Members, Registering::Open),
            ("127.0.0.1", Invite, Mode::Invite, Registering::Invite),
        ] {
            let access = config(bind, set, Registration::Auto).access();
            let found = (access.mode, access.registration);
            assert_eq!(found, (mode, registering), "{bind} {set:?}");
            assert_eq!(access.plaintext_login, PlaintextLogin::Loopback);
        }
    }

    #[test]
    fn registration_is_as_it_is_set_but_never_more_open_than_the_mode() {
        for mode in [AccessMode::Open, AccessMode::Members, AccessMode::Invite] {
            let closed = config("::1", mode, Registration::Closed);
            assert_eq!(closed.access().registration, Registering::Closed);
            let invite = config("::1", mode, Registration::Invite);
            assert_eq!(invite.access().registration, Registering::Invite);
            assert_eq!(contradiction(&invite), None);
            let open = config("::1", mode, Registration::Open);
            let contradicts = contradiction(&open).is_some();
            assert_eq!(contradicts, mode == AccessMode::Invite, "{mode:?}");
        }
        let elsewhere = config("0.0.0.0", AccessMode::Auto, Registration::Open);
        assert!(contradiction(&elsewhere).is_some_and(|why| why.contains("auto")));
    }
}
