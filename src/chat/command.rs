//! What can be asked of chat: values, whichever transport they came over.
use super::limits::Cost;
use super::terms::terms;
use super::{
    About, Actor, Answering, Asked, Chat, ChatError, Gate, Giving, Inviting, Lifting, MakeToken,
    Marking, Need, Outcome, PageFrom, Place, Restraint, Restricting, Searching, Settings, Showing,
    Stance, Target, Terms, Total,
};
use crate::model::{MessageId, Password, Role, RoomKind, Seq};
use crate::policy::Action;

/// Something that a client asks for, and what comes of it. `Chat::act` does it.
pub trait Verb: Send {
    type Answer;

    fn terms(&self) -> Terms;

    fn about(&self) -> About<'_> {
        About::NoRoom
    }

    /// Does it, once it may be done. Names and texts are as the client wrote them: they are checked
    /// here.
    fn run(
        self,
        chat: &Chat,
        actor: &Actor,
        place: Place,
    ) -> impl Future<Output = Result<Self::Answer, ChatError>> + Send;
}

/// What is asked for in words, and answered in words.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    Help,
    /// What a terminal is shown beside what is said.
    Show(Showing),
    /// Say goodbye; the connection ends the session once it has written what is queued.
    Quit,
    /// Make an account of the session's nickname. Where it takes an invite, that is the last word.
    Register {
        password: Password,
    },
    Login {
        nickname: String,
        password: Password,
    },
    Logout,
    ChangePassword {
        old: Password,
        new: Password,
    },
    /// The sessions of one's account.
    Sessions,
    EndSession {
        id: String,
    },
    MakeToken(MakeToken),
    /// The tokens of one's own account, or of another.
    Tokens {
        of: Option<String>,
    },
    RevokeToken {
        id: i64,
    },
    /// The client's own identity and rooms.
    Me,
    /// The rooms in which there is something that was not read.
    Unread,
    /// Mark rooms as read.
    MarkRead(Vec<Marking>),
    /// The readers of a message, where the room shows them.
    Seen {
        room: Target,
        seq: Seq,
    },
    /// Others in the room are told that something is being written.
    Typing {
        room: Target,
    },
    Rename {
        nickname: String,
    },
    /// Who is online, over all instances.
    Users {
        page: Asked,
        total: Total,
    },
    Rooms {
        page: Asked,
        total: Total,
    },
    Create {
        room: String,
        kind: RoomKind,
        topic: Option<String>,
    },
    Join {
        room: String,
    },
    /// Leave that room, or the current one.
    Leave {
        room: Option<String>,
    },
    /// Open the direct room with these people, and say something in it.
    Direct {
        nicknames: Vec<String>,
        content: Option<String>,
    },
    /// The members of a room.
    Members {
        room: Target,
        page: Asked,
    },
    /// Take a person out of a room, or leave it.
    Remove {
        room: Target,
        nickname: String,
        why: Option<String>,
    },
    /// What was done in a workspace, or in the first.
    Audit {
        workspace: Option<String>,
        page: Asked,
    },
    /// Make a code by which people register.
    MakeInvite(Inviting),
    /// Let an account into a room.
    Invite {
        room: Target,
        nickname: String,
    },
    Kick {
        room: Target,
        nickname: String,
        why: Option<String>,
    },
    Restrict {
        room: Target,
        what: Restricting,
    },
    Lift {
        room: Target,
        what: Lifting,
    },
    /// Give a member another role in a room.
    Role {
        room: Target,
        nickname: String,
        role: String,
    },
    Set {
        room: Target,
        settings: Settings,
    },
    /// Delete a room with all that was said in it.
    DeleteRoom {
        room: Target,
    },
    /// One message.
    Message {
        room: Target,
        seq: Seq,
    },
    Edit {
        room: Target,
        seq: Seq,
        content: String,
    },
    Delete {
        room: Target,
        seq: Seq,
    },
    React {
        room: Target,
        seq: Seq,
        emoji: String,
        reaction: Giving,
    },
    Pin {
        room: Target,
        seq: Seq,
        pinned: bool,
    },
    /// The pinned messages of a room before that place, or of all.
    Pins {
        room: Target,
        before: Option<Seq>,
        limit: Option<usize>,
    },
    /// The messages that mention the client's account, before that one or of all.
    Mentions {
        before: Option<MessageId>,
        limit: Option<usize>,
    },
    /// Find what was said, in all rooms that may be read.
    Search(Searching),
    /// Have a room not call the client's account, but for mentions, or call it again.
    MuteRoom {
        room: Target,
        muted: bool,
    },
    /// Answer a message, or reply in its thread.
    Answer {
        room: Target,
        seq: Seq,
        content: String,
        how: Answering,
    },
    /// The threads of a room, the newest first, or those before that place.
    Threads {
        room: Target,
        before: Option<Seq>,
        limit: Option<usize>,
    },
    /// The replies in the thread of a message, or of that of a reply.
    Thread {
        room: Target,
        seq: Seq,
        from: PageFrom,
        limit: Option<usize>,
    },
    /// Follow or mute the thread of a message, or do not any more.
    Stand {
        room: Target,
        seq: Seq,
        stance: Stance,
    },
    /// Read up to `limit` messages from there.
    History {
        room: Target,
        from: PageFrom,
        limit: Option<usize>,
    },
}

