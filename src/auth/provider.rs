//! Asks an identity provider over HTTP: within a deadline, for a bounded answer, and only the
//! server that was named.
use std::error::Error;
use std::time::Duration;

use reqwest::header::CONTENT_TYPE;
use reqwest::redirect::Policy;
use reqwest::{Client, RequestBuilder, StatusCode};
use serde_json::Value;

use crate::model::url::web;

/// For the whole of an answer.
const DEADLINE: Duration = Duration::from_secs(5);
const CONNECT: Duration = Duration::from_secs(3);
/// No provider's keys or descriptions are larger.
const LONGEST: usize = 256 << 10;

/// What one provider is asked with.
#[derive(Debug, Clone)]
pub(super) struct Provider(Client);

/// An answer that was read whole.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) body: Vec<u8>,
}

impl Answer {
    /// # Errors
    /// It says no, or is no JSON.
    pub(super) fn json(&self) -> Result<Value, String> {
        if !self.status.is_success() {
            return Err(format!("it answered with status {}", self.status.as_u16()));
        }
        serde_json::from_slice(&self.body).map_err(|_| "its answer is no JSON".to_owned())
    }
}

impl Provider {
    /// For the provider at that URL, which is encrypted or on this machine.
    ///
    /// # Errors
    /// The system's certificates cannot be read.
    pub(super) fn at(url: &str) -> Result<Self, String> {
        // The first decides; all of this program is content with ring.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder()
            .timeout(DEADLINE)
            .connect_timeout(CONNECT)
            // Where it leads is for the provider's description to say, not for an answer.
            .redirect(Policy::none());
        let on_this_machine = web::is_loopback(url);
        let client = if on_this_machine {
            client.no_proxy()
        } else {
            client.https_only(true)
        };
        client.build().map(Self).map_err(told)
    }

    /// # Errors
    /// There is no answer in time, or it is too long.
    pub(super) async fn get(&self, url: &str) -> Result<Answer, String> {
        Self::ask(self.0.get(url)).await
    }

    /// Sends a form, as OAuth has it; `login` is a user and a password that go into the head.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub(super) async fn post(
        &self,
        url: &str,
        form: String,
        login: Option<(&str, &str)>,
    ) -> Result<Answer, String> {
        let form_type = "application/x-www-form-urlencoded";
        let request = self.0.post(url).header(CONTENT_TYPE, form_type).body(form);
        let request = match login {
            Some((user, password)) => request.basic_auth(user, Some(password)),
            None => request,
        };
        Self::ask(request).await
    }

    /// Asks as the bearer of a token.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub(super) async fn get_as(&self, url: &str, token: &str) -> Result<Answer, String> {
        Self::ask(self.0.get(url).bearer_auth(token)).await
    }

    /// # Errors
    /// As [`get`](Self::get).
    async fn ask(request: RequestBuilder) -> Result<Answer, String> {
        let mut response = request.send().await.map_err(told)?;
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(told)? {
            if body.len() + chunk.len() > LONGEST {
                return Err("its answer is too long".into());
            }
            body.extend_from_slice(&chunk);
        }
        let status = response.status();
        Ok(Answer { status, body })
    }
}

/// The innermost reason; URLs may hold what is not for a log.
fn told(error: reqwest::Error) -> String {
    if error.is_timeout() {
        return format!("no answer within {} s", DEADLINE.as_secs());
    }
    let error = error.without_url();
    let mut innermost: &dyn Error = &error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}
