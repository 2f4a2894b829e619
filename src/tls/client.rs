//! The client's side: its trusted certificates, and the handshake.
use std::io;
use std::path::Path;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// Which certificates are trusted.
#[derive(Debug, Clone, Copy)]
pub enum Trust<'a> {
    /// Those of the authorities that this machine knows.
    System,
    /// Those that the certificates in this file stand for.
    File(&'a Path),
    /// Any: for an instance on this machine, which is known otherwise, and for measuring.
    Any,
}

/// Connects by TLS.
#[derive(Clone)]
pub struct Connector(TlsConnector);

impl std::fmt::Debug for Connector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Connector")
    }
}

impl Connector {
    /// # Errors
    /// Where the file of [`Trust::File`] cannot be read, or holds no certificate.
    pub fn new(trust: Trust<'_>) -> io::Result<Self> {
        let config = ClientConfig::builder_with_provider(super::provider())
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?;
        let config = match trust {
            Trust::System => config.with_root_certificates(of_system()),
            Trust::File(path) => config.with_root_certificates(of_file(path)?),
            Trust::Any => config
                .dangerous()
                .with_custom_certificate_verifier(Arc::new(Any(super::provider()))),
        };
        let config = config.with_no_client_auth();
        Ok(Self(TlsConnector::from(Arc::new(config))))
    }

    /// Shakes hands over `socket` with the server of that name or address. Has no deadline.
    ///
    /// # Errors
    /// Where the server does not speak TLS, or cannot be believed.
    pub async fn connect(&self, name: &str, socket: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        let name = ServerName::try_from(name.to_owned()).map_err(io::Error::other)?;
        self.0.connect(name, socket).await
    }

    /// Its settings, for a client that reads and writes by itself.
    pub fn config(&self) -> &Arc<ClientConfig> {
        self.0.config()
    }
}

fn of_system() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    roots
}

fn of_file(path: &Path) -> io::Result<RootCertStore> {
    let pem = std::fs::read(path)?;
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        let certificate = certificate.map_err(io::Error::other)?;
        roots.add(certificate).map_err(io::Error::other)?;
    }
    if roots.is_empty() {
        let why = format!("{} holds no certificate in PEM", path.display());
        return Err(io::Error::new(io::ErrorKind::InvalidData, why));
    }
    Ok(roots)
}

/// Believes any certificate, as long as the server has its key.
#[derive(Debug)]
struct Any(Arc<CryptoProvider>);

impl ServerCertVerifier for Any {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(
            message,
            cert,
            dss,
            &self.0.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(
            message,
            cert,
            dss,
            &self.0.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
