//! JSON Web Tokens of the provider: which are taken, and which are not.
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use discordctl::auth::jwt::{KeySet, Keys, Terms, TokenError, Verifier};
use discordctl::clock::{Clock, ManualClock};
use serde_json::{Value, json};

use super::{claims, clock};
use crate::support::provider::Provider;

fn verifier_with(provider: &Provider, clock: Arc<dyn Clock>) -> Verifier {
    let terms = Terms {
        issuer: provider.issuer.clone(),
        audience: vec!["chat".into()],
        claims: claims(),
    };
    let jwks = format!("{}/jwks", provider.issuer);
    let keys = Keys::at(&jwks, Arc::clone(&clock)).expect("the system's certificates");
    Verifier::new(terms, keys, clock)
}

fn part(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

#[tokio::test]
async fn a_real_providers_tokens_are_taken_by_each_algorithm() {
    let Some(provider) = Provider::start().await else {
        return;
    };
    let verifier = verifier_with(&provider, clock());
    for algorithm in ["RS256", "ES256", "EdDSA"] {
        let token = provider.token("chat", algorithm).await;
        let identity = verifier.verify(&token).await.expect(algorithm);
        assert_eq!(identity.name.as_str(), "robot");
        assert_eq!(
            (identity.subject.as_str(), &*identity.issuer),
            ("robot", &*provider.issuer)
        );
        assert_eq!(identity.roles, ["moderator"]);
    }
    let other = provider.token("other", "RS256").await;
    assert_eq!(verifier.verify(&other).await, Err(TokenError::Audience));
}

#[tokio::test]
async fn a_token_that_is_not_right_is_refused_for_its_own_reason() {
    let Some(provider) = Provider::start().await else {
        return;
    };
    let (verifier, now) = (verifier_with(&provider, clock()), clock().utc().timestamp());
    let good = json!({
        "iss": provider.issuer, "aud": "chat", "sub": "u-1", "exp": now + 300, "preferred_username": "alice",
    });
    let header = json!({ "alg": "RS256" });
    let token = provider.sign(header.clone(), good.clone()).await;
    assert!(verifier.verify(&token).await.is_ok());
    let changed = |claim: &str, value: Value| {
        let mut claims = good.clone();
        claims[claim] = value;
        claims
    };
    for (header, claims, expected) in [
        (
            header.clone(),
            changed("exp", json!(now - 120)),
            TokenError::Expired,
        ),
        (
            header.clone(),
            changed("nbf", json!(now + 120)),
            TokenError::NotYet,
        ),
        (
            header.clone(),
            changed("iss", json!("https://other.example")),
            TokenError::Issuer,
        ),
        (
            json!({ "alg": "RS256", "typ": "logout+jwt" }),
            good.clone(),
            TokenError::Type,
        ),
        (
            json!({ "alg": "ES256", "kid": "RS256-first" }),
            good.clone(),
            TokenError::UnknownKey,
        ),
        (
            json!({ "alg": "ES256", "kid": "unknown" }),
            good.clone(),
            TokenError::UnknownKey,
        ),
    ] {
        let token = provider.sign(header, claims).await;
        assert_eq!(verifier.verify(&token).await, Err(expected));
    }
    // What others make of a good one.
    let (_, body, signature) = parts(&token);
    let claims = part(&changed("preferred_username", json!("owner")));
    let of = |header: Value, body: &str, signature: &str| {
        format!("{}.{body}.{signature}", part(&header))
    };
    for (forged, expected) in [
        (
            of(json!({ "alg": "none" }), &claims, ""),
            TokenError::Algorithm,
        ),
        (
            of(
                json!({ "alg": "HS256" }),
                &claims,
                &hmac_by_the_public_key(&claims),
            ),
            TokenError::Algorithm,
        ),
        (
            of(
                json!({ "alg": "RS256", "kid": "RS256-first" }),
                &claims,
                signature,
            ),
            TokenError::Signature,
        ),
        (
            of(
                json!({ "alg": "RS256", "kid": "ES256-first" }),
                body,
                signature,
            ),
            TokenError::UnknownKey,
        ),
        (
            of(
                json!({ "alg": "RS256", "crit": ["x"], "x": 1 }),
                body,
                signature,
            ),
            TokenError::Critical,
        ),
    ] {
        let refused = verifier.verify(&forged).await.expect_err("forged");
        assert_eq!((refused.code(), &refused), ("bad_token", &expected));
    }
}

fn parts(token: &str) -> (&str, &str, &str) {
    let mut parts = token.split('.');
    let mut next = || parts.next().expect("three parts");
    (next(), next(), next())
}

/// Whatever bytes of the public key a stranger signs with: a shared secret is none here.
fn hmac_by_the_public_key(claims: &str) -> String {
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, b"-----BEGIN PUBLIC KEY-----");
    let signed = format!("{}.{claims}", part(&json!({ "alg": "HS256" })));
    URL_SAFE_NO_PAD.encode(ring::hmac::sign(&key, signed.as_bytes()))
}

