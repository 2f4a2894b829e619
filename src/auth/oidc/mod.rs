//! Signing in at an identity provider with a browser: OpenID Connect's authorization code flow
//! with PKCE. Two calls: the URL for the browser, and the identity that the provider returns.
//!
//! What ties the two together is one random secret in a cookie of the browser: `state`, `nonce` and
//! PKCE's verifier are digests of it. So nothing is stored here, the browser may come back to another
//! instance, and a code that another browser obtained is of no use.
mod attempt;
mod discovery;
mod error;

use std::sync::Arc;

use serde_json::{Map, Value};
use zeroize::Zeroizing;

use super::jwt::{ClaimNames, Claims, Identity};
use super::provider::Provider;
use crate::clock::Clock;
use attempt::Attempt;
use discovery::{Discovery, Login, Published};
pub use error::SignInError;

/// What this server is to the provider.
pub struct Client {
    pub id: String,
    /// Providers give none to some clients; PKCE protects the code also then.
    pub secret: Option<Zeroizing<String>>,
    pub scopes: Vec<String>,
    pub claims: ClaimNames,
}

/// Signs people in at one provider.
pub struct SignIn {
    client: Client,
    provider: Provider,
    discovery: Discovery,
}

/// Where to send the browser, and what it is to bring back.
#[derive(Debug)]
pub struct Begun {
    pub url: String,
    /// For a cookie that scripts cannot read, of ten minutes.
    pub secret: Zeroizing<String>,
}

/// What the provider has the browser say when it comes back.
#[derive(Debug, Default, Clone, PartialEq, Eq, serde::Deserialize)]
pub struct Callback {
    pub code: Option<String>,
    pub state: Option<String>,
    pub iss: Option<String>,
    pub error: Option<String>,
}

impl SignIn {
    /// `issuer` is the provider's name, a URL; where the rest of it is, it says itself.
    ///
    /// # Errors
    /// The system's certificates cannot be read.
    pub fn at(issuer: &str, client: Client, clock: Arc<dyn Clock>) -> Result<Self, String> {
        let provider = Provider::at(issuer)?;
        let discovery = Discovery::new(issuer, &client, provider.clone(), clock);
        Ok(Self {
            client,
            provider,
            discovery,
        })
    }

    /// Begins. `redirect` is where the provider is to send the browser back to, as it was
    /// registered there.
    ///
    /// # Errors
    /// The provider is not known and does not answer.
    pub async fn begin(&self, redirect: &str) -> Result<Begun, SignInError> {
        let published = self.discovery.published().await?;
        let attempt = Attempt::random();
        let (state, nonce) = (attempt.state(), attempt.nonce());
        let (scopes, challenge) = (self.client.scopes.join(" "), attempt.challenge());
        let query = form(&[
            ("response_type", "code"),
            ("client_id", &self.client.id),
            ("redirect_uri", redirect),
            ("scope", &scopes),
            ("state", &state),
            ("nonce", &nonce),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
        ]);
        let at = &published.authorization_endpoint;
        let joint = if at.contains('?') { '&' } else { '?' };
        Ok(Begun {
            url: format!("{at}{joint}{query}"),
            secret: attempt.secret(),
        })
    }

    /// The identity of the person. `secret` is what [`begin`](Self::begin) gave this browser, `redirect` the
    /// same as there.
    ///
    /// # Errors
    /// It began nothing here, the provider says no, or what it says is not right.
    pub async fn finish(
        &self,
        secret: &str,
        redirect: &str,
        callback: &Callback,
    ) -> Result<Identity, SignInError> {
        let attempt = Attempt::parse(secret).ok_or(SignInError::State)?;
        if !callback
            .state
            .as_deref()
            .is_some_and(|state| attempt.began(state))
        {
            return Err(SignInError::State);
        }
        let published = self.discovery.published().await?;
        // An answer of another provider (RFC 9207).
        if callback
            .iss
            .as_deref()
            .is_some_and(|iss| iss != published.issuer)
        {
            return Err(SignInError::Provider(
                "its answer names another issuer".into(),
            ));
        }
        if let Some(error) = &callback.error {
            return Err(SignInError::denied(error));
        }
        let code = callback.code.as_deref().ok_or(SignInError::State)?;
        let answer = self.redeem(&published, code, &attempt, redirect).await?;
        let text = |name: &str| answer.get(name).and_then(Value::as_str);
        let missing = || SignInError::Provider("it gave no ID token".into());
        let claims = published
            .id_tokens
            .claims(text("id_token").ok_or_else(missing)?);
        let claims = claims.await?;
        self.check(&claims, &attempt)?;
        let claims = self
            .with_more(&published, claims, text("access_token"))
            .await?;
        Ok(claims.identity(&self.client.claims)?)
    }

