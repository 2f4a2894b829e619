//! JSON Web Tokens of a provider that an operator trusts (RFC 7519, RFC 8725): RS256, ES256 and
//! EdDSA, by keys that are configured or fetched. A token proves a subject; `chat` maps
//! the subject to an account.
mod claims;
mod error;
mod key;
mod keys;
mod token;
mod verifier;

pub use claims::{ClaimNames, Claims, Identity};
pub use error::TokenError;
pub use key::KeySet;
pub use keys::Keys;
pub use verifier::{Terms, Verifier};

#[cfg(test)]
mod sample;
