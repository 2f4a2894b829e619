//! What a token says of its bearer, and whether it says so here and now.
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Map, Value};

use super::TokenError;
use crate::model::Nickname;

/// By so much two machines' clocks may differ.
const LEEWAY: Duration = Duration::from_secs(60);
const MOST_ROLES: usize = 64;
/// OpenID Connect's bound for a `sub`.
const LONGEST_SUBJECT: usize = 255;

/// In which claims the name and the roles are: the claim of that name or, where there is none,
/// the one that a path names (`realm_access.roles`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimNames {
    pub name: String,
    pub roles: Option<String>,
}

/// What is proved by a token: that its issuer knows `subject`, and calls it `name`. An account is
/// recognised by issuer and subject; a name can be given to others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    pub issuer: String,
    pub subject: String,
    pub name: Nickname,
    /// As the issuer calls them.
    pub roles: Vec<String>,
    /// Until when it is proved.
    pub expires: DateTime<Utc>,
}

impl Identity {
    /// Issuer and subject as one text, by which an account is recognised. An issuer is a URL and
    /// has no blank.
    pub fn account_key(&self) -> String {
        format!("{} {}", self.issuer, self.subject)
    }

    /// Until when the token is taken that proved it: clocks may differ.
    pub fn holds_until(&self) -> DateTime<Utc> {
        self.expires
            .checked_add_signed(TimeDelta::from_std(LEEWAY).unwrap_or_default())
            .unwrap_or(self.expires)
    }
}

/// The claims of a token with a valid signature.
#[derive(Debug, Clone, PartialEq)]
pub struct Claims(Map<String, Value>);

impl Claims {
    pub(super) fn new(claims: Map<String, Value>) -> Self {
        Self(claims)
    }

    /// The same with those that another answer of the same provider adds.
    pub(in crate::auth) fn with(mut self, more: Map<String, Value>) -> Self {
        for (name, value) in more {
            self.0.entry(name).or_insert(value);
        }
        self
    }

    /// The claim that is called so, or that is found on that path.
    pub(in crate::auth) fn get(&self, path: &str) -> Option<&Value> {
        self.0.get(path).or_else(|| {
            let (first, rest) = path.split_once('.')?;
            rest.split('.')
                .try_fold(self.0.get(first)?, |value, key| value.get(key))
        })
    }

    pub(in crate::auth) fn text(&self, path: &str) -> Option<&str> {
        self.get(path)?.as_str()
    }

    /// # Errors
    /// It is of another issuer, for another audience, or of another time.
    pub(super) fn check(
        &self,
        issuer: &str,
        audience: &[String],
        now: DateTime<Utc>,
    ) -> Result<(), TokenError> {
        if self.text("iss") != Some(issuer) {
            return Err(TokenError::Issuer);
        }
        if !self
            .audience()
            .iter()
            .any(|of| audience.iter().any(|our| our == of))
        {
            return Err(TokenError::Audience);
        }
        if self.expires()? + LEEWAY <= now {
            return Err(TokenError::Expired);
        }
        match self.get("nbf") {
            Some(nbf) if time("nbf", nbf)? > now + LEEWAY => Err(TokenError::NotYet),
            _ => Ok(()),
        }
    }

    /// The audience: a text, or a list of them.
    pub(in crate::auth) fn audience(&self) -> Vec<&str> {
        texts(self.0.get("aud")).unwrap_or_default()
    }

    fn expires(&self) -> Result<DateTime<Utc>, TokenError> {
        let missing = || TokenError::Claim("exp".into());
        time("exp", self.0.get("exp").ok_or_else(missing)?)
    }

    /// # Errors
    /// The subject or the name is missing, or the name is no nickname.
    pub(in crate::auth) fn identity(&self, names: &ClaimNames) -> Result<Identity, TokenError> {
        let text = |claim: &str| {
            let text = self.text(claim).filter(|text| !text.is_empty());
            text.ok_or_else(|| TokenError::Claim(claim.to_owned()))
        };
        let subject = text("sub")?.to_owned();
        if subject.len() > LONGEST_SUBJECT {
            return Err(TokenError::Claim("sub".into()));
        }
        let name = Nickname::parse(text(&names.name)?).map_err(|why| TokenError::Name {
            claim: names.name.clone(),
            why: why.to_string(),
        })?;
        Ok(Identity {
            issuer: text("iss")?.to_owned(),
            subject,
            name,
            roles: self.roles(names)?,
            expires: self.expires()?,
        })
    }

    /// A list, or one text with blanks between, as `scope` is written. A person without roles has
    /// no such claim.
    fn roles(&self, names: &ClaimNames) -> Result<Vec<String>, TokenError> {
        let Some(claim) = &names.roles else {
            return Ok(Vec::new());
        };
        let roles = match self.get(claim) {
            None | Some(Value::Null) => Some(Vec::new()),
            Some(Value::String(text)) => Some(text.split_ascii_whitespace().collect()),
            list => texts(list),
        };
        let roles = roles.filter(|roles| roles.len() <= MOST_ROLES);
        let roles = roles.ok_or_else(|| TokenError::Claim(claim.clone()))?;
        Ok(roles.into_iter().map(str::to_owned).collect())
    }
}

