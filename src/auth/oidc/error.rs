//! Why no person was signed in: exact for the log, and little for the client.
use crate::auth::cached::Unavailable;
use crate::auth::jwt::TokenError;

/// `Display` is for the operator's log; a client is told the [`code`](Self::code).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignInError {
    /// The browser began nothing here, or too long ago, or another page sent it.
    #[error("this browser has not begun to sign in here, or too long ago")]
    State,
    /// The person or the provider says no, with a code of OAuth's.
    #[error("the identity provider says no: {0}")]
    Denied(String),
    #[error("the identity provider does not answer as it should: {0}")]
    Provider(String),
    #[error("the identity provider's token is not right: {0}")]
    Token(#[from] TokenError),
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

impl SignInError {
    /// With the code that the provider gave, which is shown only where it is one.
    pub(super) fn denied(code: &str) -> Self {
        let is_code = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-';
        let fits = code.len() <= 64 && code.bytes().all(is_code);
        Self::Denied(if fits {
            code.to_owned()
        } else {
            "no code".to_owned()
        })
    }

    pub fn code(&self) -> &'static str {
        match self {
            Self::State => "login_expired",
            Self::Denied(_) => "login_denied",
            Self::Unavailable(_) | Self::Provider(_) => "login_unavailable",
            Self::Token(error) => error.code(),
        }
    }
}
