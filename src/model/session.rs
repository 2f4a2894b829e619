//! Sessions: the secret a client holds, and the key under which it is stored.
use std::fmt;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use crate::random;

/// What a client shows to be recognised: 128 random bits as 32 hexadecimal digits.
/// Who has it is that person, so it is never logged; `Debug` prints its key.
#[derive(Clone, PartialEq, Eq)]
pub struct SessionId(String);

impl SessionId {
    /// A new secret from the operating system's generator.
    pub fn random() -> Self {
        let bits: [u8; 16] = random::bytes().expect("the operating system has random numbers");
        Self(hex(&bits))
    }

    /// `None` for what cannot be a session's secret.
    pub fn parse(raw: &str) -> Option<Self> {
        let fits = raw.len() == 32 && raw.bytes().all(|b| b.is_ascii_hexdigit());
        fits.then(|| Self(raw.to_ascii_lowercase()))
    }

    pub fn secret(&self) -> &str {
        &self.0
    }

    pub fn key(&self) -> SessionKey {
        SessionKey::of(&self.0)
    }
}

impl fmt::Debug for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SessionId({})", self.key())
    }
}

/// The stored form of a session's id: a digest, so that reading the database or the log
/// makes no person another.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SessionKey(Arc<str>);

impl SessionKey {
    /// Of the session that all requests with a token share: no secret leads to it.
    pub fn of_token(id: i64) -> Self {
        Self::of(&format!("token {id}"))
    }

    /// Of the session of a person that another server vouches for, with each request.
    pub fn of_person(person: &str) -> Self {
        Self::of(&format!("person {person}"))
    }

    /// As it was kept.
    pub fn stored(key: &str) -> Self {
        Self(key.into())
    }

    fn of(text: &str) -> Self {
        Self(hex(&Sha256::digest(text.as_bytes())[..16]).into())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SessionKey {
    /// The first eight digits, enough to follow a session through a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.get(..8).unwrap_or(&self.0))
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// A client's own name for one send, with which it may ask again without sending twice.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Nonce {
    pub session: SessionKey,
    pub value: Arc<str>,
}

named! {
    /// How a session reached us; shown in the list of users.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub enum TransportKind {
        Tcp => "tcp",
        Http => "http",
        WebSocket => "websocket",
    }
}

impl TransportKind {
    pub fn named(name: &str) -> Option<Self> {
        let mut all = Self::ALL.iter().copied();
        all.find(|kind| kind.as_str() == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_id_is_unguessable_and_never_printed() {
        let (one, two) = (SessionId::random(), SessionId::random());
        assert_ne!(one, two);
        assert!(!format!("{one:?}").contains(one.secret()));
        assert_eq!(SessionId::parse(one.secret()), Some(one.clone()));
        assert_ne!(one.key().as_str(), one.secret());
    }

    #[test]
    fn what_is_no_session_id_is_refused() {
        for bad in ["", "abc", &"g".repeat(32), &"a".repeat(33)] {
            assert_eq!(SessionId::parse(bad), None);
        }
    }
}