/// One text, or a list of nothing but texts.
fn texts(value: Option<&Value>) -> Option<Vec<&str>> {
    match value? {
        Value::String(text) => Some(vec![text]),
        Value::Array(values) => values.iter().map(Value::as_str).collect(),
        _ => None,
    }
}

/// Seconds since 1970, perhaps with a fraction.
fn time(claim: &str, value: &Value) -> Result<DateTime<Utc>, TokenError> {
    let seconds = value
        .as_f64()
        .filter(|seconds| (0.0..1e11).contains(seconds));
    let span = seconds.and_then(|seconds| TimeDelta::try_milliseconds((seconds * 1e3) as i64));
    let time = span.and_then(|span| DateTime::UNIX_EPOCH.checked_add_signed(span));
    time.ok_or_else(|| TokenError::Claim(claim.to_owned()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const NOW: i64 = 1_800_000_000;

    fn claims(of: &Value) -> Claims {
        Claims(of.as_object().expect("an object").clone())
    }

    fn good() -> Value {
        json!({ "iss": "https://id.example", "aud": "chat", "exp": NOW + 300, "sub": "u-1", "preferred_username": "alice" })
    }

    fn check(of: &Value) -> Result<(), TokenError> {
        let now = DateTime::from_timestamp(NOW, 0).expect("a time");
        claims(of).check("https://id.example", &["other".into(), "chat".into()], now)
    }

    fn names(roles: &str) -> ClaimNames {
        ClaimNames {
            name: "preferred_username".into(),
            roles: Some(roles.into()),
        }
    }

    #[test]
    fn a_token_is_for_us_and_for_now() {
        assert_eq!(check(&good()), Ok(()));
        let missing = |claim: &str| TokenError::Claim(claim.into());
        for (claim, value, expected) in [
            ("iss", json!("https://id.example/"), Err(TokenError::Issuer)),
            (
                "iss",
                json!(["https://id.example"]),
                Err(TokenError::Issuer),
            ),
            ("aud", json!("Chat"), Err(TokenError::Audience)),
            ("aud", json!(["a", "chat"]), Ok(())),
            ("aud", json!(["chat", 1]), Err(TokenError::Audience)),
            ("aud", json!([]), Err(TokenError::Audience)),
            ("exp", json!(NOW - 59), Ok(())),
            ("exp", json!(NOW - 60), Err(TokenError::Expired)),
            ("exp", json!(NOW as f64 - 59.5), Ok(())),
            ("exp", json!("tomorrow"), Err(missing("exp"))),
            ("exp", json!(1e300), Err(missing("exp"))),
            ("exp", json!(-1), Err(missing("exp"))),
            ("nbf", json!(NOW + 60), Ok(())),
            ("nbf", json!(NOW + 61), Err(TokenError::NotYet)),
            ("nbf", json!("later"), Err(missing("nbf"))),
        ] {
            let mut of = good();
            of[claim] = value;
            assert_eq!(check(&of), expected, "{of}");
        }
        for (claim, expected) in [
            ("iss", TokenError::Issuer),
            ("aud", TokenError::Audience),
            ("exp", missing("exp")),
        ] {
            let mut of = good();
            of.as_object_mut().expect("an object").remove(claim);
            assert_eq!(check(&of), Err(expected));
        }
    }

    #[test]
    fn name_and_roles_are_where_they_are_said_to_be() {
        let mut of = good();
        of["realm_access"] = json!({ "roles": ["admin", "x"] });
        of["https://chat.example/roles"] = json!("member moderator");
        let roles = |claim| {
            claims(&of)
                .identity(&names(claim))
                .map(|id| id.roles.join(" "))
        };
        assert_eq!(roles("realm_access.roles").as_deref(), Ok("admin x"));
        assert_eq!(
            roles("https://chat.example/roles").as_deref(),
            Ok("member moderator")
        );
        assert_eq!(roles("groups").as_deref(), Ok(""));
        assert_eq!(
            roles("realm_access"),
            Err(TokenError::Claim("realm_access".into()))
        );
        let identity = claims(&of).identity(&names("groups")).expect("whole");
        assert_eq!(
            (identity.subject.as_str(), identity.name.as_str()),
            ("u-1", "alice")
        );
        assert_eq!(identity.expires.timestamp(), NOW + 300);
    }

    #[test]
    fn what_is_no_nickname_makes_nobody() {
        let with = |claim: &str, value: Value| {
            let mut of = good();
            of[claim] = value;
            claims(&of).identity(&names("groups")).map(|_| ())
        };
        for name in ["alice@example.com", "", "system", "a b"] {
            assert!(with("preferred_username", json!(name)).is_err(), "{name}");
        }
        assert_eq!(with("sub", json!(7)), Err(TokenError::Claim("sub".into())));
        assert_eq!(
            with("sub", json!("x".repeat(256))),
            Err(TokenError::Claim("sub".into()))
        );
    }
}
