//! Identity providers vouch for people: the issuers that are trusted, and the roles that tokens give.
use std::fmt;
use std::time::Duration;

use super::{ChatError, Code};
use crate::auth::jwt::{TokenError, Verifier};
use crate::auth::oidc::{SignIn, SignInError};

/// Whether a person gets an account that another server vouches for, and that has none here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strangers {
    Refused,
    Registered,
}

/// The servers that are believed.
#[derive(Default)]
pub struct Vouchers {
    /// The verifier of tokens that come with requests.
    pub tokens: Option<(Verifier, Strangers)>,
    /// Where people sign in with a browser.
    pub sign_in: Option<(SignIn, Strangers)>,
}

impl fmt::Debug for Vouchers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vouchers")
            .field("tokens", &self.tokens.is_some())
            .field("sign_in", &self.sign_in.is_some())
            .finish()
    }
}

/// Why a token did not authenticate its bearer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotVouched {
    /// Tokens of other servers are not taken here.
    NoVoucher,
    /// No provider is known at which people sign in.
    NoSignIn,
    /// The browser began nothing here, or too long ago.
    NotBegun,
    /// The provider or the person said no.
    Denied,
    /// The token is not right; how is not told.
    Token,
    /// It was right once.
    Expired,
    /// The other server's keys cannot be asked for.
    Unavailable { after: Duration },
    /// It is right, and there is no account for it.
    NoAccount,
}

impl NotVouched {
    pub(super) fn code(&self) -> Code {
        match self {
            Self::NoVoucher | Self::Token => Code::BadToken,
            Self::Expired => Code::ExpiredToken,
            Self::Unavailable { .. } => Code::LoginUnavailable,
            Self::NoSignIn => Code::NoSignIn,
            Self::NotBegun => Code::LoginExpired,
            Self::Denied => Code::LoginDenied,
            Self::NoAccount => Code::NoAccount,
        }
    }

    pub(super) fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Unavailable { after } => Some(*after),
            _ => None,
        }
    }
}

impl From<NotVouched> for ChatError {
    fn from(why: NotVouched) -> Self {
        Self::NotVouched(why)
    }
}

impl From<TokenError> for ChatError {
    /// What exactly is wrong with a token is for the operator's log.
    fn from(error: TokenError) -> Self {
        tracing::debug!(%error, "a token was not taken");
        Self::NotVouched(match error {
            TokenError::Expired => NotVouched::Expired,
            TokenError::Unavailable(unavailable) => NotVouched::Unavailable {
                after: unavailable.after,
            },
            _ => NotVouched::Token,
        })
    }
}

impl From<SignInError> for ChatError {
    /// The same of signing in: a client is told what to do.
    fn from(error: SignInError) -> Self {
        match &error {
            // A stranger can have as many of these as it likes.
            SignInError::State => tracing::debug!(%error, "a person did not sign in"),
            _ => tracing::info!(%error, "a person did not sign in"),
        }
        Self::NotVouched(match error {
            SignInError::Token(error) => return error.into(),
            SignInError::State => NotVouched::NotBegun,
            SignInError::Denied(_) => NotVouched::Denied,
            SignInError::Provider(_) => NotVouched::Unavailable {
                after: Duration::from_secs(10),
            },
            SignInError::Unavailable(unavailable) => NotVouched::Unavailable {
                after: unavailable.after,
            },
        })
    }
}
