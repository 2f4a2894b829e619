//! Puts the checks in their order: form, signature, and only then what the token says.
use std::sync::Arc;

use super::token::Token;
use super::{ClaimNames, Claims, Identity, Keys, TokenError};
use crate::clock::Clock;

/// The issuer and the audience that a token must name, and the meaning of its claims.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Terms {
    /// As it stands in `iss`, to the letter.
    pub issuer: String,
    /// Under which names this server is meant by `aud`.
    pub audience: Vec<String>,
    pub claims: ClaimNames,
}

/// Takes tokens of one issuer.
pub struct Verifier {
    terms: Terms,
    keys: Keys,
    clock: Arc<dyn Clock>,
}

impl Verifier {
    pub fn new(terms: Terms, keys: Keys, clock: Arc<dyn Clock>) -> Self {
        Self { terms, keys, clock }
    }

    /// The identity of the token's bearer.
    ///
    /// # Errors
    /// It proves nothing here and now.
    pub async fn verify(&self, token: &str) -> Result<Identity, TokenError> {
        self.claims(token).await?.identity(&self.terms.claims)
    }

    /// What a token says that is right in all but its name and roles.
    pub(in crate::auth) async fn claims(&self, token: &str) -> Result<Claims, TokenError> {
        let token = Token::parse(token)?;
        self.keys.check(&token).await?;
        let claims = Claims::new(token.claims()?);
        claims.check(&self.terms.issuer, &self.terms.audience, self.clock.utc())?;
        Ok(claims)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::auth::jwt::sample::Signer;
    use crate::clock::ManualClock;

    #[tokio::test]
    async fn a_token_proves_who_its_bearer_is_until_it_expires() {
        let (clock, signer) = (Arc::new(ManualClock::default()), Signer::new("one"));
        let terms = Terms {
            issuer: "https://id.example".into(),
            audience: vec!["chat".into()],
            claims: ClaimNames {
                name: "name".into(),
                roles: None,
            },
        };
        let keys = Keys::fixed(signer.keys());
        let verifier = Verifier::new(terms, keys, Arc::clone(&clock) as Arc<dyn Clock>);
        let exp = clock.utc().timestamp() + 300;
        let claims = json!({ "iss": "https://id.example", "aud": "chat", "exp": exp, "sub": "u-1", "name": "alice" });
        let token = signer.token(&claims.to_string());
        let identity = verifier.verify(&token).await.expect("it is right");
        assert_eq!(identity.name.as_str(), "alice");
        let other = Signer::new("other").token(&claims.to_string());
        assert_eq!(verifier.verify(&other).await, Err(TokenError::UnknownKey));
        // What a wrong signature covers is not looked at, so that its maker learns nothing.
        let (head, signature) = token.rsplit_once('.').expect("three parts");
        let forged = format!("{}.{signature}", head.replacen('e', "f", 1));
        assert!(verifier.verify(&forged).await.is_err());
        clock.advance(std::time::Duration::from_secs(361));
        let expired = verifier.verify(&token).await.expect_err("late");
        assert_eq!(
            (expired.code(), expired),
            ("expired_token", TokenError::Expired)
        );
    }
}
