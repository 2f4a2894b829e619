//! The one door: what a client asks for, over whichever transport, is asked for here.
use super::{Actor, Chat, ChatError, Code, Gate, Need, Session, Verb};
use crate::model::TransportKind;
use crate::policy::Action;

impl Chat {
    /// Does what `actor` asks for, if it may.
    ///
    /// # Errors
    /// Says what was refused, or what failed, as values: the codecs have the words.
    pub async fn act<V: Verb>(&self, actor: &Actor, verb: V) -> Result<V::Answer, ChatError> {
        let terms = verb.terms();
        // What is refused has been asked for, and costs as much.
        self.charge(actor, terms.cost)?;
        let place = self.pass(actor, terms.gate, verb.about()).await?;
        if actor.transport() == TransportKind::Http
            && let Some(session) = actor.session()
        {
            self.come_back(session, terms.need).await?;
        }
        // What is said under a nickname is said by its owner.
        if terms.gate == Gate::Table(Action::Write) && !self.presence.has_its_lease() {
            self.presence.regain_names().await?;
        }
        verb.run(self, actor, place).await
    }

    /// A session that comes and goes by requests is online again when it asks for something.
    /// Where its nickname is another's by now, that is in the way of what needs one.
    async fn come_back(&self, session: &Session, need: Need) -> Result<(), ChatError> {
        if need == Need::Nothing {
            return Ok(());
        }
        match self.be_online(session).await {
            Err(error) if error.code() == Code::NicknameTaken && need == Need::Presence => Ok(()),
            other => other,
        }
    }
}
