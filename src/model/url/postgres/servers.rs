//! The servers of a URL: their hosts, addresses and ports, each a list as in libpq.
use super::super::UrlError;
use super::super::authority::{Place, is_host, port_of};

/// Where one server is. What is not given is for the environment and the defaults of libpq.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Server {
    /// A name, an address, or the folder of a socket.
    pub host: Option<String>,
    /// The address, where the host is only its name.
    pub address: Option<String>,
    pub port: Option<u16>,
}

/// More would only be waited for.
const MOST: usize = 16;

/// The lists as they are given, before they are held together.
#[derive(Debug)]
pub(super) struct Lists {
    hosts: Vec<Option<String>>,
    addresses: Vec<Option<String>>,
    ports: Vec<Option<u16>>,
}

impl Lists {
    pub(super) fn of(places: Vec<Place>) -> Self {
        let (hosts, ports) = places
            .into_iter()
            .map(|place| (Some(place.host).filter(|host| !host.is_empty()), place.port))
            .unzip();
        Self {
            hosts,
            addresses: Vec::new(),
            ports,
        }
    }

    pub(super) fn set_hosts(&mut self, value: &str) -> Result<(), UrlError> {
        let wrong = "'host' is no name, address or socket's folder";
        let host = |text: &str| is_host(text).then(|| text.to_owned());
        self.hosts = list(value, host, wrong)?;
        Ok(())
    }

    pub(super) fn set_addresses(&mut self, value: &str) -> Result<(), UrlError> {
        let address = |text: &str| {
            let address: Result<std::net::IpAddr, _> = text.parse();
            address.ok().map(|_| text.to_owned())
        };
        self.addresses = list(value, address, "'hostaddr' is no address")?;
        Ok(())
    }

    pub(super) fn set_ports(&mut self, value: &str) -> Result<(), UrlError> {
        self.ports = list(value, port_of, "'port' is no number from 1 to 65535")?;
        Ok(())
    }

    /// Each server: hosts and addresses go together one by one, and one port is that of all.
    pub(super) fn servers(self) -> Result<Vec<Server>, UrlError> {
        let Self {
            hosts,
            addresses,
            ports,
        } = self;
        // Without an address for each there may be one host, the default, for all addresses.
        let unnamed = hosts.iter().all(Option::is_none);
        let count = if unnamed && !addresses.is_empty() {
            addresses.len()
        } else {
            hosts.len()
        };
        if count > MOST {
            let why = format!("there are {count} hosts, and {MOST} are the most");
            return Err(UrlError::new(why));
        }
        if !addresses.is_empty() && addresses.len() != count {
            let why = "there are not as many addresses in 'hostaddr' as hosts";
            return Err(UrlError::new(why));
        }
        if ports.len() > 1 && ports.len() != count {
            return Err(UrlError::new("there are not as many ports as hosts"));
        }
        let one_for_all = ports.first().copied().filter(|_| ports.len() == 1);
        let server = |n: usize| Server {
            host: hosts.get(n).cloned().flatten(),
            address: addresses.get(n).cloned().flatten(),
            port: one_for_all.unwrap_or_else(|| ports.get(n).copied().flatten()),
        };
        Ok((0..count).map(server).collect())
    }
}

/// The parts of a value between commas; an empty one is the default.
fn list<T>(
    value: &str,
    part: impl Fn(&str) -> Option<T>,
    wrong: &str,
) -> Result<Vec<Option<T>>, UrlError> {
    let parts = value.split(',').map(|text| match text {
        "" => Ok(None),
        text => part(text).map(Some).ok_or_else(|| UrlError::new(wrong)),
    });
    parts.collect()
}

/// The same lists as the values of parameters: hosts, addresses and ports, where any is given.
pub(super) fn lists(servers: &[Server]) -> [(&'static str, Option<String>); 3] {
    let joined = |part: &dyn Fn(&Server) -> Option<String>| {
        let parts: Vec<Option<String>> = servers.iter().map(part).collect();
        let given = parts.iter().any(Option::is_some);
        let parts: Vec<String> = parts.into_iter().map(Option::unwrap_or_default).collect();
        // Several that are all the default are several all the same.
        (given || parts.len() > 1).then(|| parts.join(","))
    };
    let port = |server: &Server| server.port.map(|port| port.to_string());
    let addressed = servers.iter().any(|server| server.address.is_some());
    [
        ("host", joined(&|server| server.host.clone())),
        (
            "hostaddr",
            joined(&|server| server.address.clone()).filter(|_| addressed),
        ),
        ("port", joined(&port)),
    ]
}