    /// Gives the code for tokens.
    async fn redeem(
        &self,
        published: &Published,
        code: &str,
        attempt: &Attempt,
        redirect: &str,
    ) -> Result<Map<String, Value>, SignInError> {
        let verifier = attempt.verifier();
        let mut fields = vec![
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", redirect),
            ("code_verifier", &verifier),
        ];
        let secret = self.client.secret.as_ref().map(|secret| secret.as_str());
        let (id, mut login) = (&self.client.id, None);
        // Both are encoded as in a form before (RFC 6749, section 2.3.1).
        let encoded = |text: &str| form(&[("", text)]).trim_start_matches('=').to_owned();
        let (user, password) = (encoded(id), encoded(secret.unwrap_or_default()));
        match (secret, published.login) {
            (Some(_), Login::Head) => login = Some((user.as_str(), password.as_str())),
            (Some(secret), Login::Form) => {
                fields.extend([("client_id", id.as_str()), ("client_secret", secret)])
            }
            (None, _) => fields.push(("client_id", id)),
        }
        let answer = self
            .provider
            .post(&published.token_endpoint, form(&fields), login);
        let answer = answer.await.map_err(SignInError::Provider)?;
        if !answer.status.is_success()
            && let Ok(Value::Object(refusal)) = serde_json::from_slice(&answer.body)
            && let Some(Value::String(error)) = refusal.get("error")
        {
            return Err(SignInError::denied(error));
        }
        match answer.json().map_err(SignInError::Provider)? {
            Value::Object(answer) => Ok(answer),
            _ => Err(SignInError::Provider("its answer is no JSON object".into())),
        }
    }

    /// What an ID token has to say beside what every token has (OpenID Connect Core, section
    /// 3.1.3.7): that it is of this attempt, and for this client.
    fn check(&self, claims: &Claims, attempt: &Attempt) -> Result<(), SignInError> {
        if !claims
            .text("nonce")
            .is_some_and(|nonce| attempt.asked(nonce))
        {
            return Err(SignInError::Provider(
                "its token is of another attempt".into(),
            ));
        }
        let ours = |azp: &str| azp == self.client.id;
        let for_us = match claims.get("azp") {
            Some(azp) => azp.as_str().is_some_and(ours),
            None => claims.audience().len() == 1,
        };
        if for_us {
            Ok(())
        } else {
            Err(SignInError::Provider(
                "its token is for another client".into(),
            ))
        }
    }

    /// Many providers put a name into the ID token; others tell it only when they are asked.
    async fn with_more(
        &self,
        published: &Published,
        claims: Claims,
        token: Option<&str>,
    ) -> Result<Claims, SignInError> {
        let names = &self.client.claims;
        let has = |claim: &String| claims.get(claim).is_some();
        let whole = has(&names.name) && names.roles.as_ref().is_none_or(has);
        let (Some(token), Some(url), false) = (token, &published.userinfo_endpoint, whole) else {
            return Ok(claims);
        };
        let answer = self.provider.get_as(url, token).await;
        let answer = answer.and_then(|answer| answer.json());
        let Value::Object(more) = answer.map_err(SignInError::Provider)? else {
            return Err(SignInError::Provider(
                "what it knows of the person is no JSON object".into(),
            ));
        };
        if more.get("sub").and_then(Value::as_str) != claims.text("sub") {
            return Err(SignInError::Provider("it told of another person".into()));
        }
        Ok(claims.with(more))
    }
}

/// A form, or the query of a URL.
fn form(fields: &[(&str, &str)]) -> String {
    serde_urlencoded::to_string(fields).expect("texts can be written")
}
