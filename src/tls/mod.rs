//! TLS by rustls: certificates and keys as files have them, and what both sides of a connection are
//! set to. One cryptography library for all of it, TLS 1.2 and 1.3 only.
mod client;
mod identity;
mod server;
mod x509;

use std::sync::Arc;

use rustls::crypto::CryptoProvider;

pub use client::{Connector, Trust};
pub use identity::{Identity, IdentityError};
pub use server::{Acceptor, Speaks};
pub use x509::{Validity, validity};

/// Said outright everywhere, since rustls panics where two dependencies bring two.
fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}
