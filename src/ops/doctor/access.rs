//! The access mode, beside the addresses that clients can reach: what an instance is told deliberately is right, but
//! for what gives it away.
use std::net::IpAddr;

use super::super::finding::{Finding, Verdict};
use crate::config::{AccessMode as Set, Config};
use crate::model::{AccessMode, Host, Listener, Reach};

const CHECK: &str = "access";

pub(super) fn look(configs: &[&Config]) -> Vec<Finding> {
    configs.iter().flat_map(|config| of(config)).collect()
}

fn of(config: &Config) -> Vec<Finding> {
    let (listeners, access) = (config.listeners(), config.access());
    let on = config.instance_id.as_str();
    let mut findings = Vec::new();
    let mut warn = |detail: String, fix: &str| {
        findings.push(Finding::bad(CHECK, on, Verdict::Warning, detail).fix(fix));
    };
    let guests = access.mode == AccessMode::Open;
    if let Some(address) = listeners.iter().find_map(public).filter(|_| guests) {
        let detail = format!("guests may read and speak, and the world can connect to {address}");
        warn(
            detail,
            "set 'access.mode' to \"members\" or \"invite\", or 'bind' to an address of your own network",
        );
    }
    if let Some(host) =
        behind_a_proxy(config, &listeners).filter(|_| guests && config.access.mode == Set::Auto)
    {
        let detail = format!(
            "guests may read and speak: a proxy brings in others ('http.public_url' is of {host}), and \
             'access.mode' is left to where the instance itself listens"
        );
        warn(
            detail,
            "set 'access.mode': \"invite\", \"members\", or \"open\" if that is meant",
        );
    }
    if config.access.plaintext_login && Reach::of(&listeners) == Reach::Elsewhere {
        let detail =
            "passwords may come from other machines over connections that are not encrypted";
        warn(
            detail.into(),
            "set 'access.plaintext_login' to false; let clients come over TLS",
        );
    }
    if findings.is_empty() {
        let detail = format!(
            "{}, and registering is {}",
            access.mode.as_str(),
            access.registration.as_str()
        );
        findings.push(Finding::ok(CHECK, on, detail));
    }
    findings
}

/// An address that can be reached from anywhere, or may be: all of a machine's.
fn public(listener: &Listener) -> Option<IpAddr> {
    let address = listener.address.ip().to_canonical();
    let own = match address {
        IpAddr::V4(v4) => {
            let [first, second, ..] = v4.octets();
            let shared = first == 100 && second & 0xc0 == 64;
            v4.is_loopback() || v4.is_private() || v4.is_link_local() || shared
        }
        IpAddr::V6(v6) => v6.is_loopback() || v6.is_unique_local() || v6.is_unicast_link_local(),
    };
    (!own).then_some(address)
}

/// The name under which others come, where the instance itself is on loopback.
fn behind_a_proxy(config: &Config, listeners: &[Listener]) -> Option<Host> {
    let host = Host::of_url(config.http.public_url.as_deref()?)?;
    (Reach::of(listeners) == Reach::Loopback && !host.is_loopback()).then_some(host)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Access, Http, Registration};

    fn told(bind: &str, mode: Set, plaintext_login: bool, url: Option<&str>) -> String {
        let config = Config {
            bind: bind.parse().expect("an address"),
            access: Access {
                mode,
                registration: Registration::Auto,
                plaintext_login,
            },
            http: Http {
                public_url: url.map(str::to_owned),
                ..Config::default().http
            },
            ..Config::default()
        };
        let found = of(&config);
        let bad = found.iter().filter(|finding| !finding.is_ok());
        assert!(
            bad.clone().all(|finding| finding.fix.is_some()),
            "{found:?}"
        );
        let words = ["the world", "a proxy", "not encrypted"];
        let said = bad.flat_map(|finding| {
            words
                .into_iter()
                .filter(|word| finding.detail.contains(word))
        });
        said.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn what_lets_strangers_in_or_passwords_out_is_told() {
        let site = Some("https://chat.example.org");
        for (bind, mode, plaintext, url, expected) in [
            ("127.0.0.1", Set::Auto, false, None, ""),
            (
                "127.0.0.1",
                Set::Auto,
                true,
                Some("http://localhost:3001"),
                "",
            ),
            ("127.0.0.1", Set::Auto, false, site, "a proxy"),
            ("127.0.0.1", Set::Open, false, site, ""),
            ("127.0.0.1", Set::Invite, false, site, ""),
            ("0.0.0.0", Set::Auto, false, site, ""),
            ("0.0.0.0", Set::Open, false, None, "the world"),
            (
                "2001:db8::1",
                Set::Open,
                true,
                None,
                "the world not encrypted",
            ),
            ("::", Set::Members, true, None, "not encrypted"),
            ("192.168.1.7", Set::Open, false, None, ""),
            ("100.101.1.7", Set::Open, false, None, ""),
            ("fd00::1", Set::Open, false, None, ""),
        ] {
            assert_eq!(
                told(bind, mode, plaintext, url),
                expected,
                "{bind} {mode:?} {plaintext}"
            );
        }
    }
}
