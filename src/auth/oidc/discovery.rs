//! What a provider publishes about itself (OpenID Connect Discovery): where its parts are, and its
//! keys.
use std::sync::Arc;

use parking_lot::Mutex;
use serde::Deserialize;

use super::{Client, SignInError};
use crate::auth::cached::{Cached, Fetching};
use crate::auth::jwt::{Keys, Terms, Verifier};
use crate::auth::provider::Provider;
use crate::clock::Clock;
use crate::model::url::web;

/// How this server authenticates at the provider's token endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Login {
    Head,
    Form,
}

/// What is used of it.
pub(super) struct Published {
    pub(super) issuer: String,
    pub(super) authorization_endpoint: String,
    pub(super) token_endpoint: String,
    pub(super) userinfo_endpoint: Option<String>,
    pub(super) login: Login,
    pub(super) id_tokens: Verifier,
}

#[derive(Deserialize)]
struct Document {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    userinfo_endpoint: Option<String>,
    jwks_uri: String,
    token_endpoint_auth_methods_supported: Option<Vec<String>>,
}

/// The provider's description, asked for when the first person signs in.
pub(super) struct Discovery(Arc<Cached<Published>>);

impl Discovery {
    pub(super) fn new(
        issuer: &str,
        client: &Client,
        provider: Provider,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let terms = Terms {
            issuer: issuer.to_owned(),
            audience: vec![client.id.clone()],
            claims: client.claims.clone(),
        };
        let known = Arc::new(KnownKeys {
            provider,
            clock: Arc::clone(&clock),
            last: Mutex::default(),
        });
        let fetch = move || -> Fetching<Published> {
            let (terms, known) = (terms.clone(), Arc::clone(&known));
            Box::pin(async move { known.ask(terms).await })
        };
        Self(Cached::new(Box::new(fetch), clock))
    }

    pub(super) async fn published(&self) -> Result<Arc<Published>, SignInError> {
        Ok(self.0.get(|_| true).await?)
    }
}

/// Keys are kept for as long as they are published at the same place.
struct KnownKeys {
    provider: Provider,
    clock: Arc<dyn Clock>,
    last: Mutex<Option<(String, Keys)>>,
}

impl KnownKeys {
    async fn ask(&self, terms: Terms) -> Result<Published, String> {
        let at = terms.issuer.trim_end_matches('/');
        let url = format!("{at}/.well-known/openid-configuration");
        let answer = self.provider.get(&url).await?.json()?;
        let document = Document::deserialize(answer)
            .map_err(|_| "its description lacks what OpenID Connect asks for".to_owned())?;
        document.check(&terms.issuer)?;
        let login = document.login()?;
        let keys = self.keys(&document.jwks_uri);
        Ok(Published {
            issuer: document.issuer,
            authorization_endpoint: document.authorization_endpoint,
            token_endpoint: document.token_endpoint,
            userinfo_endpoint: document.userinfo_endpoint,
            login,
            id_tokens: Verifier::new(terms, keys, Arc::clone(&self.clock)),
        })
    }

    fn keys(&self, url: &str) -> Keys {
        let mut last = self.last.lock();
        if let Some((at, keys)) = &*last
            && at == url
        {
            return keys.clone();
        }
        let clock = Arc::clone(&self.clock);
        let keys = Keys::asking(self.provider.clone(), url.to_owned(), clock);
        *last = Some((url.to_owned(), keys.clone()));
        keys
    }
}

impl Document {
    /// # Errors
    /// It is of another issuer, or sends people or secrets over connections that all can read.
    fn check(&self, issuer: &str) -> Result<(), String> {
        if self.issuer != issuer {
            return Err(format!(
                "it calls itself otherwise than auth.oidc.issuer does: write {:?} there",
                self.issuer
            ));
        }
        let urls = [
            &self.authorization_endpoint,
            &self.token_endpoint,
            &self.jwks_uri,
        ];
        let mut urls = urls.into_iter().chain(&self.userinfo_endpoint);
        match urls.find(|url| !web::is_private(url)) {
            Some(url) => Err(format!("{url:?} is neither https nor on this machine")),
            None => Ok(()),
        }
    }

    /// # Errors
    /// It wants what is not done here.
    fn login(&self) -> Result<Login, String> {
        let Some(methods) = &self.token_endpoint_auth_methods_supported else {
            return Ok(Login::Head);
        };
        let has = |name| methods.iter().any(|method| method == name);
        if has("client_secret_basic") || has("none") && !has("client_secret_post") {
            Ok(Login::Head)
        } else if has("client_secret_post") {
            Ok(Login::Form)
        } else {
            Err("it takes neither client_secret_basic nor client_secret_post".into())
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn document(change: &str, to: Value) -> Result<(Document, Login), String> {
        let mut document = json!({
            "issuer": "https://id.example", "authorization_endpoint": "https://id.example/auth",
            "token_endpoint": "https://id.example/token", "jwks_uri": "https://keys.example/jwks",
        });
        document[change] = to;
        let document = Document::deserialize(document).map_err(|e| e.to_string())?;
        document.check("https://id.example")?;
        let login = document.login()?;
        Ok((document, login))
    }

    #[test]
    fn a_description_is_of_its_issuer_and_leads_over_nothing_plain() {
        assert!(document("x", json!(1)).is_ok());
        for (change, to) in [
            ("issuer", json!("https://id.example/")),
            ("token_endpoint", json!("http://id.example/token")),
            ("jwks_uri", json!("file:///etc/passwd")),
            ("userinfo_endpoint", json!("http://id.example/me")),
            ("authorization_endpoint", json!("javascript:alert(1)")),
            ("token_endpoint", Value::Null),
        ] {
            assert!(document(change, to.clone()).is_err(), "{change}: {to}");
        }
    }

    #[test]
    fn the_client_logs_in_as_the_provider_takes_it() {
        let login = |methods: Value| {
            document("token_endpoint_auth_methods_supported", methods).map(|(_, login)| login)
        };
        assert_eq!(login(Value::Null), Ok(Login::Head));
        assert_eq!(
            login(json!(["client_secret_post", "client_secret_basic"])),
            Ok(Login::Head)
        );
        assert_eq!(
            login(json!(["client_secret_post", "none"])),
            Ok(Login::Form)
        );
        assert_eq!(login(json!(["none"])), Ok(Login::Head));
        assert!(login(json!(["private_key_jwt"])).is_err());
    }
}
