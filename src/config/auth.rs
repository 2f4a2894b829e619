//! The section `auth`: other servers that vouch for people.
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::model::url::web;

/// Identity providers beside passwords.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Auth {
    pub jwt: Jwt,
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
                json!({"jwt": {"issuer": "http://id.example", "audience": ["chat"], "keys": "k"}}),
                &["auth.jwt.issuer"],
            ),
        ] {
            assert_eq!(wrong(settings.clone()), expected, "{settings}");
        }
    }
}
