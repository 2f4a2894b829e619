//! An address, or a network of them, as it is written in settings: `10.0.0.5`, `10.0.0.0/8`.
use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

use ipnet::IpNet;

/// One address is a network of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network(IpNet);

/// The text is neither.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("neither an address nor a network")]
pub struct NotANetwork;

impl FromStr for Network {
    type Err = NotANetwork;

    fn from_str(text: &str) -> Result<Self, NotANetwork> {
        let address = || text.parse::<IpAddr>().map(IpNet::from);
        let network = text.parse().or_else(|_| address());
        network.map(Self).map_err(|_| NotANetwork)
    }
}

impl Network {
    pub fn contains(&self, address: IpAddr) -> bool {
        self.0.contains(&address)
    }
}

/// The network that stands for one client: an IPv4 address, or the /64 that an IPv6 client has to
/// itself. IPv4 addresses that are written as IPv6 ones are the same client.
pub fn client_network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_is_an_address_or_a_prefix() {
        let network = |text: &str| text.parse::<Network>();
        let address = |text: &str| -> IpAddr { text.parse().expect("an address") };
        let ten = network("10.0.0.0/8").expect("a network");
        assert!(ten.contains(address("10.9.8.7")) && !ten.contains(address("11.0.0.1")));
        let one = network("192.0.2.7").expect("an address");
        assert!(one.contains(address("192.0.2.7")) && !one.contains(address("192.0.2.8")));
        assert!(network("fd00::/8").is_ok() && network("::1").is_ok());
        for wrong in ["", "10.0.0.0/33", "proxy.example", "10.0.0"] {
            assert_eq!(network(wrong), Err(NotANetwork), "{wrong}");
        }
    }

    #[test]
    fn an_ipv6_client_has_a_network_to_itself() {
        let of = |text: &str| client_network(text.parse().expect("an address"));
        assert_eq!(of("2001:db8:1:2:3:4:5:6"), of("2001:db8:1:2::9"));
        assert_ne!(of("2001:db8:1:2::9"), of("2001:db8:1:3::9"));
        assert_eq!(of("::ffff:192.0.2.1"), of("192.0.2.1"));
        assert_ne!(of("192.0.2.1"), of("192.0.2.2"));
    }
}
