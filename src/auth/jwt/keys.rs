//! Where keys come from: a file that was read, or a provider that is asked seldom.
use std::fmt;
use std::sync::Arc;

use super::token::Token;
use super::{KeySet, TokenError};
use crate::auth::cached::{Cached, Fetch, Fetching};
use crate::auth::provider::Provider;
use crate::clock::Clock;

/// The keys of one issuer.
#[derive(Clone)]
pub struct Keys(Source);

#[derive(Clone)]
enum Source {
    Fixed(KeySet),
    Fetched(Arc<Cached<KeySet>>),
}

impl Keys {
    /// Those that were read from a file.
    pub fn fixed(keys: KeySet) -> Self {
        Self(Source::Fixed(keys))
    }

    /// Those that are published at `url`, which is asked when the first token comes, and when a
    /// token names a key that is not among them.
    ///
    /// # Errors
    /// The system's certificates cannot be read.
    pub fn at(url: &str, clock: Arc<dyn Clock>) -> Result<Self, String> {
        Ok(Self::asking(Provider::at(url)?, url.to_owned(), clock))
    }

    pub(in crate::auth) fn asking(provider: Provider, url: String, clock: Arc<dyn Clock>) -> Self {
        let fetch = move || -> Fetching<KeySet> {
            let (provider, url) = (provider.clone(), url.clone());
            Box::pin(async move {
                let answer = provider.get(&url).await?;
                answer.json()?;
                KeySet::parse(&answer.body).map_err(str::to_owned)
            })
        };
        Self::fetched(Box::new(fetch), clock)
    }

    fn fetched(fetch: Fetch<KeySet>, clock: Arc<dyn Clock>) -> Self {
        Self(Source::Fetched(Cached::new(fetch, clock)))
    }

    /// Checks the signature of a token.
    ///
    /// # Errors
    /// It is wrong, no key fits, or the keys are not known.
    pub(super) async fn check(&self, token: &Token<'_>) -> Result<(), TokenError> {
        match &self.0 {
            Source::Fixed(keys) => keys.check(token),
            Source::Fetched(cached) => {
                let keys = cached.get(|keys| keys.knows(token)).await?;
                keys.check(token)
            }
        }
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Source::Fixed(keys) => keys.fmt(f),
            Source::Fetched(_) => f.write_str("Keys(fetched)"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
    use std::time::Duration;

    use parking_lot::Mutex;

    use super::*;
    use crate::auth::cached::PAUSE;
    use crate::auth::jwt::sample::Signer;
    use crate::clock::ManualClock;

    /// A provider with keys of its own, and how often it was asked.
    struct Fake {
        keys: Keys,
        clock: Arc<ManualClock>,
        asked: Arc<AtomicUsize>,
        answer: Arc<Mutex<Result<KeySet, String>>>,
    }

    impl Fake {
        fn new(answer: Result<KeySet, String>) -> Self {
            let (clock, asked) = (
                Arc::new(ManualClock::default()),
                Arc::new(AtomicUsize::new(0)),
            );
            let answer = Arc::new(Mutex::new(answer));
            let (count, answers) = (Arc::clone(&asked), Arc::clone(&answer));
            let fetch = move || -> Fetching<KeySet> {
                count.fetch_add(1, SeqCst);
                let answer = answers.lock().clone();
                Box::pin(async move { answer })
            };
            let keys = Keys::fetched(Box::new(fetch), Arc::clone(&clock) as Arc<dyn Clock>);
            Self {
                keys,
                clock,
                asked,
                answer,
            }
        }

        async fn check(&self, token: &str) -> Result<(), TokenError> {
            self.keys.check(&Token::parse(token)?).await
        }

        fn asked(&self) -> usize {
            self.asked.load(SeqCst)
        }
    }

    fn down() -> Result<KeySet, String> {
        Err("connection refused".into())
    }

    #[tokio::test]
    async fn keys_are_fetched_once_and_not_per_token() {
        let one = Signer::new("one");
        let provider = Fake::new(Ok(one.keys()));
        let token = one.token("{}");
        let all = (0..50).map(|_| provider.check(&token));
        let all = futures_util::future::join_all(all).await;
        assert!(all.iter().all(Result::is_ok), "{all:?}");
        assert_eq!(provider.asked(), 1);
    }

    #[tokio::test]
    async fn a_new_key_is_looked_for_at_most_once_a_while() {
        let (one, two) = (Signer::new("one"), Signer::new("two"));
        let provider = Fake::new(Ok(one.keys()));
        assert_eq!(provider.check(&one.token("{}")).await, Ok(()));
        for _ in 0..20 {
            let refused = provider.check(&two.token("{}")).await;
            assert_eq!(refused, Err(TokenError::UnknownKey));
        }
        assert_eq!(provider.asked(), 1, "it was asked a moment ago");
        *provider.answer.lock() = Ok(two.keys());
        provider.clock.advance(2 * PAUSE);
        assert_eq!(provider.check(&two.token("{}")).await, Ok(()));
        assert_eq!(provider.asked(), 2);
        // A key that was taken away is no key any more.
        let refused = provider.check(&one.token("{}")).await;
        assert_eq!(refused, Err(TokenError::UnknownKey));
    }

    #[tokio::test]
    async fn keys_are_kept_for_a_day_while_the_provider_is_down() {
        let one = Signer::new("one");
        let (provider, token) = (Fake::new(Ok(one.keys())), one.token("{}"));
        assert_eq!(provider.check(&token).await, Ok(()));
        *provider.answer.lock() = down();
        for _ in 0..23 {
            provider.clock.advance(Duration::from_secs(3600));
            assert_eq!(provider.check(&token).await, Ok(()));
            tokio::task::yield_now().await;
        }
        assert!(
            provider.asked() > 20,
            "it was asked {} times",
            provider.asked()
        );
        provider.clock.advance(Duration::from_secs(3600));
        let refused = provider.check(&token).await;
        assert!(
            matches!(refused, Err(TokenError::Unavailable(_))),
            "{refused:?}"
        );
        *provider.answer.lock() = Ok(one.keys());
        provider.clock.advance(2 * PAUSE);
        assert_eq!(provider.check(&token).await, Ok(()));
    }

    #[tokio::test]
    async fn a_provider_that_was_never_there_is_asked_ever_more_seldom() {
        let one = Signer::new("one");
        let provider = Fake::new(down());
        for _ in 0..600 {
            let refused = provider.check(&one.token("{}")).await;
            assert!(
                matches!(refused, Err(TokenError::Unavailable(_))),
                "{refused:?}"
            );
            provider.clock.advance(Duration::from_secs(1));
        }
        let asked = provider.asked();
        assert!(
            (18..=30).contains(&asked),
            "asked {asked} times in ten minutes"
        );
    }

    /// A caller that hangs up while a new key is fetched takes nothing from the others.
    #[tokio::test]
    async fn a_caller_that_leaves_stops_no_fetch() {
        let one = Signer::new("one");
        let (provider, token) = (Fake::new(Ok(one.keys())), one.token("{}"));
        {
            let mut left = std::pin::pin!(provider.check(&token));
            assert!(futures_util::poll!(&mut left).is_pending());
        }
        tokio::task::yield_now().await;
        assert_eq!(provider.check(&token).await, Ok(()));
        assert_eq!(provider.asked(), 1);
    }
}