#[tokio::test]
async fn keys_follow_the_provider_and_outlive_it() {
    let Some(provider) = Provider::start().await else {
        return;
    };
    let clock = Arc::new(ManualClock::default());
    let verifier = verifier_with(&provider, Arc::clone(&clock) as Arc<dyn Clock>);
    let before = provider.token("chat", "RS256").await;
    assert!(verifier.verify(&before).await.is_ok());
    provider.rotate("second").await;
    let after = provider.token("chat", "RS256").await;
    assert_eq!(verifier.verify(&after).await, Err(TokenError::UnknownKey));
    // As long as a stranger has the provider asked at most once.
    clock.advance(Duration::from_secs(40));
    assert!(verifier.verify(&after).await.is_ok());
    assert_eq!(verifier.verify(&before).await, Err(TokenError::UnknownKey));

    let unknown = json!({ "alg": "RS256", "kid": "third" });
    let unknown = provider.sign(unknown, json!({})).await;
    let port = provider.kill();
    clock.advance(Duration::from_secs(40));
    assert!(verifier.verify(&after).await.is_ok(), "its keys are known");
    assert_eq!(verifier.verify(&unknown).await, Err(TokenError::UnknownKey));

    // A verifier that never saw its keys says so, and works when it is back.
    let provider = Provider::start_at(port).await.expect("it was there before");
    let token = provider.token("chat", "ES256").await;
    provider.kill();
    let fresh = Arc::new(ManualClock::default());
    let new = {
        let terms = Terms {
            issuer: format!("http://127.0.0.1:{port}"),
            audience: vec!["chat".into()],
            claims: claims(),
        };
        let keys = Keys::at(
            &format!("http://127.0.0.1:{port}/jwks"),
            Arc::clone(&fresh) as Arc<dyn Clock>,
        );
        Verifier::new(
            terms,
            keys.expect("certificates"),
            Arc::clone(&fresh) as Arc<dyn Clock>,
        )
    };
    let refused = new.verify(&token).await.expect_err("it is down");
    assert_eq!(refused.code(), "login_unavailable", "{refused}");
    let provider = Provider::start_at(port).await.expect("it was there before");
    let token = provider.token("chat", "ES256").await;
    fresh.advance(Duration::from_secs(5));
    assert!(new.verify(&token).await.is_ok());
}

/// Keys may lie in a file: what the provider publishes, saved.
#[tokio::test]
async fn published_keys_work_from_a_file() {
    let Some(provider) = Provider::start().await else {
        return;
    };
    let jwks =
        discordctl::client::get(provider.address, "/jwks", "*/*", Duration::from_secs(5)).await;
    let keys = KeySet::parse(jwks.expect("keys").body.as_bytes()).expect("a JWK set");
    let terms = Terms {
        issuer: provider.issuer.clone(),
        audience: vec!["chat".into()],
        claims: claims(),
    };
    let verifier = Verifier::new(terms, Keys::fixed(keys), clock());
    let token = provider.token("chat", "EdDSA").await;
    assert!(verifier.verify(&token).await.is_ok());
}
