//! The other end of a connection: where it is, and whether others on the way can read what is said.
use std::net::SocketAddr;

/// A client as its connection shows it, behind whatever proxy it came through.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Peer {
    /// `None` where the system could not say, as of a connection that is gone.
    pub address: Option<SocketAddr>,
    pub channel: Channel,
}

/// How what is said travels.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Channel {
    #[default]
    Clear,
    /// By TLS: up to this server, or up to a proxy that is trusted and says so.
    Encrypted,
}

impl Peer {
    /// A client at `address` over a clear-text connection.
    pub fn in_clear(address: Option<SocketAddr>) -> Self {
        Self {
            address,
            channel: Channel::Clear,
        }
    }

    pub fn is_encrypted(&self) -> bool {
        self.channel == Channel::Encrypted
    }

    /// Whether nothing on the way can read along: by TLS, or because it never leaves this machine.
    pub fn is_private(&self) -> bool {
        let on_this_machine = |address: SocketAddr| address.ip().to_canonical().is_loopback();
        self.is_encrypted() || self.address.is_some_and(on_this_machine)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stays_on_this_machine_needs_no_encryption() {
        let clear = |address: &str| Peer::in_clear(Some(address.parse().expect("an address")));
        for home in ["127.0.0.1:5", "[::1]:5", "[::ffff:127.0.0.1]:5"] {
            assert!(clear(home).is_private(), "{home}");
        }
        let away = clear("192.0.2.1:5");
        assert!(!away.is_private() && !Peer::default().is_private());
        let channel = Channel::Encrypted;
        assert!(Peer { channel, ..away }.is_private());
    }
}
