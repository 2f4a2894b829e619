//! Errors over HTTP: `application/problem+json` (RFC 9457) with a code that stays.
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;

use super::super::codec::Refusal;
use super::answer::{Response, whole};
use super::sign_in::page;
use super::web::POLICY;
use crate::chat::{ChatError, Code};

/// A problem ready to be shown.
#[derive(Debug, Serialize)]
pub(super) struct Problem {
    #[serde(rename = "type")]
    kind: String,
    title: &'static str,
    status: u16,
    detail: String,
    code: &'static str,
    #[serde(skip)]
    retry_after: Option<u64>,
    #[serde(skip)]
    allow: Option<Box<str>>,
}

impl Problem {
    pub(super) fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self {
            kind: format!("urn:discordctl:problem:{code}"),
            title: status.canonical_reason().unwrap_or("Error"),
            status: status.as_u16(),
            detail: detail.into(),
            code,
            retry_after: None,
            allow: None,
        }
    }

    /// Seconds after which it may be worth trying again.
    pub(super) fn retrying(self, after: u64) -> Self {
        Self {
            retry_after: Some(after),
            ..self
        }
    }

    /// The methods that would have been right (RFC 9110, section 15.5.6).
    pub(super) fn allowing(self, methods: String) -> Self {
        Self {
            allow: Some(methods.into()),
            ..self
        }
    }

    #[cfg(test)]
    pub(super) fn status(&self) -> u16 {
        self.status
    }

    pub(super) fn response(&self) -> Response {
        let body = serde_json::to_vec(self).unwrap_or_default();
        self.with_head(whole("application/problem+json", body))
    }

    /// The same for a person at a browser.
    pub(super) fn page(&self) -> Response {
        let mut response = self.with_head(page(self.title, &self.detail, self.code));
        let policy = HeaderValue::from_static(POLICY);
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
        headers.remove(header::WWW_AUTHENTICATE);
        response
    }

    fn with_head(&self, mut response: Response) -> Response {
        *response.status_mut() =
            StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let headers = response.headers_mut();
        if self.status == StatusCode::UNAUTHORIZED.as_u16() {
            // RFC 9110, section 11.6.1, asks for it.
            let scheme = HeaderValue::from_static("Bearer");
            headers.insert(header::WWW_AUTHENTICATE, scheme);
        }
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        if let Some(methods) = &self.allow
            && let Ok(methods) = HeaderValue::from_str(methods)
        {
            headers.insert(header::ALLOW, methods);
        }
        response
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let (code, retry_after) = (refusal.code, refusal.retry_seconds());
        Self {
            retry_after,
            ..Self::new(status(code), code.as_str(), refusal.detail)
        }
    }
}

impl From<ChatError> for Problem {
    fn from(error: ChatError) -> Self {
        Refusal::from(error).into()
    }
}

fn status(code: Code) -> StatusCode {
    match code {
        Code::BadName
        | Code::BadCommand
        | Code::BadContent
        | Code::BadNonce
        | Code::BadPassword
        | Code::BadDisplayName
        | Code::BadQuery
        | Code::BadRequest => StatusCode::BAD_REQUEST,
        Code::UnknownSession
        | Code::NotConnected
        | Code::AccountNeeded
        | Code::BadToken
        | Code::ExpiredToken
        | Code::LoginExpired
        | Code::WrongCredentials => StatusCode::UNAUTHORIZED,
        Code::Forbidden
        | Code::Banned
        | Code::Muted
        | Code::NotShown
        | Code::BadInvite
        | Code::NoAccount
        | Code::LoginDenied
        | Code::RegistrationClosed
        | Code::ClearText => StatusCode::FORBIDDEN,
        Code::NoSuchRoom
        | Code::NoSuchMessage
        | Code::NoSuchUser
        | Code::NoSuchSession
        | Code::NoSignIn
        | Code::SearchDisabled
        | Code::NoSuchToken
        | Code::NoSuchWorkspace => StatusCode::NOT_FOUND,
        Code::NicknameRegistered
        | Code::NicknameTaken
        | Code::RoomExists
        | Code::NotInRoom
        | Code::TooManyRooms
        | Code::TooManyTokens
        | Code::TooManyReactions
        | Code::Archived => StatusCode::CONFLICT,
        Code::ContentTooLong => StatusCode::PAYLOAD_TOO_LARGE,
        Code::RateLimited => StatusCode::TOO_MANY_REQUESTS,
        Code::Busy
        | Code::SearchBusy
        | Code::LoginUnavailable
        | Code::DatabaseBusy
        | Code::DatabaseUnavailable
        | Code::ArchiveUnreachable
        | Code::ArchiveDamaged
        | Code::StorageFull
        | Code::OutcomeUnknown
        | Code::Stopping => StatusCode::SERVICE_UNAVAILABLE,
        Code::Internal => StatusCode::INTERNAL_SERVER_ERROR,
    }
}