/// What is done to a message: it counts among the messages of its author, too.
const fn on_message(action: Action) -> Terms {
    terms(Cost::READ, Gate::Table(action), Need::Nickname)
}

/// What is done to other people, and shown to them.
const fn on_others(action: Action) -> Terms {
    terms(Cost::SHOWN, Gate::Table(action), Need::Nickname)
}

fn restraint(kind: Restraint) -> Action {
    match kind {
        Restraint::Ban => Action::Ban,
        Restraint::Mute => Action::Mute,
    }
}

/// To give a role is more than to let in.
fn inviting(of: &Inviting) -> Action {
    match of.role {
        Role::Member => Action::Invite,
        _ => Action::ManageRoles,
    }
}

/// A topic or a pace alone takes less than what else a room is.
fn setting(settings: &Settings) -> Action {
    let Settings {
        topic,
        slow,
        kind,
        allow,
        seen,
    } = settings;
    match (topic, slow) {
        _ if kind.is_some() || allow.is_some() || seen.is_some() => Action::ManageRoom,
        (Some(_), None) => Action::Topic,
        (None, Some(_)) => Action::Slow,
        // Nothing is changed: it is shown.
        (None, None) => Action::See,
        _ => Action::ManageRoom,
    }
}

impl Verb for Command {
    type Answer = Outcome;

