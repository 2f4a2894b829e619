//! Why a token proves nothing: exact for the log, and next to nothing for the client.
use crate::auth::cached::Unavailable;

/// Why a token was not taken. `Display` is for the operator's log; a client is told the
/// [`code`](Self::code) and no more.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    #[error("it is no signed token: {0}")]
    Malformed(&'static str),
    #[error("its algorithm is neither RS256, ES256 nor EdDSA")]
    Algorithm,
    #[error("its type is none that is taken here")]
    Type,
    #[error("it asks for extensions (`crit`), and none is known here")]
    Critical,
    #[error("the provider has no key of that name and kind")]
    UnknownKey,
    #[error("its signature is wrong")]
    Signature,
    #[error("its issuer is another")]
    Issuer,
    #[error("it is for another audience")]
    Audience,
    #[error("it has expired")]
    Expired,
    #[error("it is not valid yet")]
    NotYet,
    #[error("its claim `{0}` is missing, or not of the kind that is expected")]
    Claim(String),
    #[error("its claim `{claim}` is no nickname: {why}")]
    Name { claim: String, why: String },
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

impl TokenError {
    /// What the client is told. Only the bearer of a token that was good once learns that it has
    /// expired.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Expired => "expired_token",
            Self::Unavailable(_) => "login_unavailable",
            _ => "bad_token",
        }
    }
}
