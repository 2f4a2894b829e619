//! One look at each kind of server that a deployment consists of, with typed results. What a
//! result means is for the one who looks: the doctor, health, the monitor and the roll judge.
pub(super) mod bus;
pub(super) mod database;
pub mod instance;

use crate::config::Config;

/// The instances that share a server, for each server once.
pub(super) fn sharing<'c, U: PartialEq>(
    configs: impl IntoIterator<Item = &'c Config>,
    server: impl Fn(&'c Config) -> Option<U>,
) -> Vec<(U, Vec<&'c Config>)> {
    let mut groups: Vec<(U, Vec<&Config>)> = Vec::new();
    for config in configs {
        let Some(server) = server(config) else {
            continue;
        };
        match groups.iter_mut().find(|(known, _)| *known == server) {
            Some((_, group)) => group.push(config),
            None => groups.push((server, vec![config])),
        }
    }
    groups
}