    fn terms(&self) -> Terms {
        match self {
            Self::Help | Self::Show(_) => terms(Cost::READ, Gate::Session, Need::Presence),
            Self::Quit => terms(Cost::READ, Gate::Session, Need::Nothing),
            Self::Register { .. } | Self::Login { .. } => {
                terms(Cost::SHOWN, Gate::Session, Need::Nothing)
            }
            Self::Logout => terms(Cost::SHOWN, Gate::Account, Need::Nothing),
            Self::ChangePassword { .. } => terms(Cost::SHOWN, Gate::Person, Need::Nothing),
            Self::Sessions => terms(Cost::LIST, Gate::Person, Need::Nothing),
            Self::EndSession { .. } => terms(Cost::LIST, Gate::Person, Need::Nothing),
            Self::MakeToken(_) | Self::Tokens { .. } | Self::RevokeToken { .. } => {
                terms(Cost::LIST, Gate::Person, Need::Nothing)
            }
            Self::Me => terms(Cost::LIST, Gate::Session, Need::Nothing),
            Self::Unread | Self::Mentions { .. } => terms(Cost::LIST, Gate::Account, Need::Nothing),
            // Which rooms those are is asked for then, and again of each in which something was found.
            Self::Search(_) => terms(Cost::LIST, Gate::Table(Action::Read), Need::Presence),
            Self::Pins { .. } => terms(Cost::LIST, Gate::Table(Action::Read), Need::Presence),
            // The right to read is asked for then.
            Self::MuteRoom { .. } => terms(Cost::READ, Gate::Account, Need::Nothing),
            Self::Seen { .. } => terms(Cost::LIST, Gate::Table(Action::Read), Need::Nothing),
            Self::Typing { .. } => terms(Cost::READ, Gate::Table(Action::Write), Need::Nickname),
            // Each is a right to be looked up.
            Self::MarkRead(marks) => {
                let each = Cost::FREE.and(marks.len().max(1), Cost::READ);
                terms(each, Gate::Account, Need::Nothing)
            }
            Self::Rename { .. } => terms(Cost::SHOWN, Gate::Session, Need::Nothing),
            Self::Users { .. } | Self::Rooms { .. } => {
                terms(Cost::LIST, Gate::Table(Action::See), Need::Presence)
            }
            Self::Members { .. } => terms(Cost::LIST, Gate::Table(Action::See), Need::Presence),
            // For another person it takes the right to kick, which is asked for then.
            Self::Remove { .. } => on_others(Action::See),
            Self::Audit { .. } => terms(Cost::LIST, Gate::Account, Need::Nothing),
            Self::MakeInvite(of) => on_others(inviting(of)),
            Self::Create { .. } => {
                terms(Cost::SHOWN, Gate::Table(Action::CreateRoom), Need::Nickname)
            }
            Self::Join { .. } => terms(Cost::SHOWN, Gate::Table(Action::Read), Need::Nickname),
            // To make a room of one's own with others takes as much as to speak.
            Self::Direct { .. } => on_others(Action::Write),
            Self::Invite { .. } => on_others(Action::Invite),
            Self::Kick { .. } => on_others(Action::Kick),
            Self::Restrict { what, .. } => on_others(restraint(what.kind)),
            Self::Lift { what, .. } => on_others(restraint(what.kind)),
            Self::Role { .. } => on_others(Action::ManageRoles),
            Self::Set { settings, .. } => on_others(setting(settings)),
            Self::DeleteRoom { .. } => on_others(Action::ManageRoom),
            Self::Message { .. } => terms(Cost::READ, Gate::Table(Action::Read), Need::Presence),
            Self::Edit { .. } => on_message(Action::EditOwn),
            // For what others said it takes the right to delete any, which is asked for then.
            Self::Delete { .. } => on_message(Action::DeleteOwn),
            Self::React { .. } => on_message(Action::React),
            Self::Pin { .. } => on_message(Action::Pin),
            // In a thread it takes the right to that besides, which is asked for then.
            Self::Answer { .. } => on_message(Action::Write),
            Self::Threads { .. } => terms(Cost::LIST, Gate::Table(Action::Read), Need::Presence),
            Self::Thread { .. } => terms(Cost::READ, Gate::Table(Action::Read), Need::Presence),
            Self::Stand { .. } => terms(Cost::READ, Gate::Table(Action::Read), Need::Nothing),
            Self::Leave { .. } => terms(Cost::SHOWN, Gate::Session, Need::Presence),
            Self::History { .. } => terms(Cost::READ, Gate::Table(Action::Read), Need::Presence),
        }
    }

