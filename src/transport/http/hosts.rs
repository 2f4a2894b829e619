//! Under which names this server answers. A page of another site can give its own name this
//! machine's address, and then a browser lets it read whatever is answered under that name (DNS
//! rebinding): only the `Host` that it sends tells.
use http::{Request, StatusCode, Version, header};

use super::problem::Problem;
use crate::model::{Host, Reach};

/// The names under which this server answers.
#[derive(Debug, Clone)]
pub struct Hosts {
    reach: Reach,
    /// `http.hosts`.
    listed: Vec<Host>,
    /// The host of `http.public_url`.
    public: Option<Host>,
    /// `http.hosts` has `*`.
    any: bool,
}

impl Hosts {
    pub fn new(reach: Reach, listed: &[String], public_url: Option<&str>) -> Self {
        Self {
            reach,
            listed: listed.iter().filter_map(|host| Host::parse(host)).collect(),
            public: public_url.and_then(Host::of_url),
            any: listed.iter().any(|host| host == "*"),
        }
    }

    /// Why `request` is not answered, if it is not.
    pub(super) fn refuse<B>(&self, request: &Request<B>) -> Option<Problem> {
        let mut hosts = request.headers().get_all(header::HOST).iter();
        let named = match (hosts.next(), hosts.next()) {
            (Some(one), None) => one.to_str().ok().and_then(Host::of_authority),
            // Older than the header, and never a browser's.
            (None, _) if request.version() == Version::HTTP_10 => return None,
            _ => None,
        };
        let Some(named) = named else {
            let detail = "a request has exactly one 'Host', which is a name or an address, \
                perhaps with a port";
            return Some(Problem::new(StatusCode::BAD_REQUEST, "bad_host", detail));
        };
        // Where the target names a host, that one counts (RFC 9112, section 3.2.2).
        let target = match request.uri().authority() {
            Some(authority) => Host::of_authority(authority.as_str()),
            None => Some(named.clone()),
        };
        let Some(target) = target else {
            let detail = "the host in the request's target is no name or address";
            return Some(Problem::new(StatusCode::BAD_REQUEST, "bad_host", detail));
        };
        let foreign = [named, target].into_iter().find(|host| !self.allow(host));
        foreign.map(|host| misdirected(&host))
    }

    fn allow(&self, host: &Host) -> bool {
        let listed = self.listed.contains(host) || self.public.as_ref() == Some(host);
        let free = self.reach == Reach::Elsewhere && self.listed.is_empty();
        self.any || free || listed || host.is_loopback()
    }
}

fn misdirected(host: &Host) -> Problem {
    let detail = format!(
        "this server does not answer as '{host}'; if it is to, add \"{host}\" to 'http.hosts' in \
         its configuration, or set 'http.public_url'"
    );
    Problem::new(StatusCode::MISDIRECTED_REQUEST, "misdirected", detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(hosts: &Hosts, target: &str, version: Version, named: &[&str]) -> u16 {
        let mut request = Request::builder().uri(target).version(version);
        for host in named {
            request = request.header(header::HOST, *host);
        }
        let request = request.body(()).expect("a request");
        hosts
            .refuse(&request)
            .map_or(200, |problem| problem.status())
    }

    fn asked(hosts: &Hosts, named: &[&str]) -> u16 {
        status(hosts, "/", Version::HTTP_11, named)
    }

    #[test]
    fn on_loopback_only_its_own_names_are_answered() {
        let hosts = Hosts::new(Reach::Loopback, &[], None);
        for own in ["localhost:3001", "127.0.0.1", "[::1]:3001", "LOCALHOST."] {
            assert_eq!(asked(&hosts, &[own]), 200, "{own}");
        }
        for other in [
            "evil.example:3001",
            "0.0.0.0:3001",
            "localhost.evil.example",
        ] {
            assert_eq!(asked(&hosts, &[other]), 421, "{other}");
        }
        for bad in [
            &[][..],
            &[""],
            &["localhost", "localhost"],
            &["a@localhost"],
        ] {
            assert_eq!(asked(&hosts, bad), 400, "{bad:?}");
        }
    }

    #[test]
    fn a_host_in_the_target_counts_too() {
        let hosts = Hosts::new(Reach::Loopback, &[], None);
        let of = |target| status(&hosts, target, Version::HTTP_11, &["localhost"]);
        assert_eq!(of("http://localhost:3001/health"), 200);
        assert_eq!(of("http://evil.example/health"), 421);
        assert_eq!(of("http://me@localhost/health"), 400);
    }

    #[test]
    fn http_1_0_may_do_without() {
        let hosts = Hosts::new(Reach::Loopback, &[], None);
        let of = |named: &[&str]| status(&hosts, "/health", Version::HTTP_10, named);
        assert_eq!([of(&[]), of(&["localhost"])], [200, 200]);
        assert_eq!(
            [of(&["evil.example"]), of(&["a", "a"]), of(&[""])],
            [421, 400, 400]
        );
    }

    #[test]
    fn what_is_set_is_answered_and_elsewhere_nothing_but_that() {
        let listed = ["Chat.Example".to_owned(), "::2".to_owned()];
        for reach in [Reach::Loopback, Reach::Elsewhere] {
            let hosts = Hosts::new(reach, &listed, Some("https://public.example:8443/chat"));
            for own in ["chat.example:9", "[::2]", "public.example", "localhost"] {
                assert_eq!(asked(&hosts, &[own]), 200, "{own}");
            }
            assert_eq!(asked(&hosts, &["evil.example"]), 421);
            let any = Hosts::new(reach, &["*".to_owned()], None);
            assert_eq!(asked(&any, &["evil.example"]), 200);
            assert_eq!(asked(&any, &["a", "b"]), 400);
        }
        let open = Hosts::new(Reach::Elsewhere, &[], Some("https://public.example"));
        assert_eq!(asked(&open, &["10.0.0.1:3001"]), 200);
        assert_eq!(asked(&open, &[]), 400);
    }
}
