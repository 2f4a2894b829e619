//! Certificates for tests: signed by themselves, for `localhost`, for as long as is asked.
#![allow(clippy::unwrap_used)]
use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use discordctl::client::{Secure, Target};
use discordctl::config::Config;
use discordctl::model::{Listener, ListenerKind};
use discordctl::tls::Trust;
use tempfile::TempDir;

/// A certificate and its key, in a folder of their own.
pub(crate) struct Certificates {
    folder: TempDir,
}

impl Certificates {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let made = Self { folder };
        made.renew();
        made
    }

    pub(crate) fn cert(&self) -> PathBuf {
        self.folder.path().join("cert.pem")
    }

    pub(crate) fn key(&self) -> PathBuf {
        self.folder.path().join("key.pem")
    }

    /// Puts others in their place, one file after the other.
    pub(crate) fn renew(&self) {
        let (cert, key) = made();
        put(&self.cert(), &cert);
        put(&self.key(), &key);
    }

    /// Has a server listen by TLS too.
    pub(crate) fn on(&self, config: &mut Config) {
        config.tls.cert = Some(self.cert());
        config.tls.key = Some(self.key());
        config.tls.tcp_port = Some(0);
        config.tls.https_port = Some(0);
    }

    /// What believes the certificate that is there now, and no other.
    pub(crate) fn believed(&self) -> &'static Secure {
        Secure::new("localhost", Trust::File(&self.cert())).unwrap()
    }
}

/// A certificate and its key, in PEM.
pub(crate) fn made() -> (String, String) {
    let key = rcgen::KeyPair::generate().unwrap();
    let params = rcgen::CertificateParams::new(["localhost".to_owned()]).unwrap();
    let cert = params.self_signed(&key).unwrap();
    (cert.pem(), key.serialize_pem())
}

fn put(path: &Path, text: &str) {
    let new = path.with_extension("new");
    fs::write(&new, text).unwrap();
    fs::set_permissions(&new, fs::Permissions::from_mode(0o600)).unwrap();
    fs::rename(&new, path).unwrap();
}

/// Where lines and where HTTP are spoken by TLS.
pub(crate) fn encrypted(listeners: &[Listener], secure: &'static Secure) -> (Target, Target) {
    let [lines, http] = [ListenerKind::TlsLines, ListenerKind::Https].map(|kind| {
        let at: SocketAddr = Listener::first(listeners, kind).unwrap();
        Target::by_tls(at, secure)
    });
    (lines, http)
}
