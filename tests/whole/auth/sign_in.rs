//! Signing in with a browser at the provider.
use discordctl::auth::oidc::{Callback, Client, SignIn, SignInError};

use super::{claims, clock};
use crate::support::provider::{Agent, Provider, SECRET};

const REDIRECT: &str = "http://127.0.0.1/auth/callback";

fn sign_in_as(provider: &Provider, client: &str, secret: Option<&str>) -> SignIn {
    sign_in_at(&provider.issuer, client, secret)
}

fn sign_in_at(issuer: &str, client: &str, secret: Option<&str>) -> SignIn {
    let client = Client {
        id: client.into(),
        secret: secret.map(|secret| secret.to_owned().into()),
        scopes: vec!["openid".into(), "profile".into()],
        claims: claims(),
    };
    SignIn::at(issuer, client, clock()).expect("the system's certificates")
}

/// Has a browser go where it is sent; what it brings back, and the secret it was given.
async fn went(sign_in: &SignIn) -> (String, Callback) {
    let begun = sign_in.begin(REDIRECT).await.expect("begun");
    let back = Agent::default()
        .follow(&begun.url, |url| url.starts_with(REDIRECT))
        .await;
    let back = back.expect("it comes back");
    let (_, query) = back.split_once('?').expect("a query");
    let callback = serde_urlencoded::from_str(query).expect("a callback");
    (begun.secret.to_string(), callback)
}

#[tokio::test]
async fn a_person_signs_in_once_with_each_kind_of_client() {
    let Some(provider) = Provider::start().await else {
        return;
    };
    for (client, secret) in [("chat", Some(SECRET)), ("public", None)] {
        let sign_in = sign_in_as(&provider, client, secret);
        provider.is_used_by("bob").await;
        let (cookie, callback) = went(&sign_in).await;
        let identity = sign_in
            .finish(&cookie, REDIRECT, &callback)
            .await
            .expect("signed in");
        assert_eq!(
            (identity.name.as_str(), &*identity.subject),
            ("bob", "id-of-bob")
        );
        assert_eq!(identity.roles, ["member"]);
        // A code is good once.
        let again = sign_in.finish(&cookie, REDIRECT, &callback).await;
        assert_eq!(again, Err(SignInError::Denied("invalid_grant".into())));
    }
}

#[tokio::test]
async fn what_another_browser_began_is_not_finished() {
    let Some(provider) = Provider::start().await else {
        return;
    };
    let sign_in = sign_in_as(&provider, "chat", Some(SECRET));
    let ((mine, callback), (other, _)) = (went(&sign_in).await, went(&sign_in).await);
    for cookie in [other.as_str(), "", "x"] {
        let refused = sign_in.finish(cookie, REDIRECT, &callback).await;
        assert_eq!(refused, Err(SignInError::State), "{cookie}");
    }
    let mixed = Callback {
        iss: Some("https://other.example".into()),
        ..callback.clone()
    };
    let refused = sign_in.finish(&mine, REDIRECT, &mixed).await;
    assert!(
        matches!(refused, Err(SignInError::Provider(_))),
        "{refused:?}"
    );
    let no_code = Callback {
        code: None,
        ..callback.clone()
    };
    assert_eq!(
        sign_in.finish(&mine, REDIRECT, &no_code).await,
        Err(SignInError::State)
    );
    assert!(sign_in.finish(&mine, REDIRECT, &callback).await.is_ok());
}

#[tokio::test]
async fn a_person_or_a_provider_that_says_no_is_told_apart_from_one_that_is_down() {
    let Some(provider) = Provider::start().await else {
        return;
    };
    let sign_in = sign_in_as(&provider, "chat", Some(SECRET));
    provider.is_used_by("").await;
    let (cookie, callback) = went(&sign_in).await;
    let refused = sign_in.finish(&cookie, REDIRECT, &callback).await;
    assert_eq!(refused, Err(SignInError::Denied("access_denied".into())));

    provider.is_used_by("bob").await;
    let wrong = sign_in_as(&provider, "chat", Some("another secret"));
    let (cookie, callback) = went(&wrong).await;
    let refused = wrong.finish(&cookie, REDIRECT, &callback).await;
    assert_eq!(refused, Err(SignInError::Denied("invalid_client".into())));

    let refused = sign_in_at(&format!("{}/", provider.issuer), "chat", Some(SECRET))
        .begin(REDIRECT)
        .await;
    let told = refused.expect_err("another name").to_string();
    assert!(told.contains("calls itself otherwise"), "{told}");

    let (cookie, callback) = went(&sign_in).await;
    provider.kill();
    let refused = sign_in
        .finish(&cookie, REDIRECT, &callback)
        .await
        .expect_err("it is down");
    assert_eq!(refused.code(), "login_unavailable", "{refused}");
}
