//! Sign in at an identity provider with a browser.
use std::sync::Arc;

use super::{Actor, Chat, ChatError, Session};
use crate::auth::oidc::{Begun, Callback, SignIn};
use crate::chat::{Cost, Gate, Need, NotVouched, Place, Strangers, Terms, Verb};

/// Be sent to the provider.
pub struct BeginSignIn {
    /// Where the provider is to send the browser back to.
    pub redirect: String,
}

/// Come back from it, as the person that it knows.
pub struct FinishSignIn {
    /// What the browser was given when it was sent.
    pub secret: String,
    pub redirect: String,
    pub callback: Callback,
}

const fn terms() -> Terms {
    Terms {
        cost: Cost::FREE,
        gate: Gate::Open,
        need: Need::Nothing,
    }
}

impl Verb for BeginSignIn {
    type Answer = Begun;

    fn terms(&self) -> Terms {
        terms()
    }

    async fn run(self, chat: &Chat, _: &Actor, _: Place) -> Result<Begun, ChatError> {
        let (sign_in, _) = chat.sign_in()?;
        Ok(sign_in.begin(&self.redirect).await?)
    }
}

impl Verb for FinishSignIn {
    type Answer = Arc<Session>;

    fn terms(&self) -> Terms {
        terms()
    }

    async fn run(self, chat: &Chat, actor: &Actor, _: Place) -> Result<Arc<Session>, ChatError> {
        let (sign_in, strangers) = chat.sign_in()?;
        let Self {
            secret,
            redirect,
            callback,
        } = self;
        let identity = sign_in.finish(&secret, &redirect, &callback).await?;
        chat.be_person(actor, &identity, strangers, None).await
    }
}

impl Chat {
    /// Whether a provider is known at which people sign in.
    pub fn signs_in(&self) -> bool {
        self.vouchers.sign_in.is_some()
    }

    fn sign_in(&self) -> Result<(&SignIn, Strangers), ChatError> {
        let known = self.vouchers.sign_in.as_ref();
        let (sign_in, strangers) = known.ok_or(NotVouched::NoSignIn)?;
        Ok((sign_in, *strangers))
    }
}