    fn about(&self) -> About<'_> {
        match self {
            Self::Join { room } => About::Named(room),
            Self::MakeInvite(of) => of.room.as_deref().map_or(About::NoRoom, About::Named),
            Self::History { room, .. }
            | Self::Message { room, .. }
            | Self::Edit { room, .. }
            | Self::Delete { room, .. }
            | Self::React { room, .. }
            | Self::Pin { room, .. }
            | Self::Pins { room, .. }
            | Self::Answer { room, .. }
            | Self::Threads { room, .. }
            | Self::Thread { room, .. }
            | Self::Stand { room, .. }
            | Self::Members { room, .. }
            | Self::Remove { room, .. }
            | Self::Invite { room, .. }
            | Self::Kick { room, .. }
            | Self::Restrict { room, .. }
            | Self::Lift { room, .. }
            | Self::Role { room, .. }
            | Self::Set { room, .. }
            | Self::Seen { room, .. }
            | Self::Typing { room }
            | Self::DeleteRoom { room } => room.about(),
            _ => About::NoRoom,
        }
    }

    async fn run(self, chat: &Chat, actor: &Actor, place: Place) -> Result<Outcome, ChatError> {
        match self {
            Self::Help => Ok(Outcome::Help),
            Self::Show(showing) => Ok(Outcome::Showing(showing)),
            Self::Quit => Ok(Outcome::Goodbye),
            Self::Register { password } => chat.register_here(actor, password).await,
            Self::Login { nickname, password } => {
                chat.log_in_here(actor, &nickname, &password).await
            }
            Self::Logout => chat.log_out(actor).await,
            Self::ChangePassword { old, new } => chat.change_password(actor, &old, &new).await,
            Self::Sessions => chat.my_sessions(actor).await,
            Self::EndSession { id } => chat.end_my_session(actor, &id).await,
            Self::MakeToken(make) => chat.make_token(actor, &make).await,
            Self::Tokens { of } => chat.list_tokens(actor, of.as_deref()).await,
            Self::RevokeToken { id } => chat.revoke_token(actor, id).await,
            Self::Me => chat.me(actor).await,
            Self::Unread => chat.unread(actor).await,
            Self::Mentions { before, limit } => chat.mentioned(actor, before, limit).await,
            Self::Pins { before, limit, .. } => chat.pins(place, before, limit).await,
            Self::Search(asked) => chat.search(actor, asked).await,
            Self::MuteRoom { room, muted } => chat.mute_room(actor, &room, muted).await,
            Self::MarkRead(marks) => chat.mark_read(actor, marks).await,
            Self::Seen { seq, .. } => chat.seen(place, seq).await,
            Self::Typing { .. } => chat.is_typing(actor, place),
            Self::Rename { nickname } => chat.rename(actor.known()?, &nickname).await,
            Self::Users { page, total } => chat.users(actor, page, total).await,
            Self::Rooms { page, total } => chat.rooms(actor, page, total).await,
            Self::Create { room, kind, topic } => {
                chat.create(actor, &room, kind, topic.as_deref()).await
            }
            Self::Members { page, .. } => chat.members(place, page).await,
            Self::Remove { nickname, why, .. } => {
                chat.remove(actor, place, &nickname, why.as_deref()).await
            }
            Self::Audit { workspace, page } => chat.audit(actor, workspace, page).await,
            Self::MakeInvite(inviting) => chat.make_invite(actor, place, &inviting).await,
            Self::Join { .. } => chat.join(actor, place.room()?).await,
            Self::Leave { room } => chat.leave(actor.known()?, room.as_deref()).await,
            Self::Direct { nicknames, content } => {
                chat.direct(actor, &nicknames, content.as_deref()).await
            }
            Self::Invite { nickname, .. } => chat.invite(actor, place, &nickname).await,
            Self::Kick { nickname, why, .. } => {
                chat.kick(actor, place, &nickname, why.as_deref()).await
            }
            Self::Restrict { what, .. } => chat.restrict(actor, place, &what).await,
            Self::Lift { what, .. } => chat.lift(actor, place, &what).await,
            Self::Role { nickname, role, .. } => {
                chat.give_role(actor, place, &nickname, &role).await
            }
            Self::Set { settings, .. } => chat.set_room(actor, place, settings).await,
            Self::DeleteRoom { .. } => chat.delete_room(actor, place).await,
            Self::Message { seq, .. } => chat.message(place, seq).await,
            Self::Edit { seq, content, .. } => chat.edit(actor, place, seq, &content).await,
            Self::Delete { seq, .. } => chat.delete(actor, place, seq).await,
            Self::React {
                seq,
                emoji,
                reaction,
                ..
            } => chat.react(actor, place, seq, (&emoji, reaction)).await,
            Self::Pin { seq, pinned, .. } => chat.pin(actor, place, seq, pinned).await,
            Self::Answer {
                seq, content, how, ..
            } => chat.answer(actor, place, (seq, how), &content).await,
            Self::Threads { before, limit, .. } => chat.threads(actor, place, before, limit).await,
            Self::Thread {
                seq, from, limit, ..
            } => chat.thread(actor, place, seq, (from, limit)).await,
            Self::Stand { seq, stance, .. } => {
                chat.stand_to_thread(actor, place, seq, stance).await
            }
            Self::History { from, limit, .. } => {
                chat.history(actor, place.room()?, from, limit).await
            }
        }
    }
}
