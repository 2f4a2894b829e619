//! URLs of HTTP services that this server asks or sends people to.
use crate::model::Host;

/// Whether it is a whole URL that is encrypted, or stays on this machine: nothing else is asked
/// for data that authenticates people.
pub fn is_private(url: &str) -> bool {
    let plain = |c: char| c.is_ascii_graphic() && !"\"<>\\^`{|}".contains(c);
    let encrypted = url.starts_with("https://");
    url.chars().all(plain) && Host::of_url(url).is_some() && (encrypted || is_loopback(url))
}

/// Whether it is on this machine.
pub fn is_loopback(url: &str) -> bool {
    Host::of_url(url).is_some_and(|host| host.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_is_encrypted_or_here() {
        for good in [
            "https://id.example/jwks",
            "https://id.example:8443/realms/a?x=1",
            "http://127.0.0.1:9000",
            "http://localhost/jwks",
            "http://[::1]:8080/x",
        ] {
            assert!(is_private(good), "{good}");
        }
        for bad in [
            "http://id.example/jwks",
            "https://",
            "https://user:secret@id.example",
            "https://id.example/a b",
            "https://id.example/\n",
            "file:///etc/passwd",
            "id.example",
            "http://localhost.evil.example/",
        ] {
            assert!(!is_private(bad), "{bad}");
        }
    }
}
