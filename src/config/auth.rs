//! The section `auth`: other servers that vouch for people.
use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize, Serializer};

use super::redact::HIDDEN;
use crate::model::url::web;

/// Identity providers beside passwords.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Auth {
    pub jwt: Jwt,
    pub oidc: Oidc,
}

/// Tokens that are sent with requests. Without an issuer none are taken.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Jwt {
    pub issuer: Option<String>,
    /// Names by which tokens may mean this server.
    pub audience: Vec<String>,
    /// Where the issuer publishes its keys.
    pub jwks_url: Option<String>,
    /// Or the file that they are in.
    pub keys: Option<PathBuf>,
    pub claims: ClaimNames,
    /// Whether a person without an account gets one.
    pub provision: bool,
}

/// Signing in with a browser (OpenID Connect). Without an issuer it is not offered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Oidc {
    pub issuer: Option<String>,
    /// As what this server is registered there.
    pub client_id: Option<String>,
    /// Some clients have none.
    pub client_secret: Option<Hidden>,
    pub scopes: Vec<String>,
    pub claims: ClaimNames,
    /// Whether a person without an account gets one.
    pub provision: bool,
}

impl Default for Oidc {
    fn default() -> Self {
        Self {
            issuer: None,
            client_id: None,
            client_secret: None,
            scopes: vec!["openid".into(), "profile".into()],
            claims: ClaimNames::default(),
            provision: false,
        }
    }
}

/// A secret: it is shown to no person.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Hidden(String);

impl Hidden {
    pub fn new(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// The text. Never print it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(HIDDEN)
    }
}

impl Serialize for Hidden {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(HIDDEN)
    }
}

/// Which claims say what a person is called, and which roles it has.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClaimNames {
    pub name: String,
    pub roles: Option<String>,
}

impl Default for ClaimNames {
    fn default() -> Self {
        Self {
            name: "preferred_username".into(),
            roles: None,
        }
    }
}

/// What is missing, or contradicts itself: the key, and what was expected.
pub(super) fn problems(auth: &Auth) -> Vec<(&'static str, String)> {
    let mut found = Vec::new();
    let mut must = |holds: bool, key: &'static str, message: &str| {
        if !holds {
            found.push((key, message.to_owned()));
        }
    };
    let jwt = &auth.jwt;
    let url = "expected a URL such as \"https://id.example.org\": https, or on this machine";
    for (key, text) in [
        ("auth.jwt.issuer", &jwt.issuer),
        ("auth.jwt.jwks_url", &jwt.jwks_url),
        ("auth.oidc.issuer", &auth.oidc.issuer),
    ] {
        must(text.as_deref().is_none_or(web::is_private), key, url);
    }
    let missing = "is missing, and without it nothing else of this section is used";
    let sources = usize::from(jwt.jwks_url.is_some()) + usize::from(jwt.keys.is_some());
    if jwt.issuer.is_some() {
        let one = "expected exactly one of auth.jwt.jwks_url and auth.jwt.keys";
        must(sources == 1, "auth.jwt.keys", one);
        let audience =
            "expected a name by which tokens mean this server: a token for another is not taken";
        must(!jwt.audience.is_empty(), "auth.jwt.audience", audience);
    } else {
        let unused = sources == 0 && jwt.audience.is_empty() && !jwt.provision;
        must(unused, "auth.jwt.issuer", missing);
    }
    let claim = "expected a claim such as \"preferred_username\"";
    must(!jwt.claims.name.is_empty(), "auth.jwt.claims.name", claim);
    let oidc = &auth.oidc;
    if oidc.issuer.is_some() {
        let id = "expected the name by which the identity provider knows this server";
        let named = oidc.client_id.as_ref().is_some_and(|id| !id.is_empty());
        must(named, "auth.oidc.client_id", id);
        let openid = oidc.scopes.iter().any(|scope| scope == "openid");
        let scopes = "expected a list with \"openid\" in it, such as [\"openid\", \"profile\"]";
        must(openid, "auth.oidc.scopes", scopes);
    } else {
        let unused = oidc.client_id.is_none() && oidc.client_secret.is_none() && !oidc.provision;
        must(unused, "auth.oidc.issuer", missing);
    }
    must(!oidc.claims.name.is_empty(), "auth.oidc.claims.name", claim);
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The keys that are complained of, with these settings on top of the defaults.
    fn wrong(settings: serde_json::Value) -> Vec<&'static str> {
        let mut auth = serde_json::to_value(Auth::default()).expect("JSON");
        for (section, keys) in settings.as_object().expect("sections") {
            for (key, value) in keys.as_object().expect("keys") {
                auth[section][key] = value.clone();
            }
        }
        let auth = serde_json::from_value(auth).expect("of its type");
        problems(&auth).into_iter().map(|(key, _)| key).collect()
    }

    #[test]
    fn a_section_is_whole_or_not_there() {
        use serde_json::json;
        let issuer = "https://id.example";
        for (settings, expected) in [
            (json!({}), &[][..]),
            (
                json!({"jwt": {"issuer": issuer, "audience": ["chat"], "jwks_url": "https://id.example/jwks"}}),
                &[],
            ),
            (
                json!({"jwt": {"issuer": issuer, "audience": ["chat"], "keys": "keys.json"}}),
                &[],
            ),
            (
                json!({"jwt": {"issuer": issuer}}),
                &["auth.jwt.keys", "auth.jwt.audience"],
            ),
            (
                json!({"jwt": {"issuer": issuer, "audience": ["chat"], "keys": "k", "jwks_url": issuer}}),
                &["auth.jwt.keys"],
            ),
            (json!({"jwt": {"keys": "keys.json"}}), &["auth.jwt.issuer"]),
            (
                json!({"oidc": {"issuer": issuer, "client_id": "chat", "client_secret": "s3cret"}}),
                &[],
            ),
            (
                json!({"oidc": {"issuer": issuer, "scopes": ["profile"]}}),
                &["auth.oidc.client_id", "auth.oidc.scopes"],
            ),
            (
                json!({"oidc": {"client_id": "chat"}}),
                &["auth.oidc.issuer"],
            ),
            (
                json!({"jwt": {"issuer": "http://id.example", "audience": ["chat"], "keys": "k"}}),
                &["auth.jwt.issuer"],
            ),
        ] {
            assert_eq!(wrong(settings.clone()), expected, "{settings}");
        }
    }
}
