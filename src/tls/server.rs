//! The server's side: what it shows can be changed while connections are open and made.
use std::io;
use std::sync::Arc;

use parking_lot::RwLock;
use rustls::server::{ClientHello, ResolvesServerCert, ServerConnection};
use rustls::sign::CertifiedKey;
use rustls::{Error, ServerConfig};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;

use super::identity::Identity;

/// What is spoken inside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Speaks {
    Lines,
    Http,
}

/// Shakes hands. Its copies show the same, also after a change.
#[derive(Debug, Clone)]
pub struct Acceptor {
    shown: Arc<Shown>,
    lines: Arc<ServerConfig>,
    http: Arc<ServerConfig>,
}

#[derive(Debug)]
struct Shown(RwLock<Arc<CertifiedKey>>);

impl ResolvesServerCert for Shown {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.read().clone())
    }
}

impl Acceptor {
    /// # Errors
    /// Where this machine has no random numbers.
    pub fn new(identity: &Identity) -> Result<Self, Error> {
        let shown = Arc::new(Shown(RwLock::new(identity.shown.clone())));
        // A client that comes again shows what it was given, and is spared a signature. The keys of
        // these change by themselves (12 hours), and never leave this process.
        let tickets = rustls::crypto::ring::Ticketer::new()?;
        let config = |protocols: &[&[u8]]| -> Result<Arc<ServerConfig>, Error> {
            let config = ServerConfig::builder_with_provider(super::provider())
                .with_safe_default_protocol_versions()?
                .with_no_client_auth();
            let mut config = config.with_cert_resolver(shown.clone());
            config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
            config.ticketer = tickets.clone();
            Ok(Arc::new(config))
        };
        Ok(Self {
            lines: config(&[])?,
            http: config(&[b"http/1.1"])?,
            shown,
        })
    }

    /// Shows `identity` to clients that come from now on. Those that are there are left alone.
    pub fn show(&self, identity: &Identity) {
        *self.shown.0.write() = identity.shown.clone();
    }

    /// Shakes hands with the client behind `socket`. Has no deadline.
    ///
    /// # Errors
    /// Where what it says is no TLS, or none of a version and a form that are safe.
    pub async fn accept(
        &self,
        socket: TcpStream,
        speaks: Speaks,
    ) -> io::Result<(TcpStream, ServerConnection)> {
        let config = match speaks {
            Speaks::Lines => &self.lines,
            Speaks::Http => &self.http,
        };
        let stream = TlsAcceptor::from(config.clone()).accept(socket).await?;
        Ok(stream.into_inner())
    }
}
