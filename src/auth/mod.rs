//! Authentication: passwords and how often they may be tried,
//! tokens and invite codes, and what an identity provider says. What is stored is stored by `chat`.
mod cached;
pub mod jwt;
pub mod oidc;
pub mod password;
mod provider;
pub mod secret;
pub mod throttle;

pub use cached::Unavailable;
