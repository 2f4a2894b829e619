//! Direct rooms, as their people address them and hear of them.
use std::sync::Arc;

use super::{Actor, Chat, ChatError, Session};
use crate::model::{Nickname, RoomName, RoomRef, Seq, UserKey};
use crate::store::{Changed, Direct, Participant};

/// How an address of people begins, and what stands between them.
const MARK: char = '@';
const AND: char = '+';
/// People of a direct room beside the one that addresses them.
pub(super) const MOST_OTHERS: usize = 9;
/// Direct rooms that an account's connections read without being asked to: those in which was spoken
/// last.
const MOST_FOLLOWED: usize = 100;

/// A direct room that a session's connections read.
#[derive(Debug, Clone)]
pub(super) struct Followed {
    pub(super) room: RoomRef,
    /// What came after this is new to the session.
    pub(super) from: Seq,
    /// Which change of what the session follows it came with.
    pub(super) change: u64,
}

/// What a session follows, once that was read for its account.
#[derive(Debug, Default)]
pub(super) struct Following {
    pub(super) rooms: Vec<Followed>,
    read_for: Option<UserKey>,
    change: u64,
}

impl Following {
    /// Another account's rooms are not this one's.
    pub(super) fn forget(&mut self) -> Vec<RoomRef> {
        self.read_for = None;
        self.change += 1;
        let rooms = std::mem::take(&mut self.rooms);
        rooms.into_iter().map(|followed| followed.room).collect()
    }

    pub(super) fn change(&self) -> u64 {
        self.change
    }

    /// It has to be read, or read anew.
    pub(super) fn is_unknown(&mut self) -> bool {
        self.read_for = None;
        self.change += 1;
        true
    }

    /// Takes what the store has; whether some of it is new.
    fn take(&mut self, user: UserKey, directs: &[Direct]) -> bool {
        let first = self.read_for != Some(user);
        let known =
            |room: &RoomRef, rooms: &[Followed]| rooms.iter().any(|f| f.room.key == room.key);
        let mut new = Vec::new();
        for direct in directs {
            let room = called(direct, user);
            if !known(&room, &self.rooms) {
                new.push(Followed {
                    room,
                    // In one that was made since the last look all is new.
                    from: if first { direct.last_seq } else { Seq::START },
                    change: self.change + 1,
                });
            }
        }
        let some = !new.is_empty();
        self.read_for = Some(user);
        self.change += u64::from(some);
        self.rooms.extend(new);
        some
    }
}

/// The room as `user`, one of its people, calls it.
pub(super) fn called(direct: &Direct, user: UserKey) -> RoomRef {
    let others = others(&direct.people, user);
    direct
        .room
        .clone()
        .direct(others.map(|other| other.nickname.as_str()))
}

/// The others by the names that they show.
pub(super) fn title(people: &[Participant], user: UserKey) -> String {
    let name = |other: &Participant| {
        let shown = other.display_name.as_ref().unwrap_or(&other.nickname);
        shown.clone()
    };
    others(people, user)
        .map(name)
        .collect::<Vec<_>>()
        .join(", ")
}

fn others(people: &[Participant], user: UserKey) -> impl Iterator<Item = &Participant> {
    people.iter().filter(move |person| person.user != user)
}

/// Whether a room is addressed by its people.
pub(super) fn is_address(name: &str) -> bool {
    name.starts_with(MARK)
}

/// The people of an address, as they are compared; `None` where it is none.
fn addressed(name: &str) -> Option<Vec<Nickname>> {
    let names = name.strip_prefix(MARK)?.split(AND);
    let names: Vec<_> = names
        .map(Nickname::parse_old)
        .take(MOST_OTHERS + 1)
        .collect();
    let names: Option<Vec<Nickname>> = names.into_iter().map(Result::ok).collect();
    names.filter(|names| names.len() <= MOST_OTHERS)
}

impl Chat {
    /// The direct room that the actor addresses by its other people, if there is one.
    pub(super) async fn direct_room(
        &self,
        actor: &Actor,
        name: &str,
    ) -> Result<Option<RoomRef>, ChatError> {
        let account = actor.session().and_then(|session| session.account());
        let (Some(account), Some(names)) = (account, addressed(name)) else {
            return Ok(None);
        };
        let people = self.participants(account.user, &names).await?;
        if people.is_empty() || people.len() != distinct(&names) {
            return Ok(None);
        }
        let found = self.find(&room_name(&people, account.user)).await?;
        let others = people.iter().map(|other| other.nickname.as_str());
        Ok(found.map(|room| room.direct(others)))
    }

    async fn participants(
        &self,
        user: UserKey,
        names: &[Nickname],
    ) -> Result<Vec<Participant>, ChatError> {
        let names: Vec<&str> = names.iter().map(Nickname::as_str).collect();
        let _turn = self.hub.turn().await?;
        let mut people = self.store().participants(user, &names).await?;
        // The asking user is not one of the others.
        people.retain(|person| person.user != user);
        Ok(people)
    }

    /// The direct room of the actor and these people, made now if there is none, and how it is called.
    pub(super) async fn open_direct(
        &self,
        actor: &Actor,
        names: &[String],
    ) -> Result<(RoomRef, String), ChatError> {
        let user = actor.account()?.user;
        let names: Result<Vec<_>, _> = names.iter().map(|name| Nickname::parse_old(name)).collect();
        let names = names?;
        let people = self.participants(user, &names).await?;
        let reach = |name: &&Nickname| {
            let person = people
                .iter()
                .find(|p| name.key() == p.nickname.to_ascii_lowercase());
            person.is_none_or(|person| !person.within_reach)
        };
        let own = actor.known()?.nickname();
        let names: Vec<&Nickname> = names.iter().filter(|name| **name != own).collect();
        if let Some(absent) = names.iter().copied().find(reach) {
            return Err(ChatError::NoSuchUser(absent.clone()));
        }
        if people.is_empty() || people.len() > MOST_OTHERS {
            let why = format!("a direct room is for you and 1 to {MOST_OTHERS} others");
            return Err(ChatError::BadRequest(why));
        }
        let title = title(&people, user);
        let name = room_name(&people, user);
        let found = match self.find(&name).await? {
            Some(room) => room,
            None => self.make_direct(&name, &people, user).await?,
        };
        let others = people.iter().map(|other| other.nickname.as_str());
        Ok((found.direct(others), title))
    }

    async fn make_direct(
        &self,
        name: &RoomName,
        others: &[Participant],
        user: UserKey,
    ) -> Result<RoomRef, ChatError> {
        let mut people: Vec<UserKey> = others.iter().map(|other| other.user).collect();
        people.push(user);
        if !self.store().share_a_workspace(&people).await? {
            let why = "there is no workspace that all of them are in";
            return Err(ChatError::BadRequest(why.into()));
        }
        self.may_create(name, user).await?;
        let turn = self.hub.turn().await?;
        let made = self.store().open_direct(name, &people, user).await?;
        drop(turn);
        let room = made.ok_or_else(|| ChatError::RoomExists(name.clone()))?;
        for person in &people {
            self.rights_changed_here(&Changed::of_one_in(*person, room.key));
        }
        Ok(self.hub.remember(room))
    }

    /// Has the session's connections read its account's direct rooms, as they are stored now.
    pub(super) async fn follow_directs(&self, session: &Arc<Session>) -> Result<(), ChatError> {
        let Some(account) = session.account() else {
            return Ok(());
        };
        let directs = self.store().directs_of(account.user, MOST_FOLLOWED).await?;
        session.follow(account.user, |following| {
            following.take(account.user, &directs)
        });
        Ok(())
    }

    /// The same where it was read before: a direct room may have been made since.
    pub(super) async fn hear_of_directs(&self, session: &Arc<Session>) -> Result<(), ChatError> {
        if session.state.lock().following.read_for.is_none() {
            return Ok(());
        }
        self.follow_directs(session).await
    }

    /// The same where it was never read for the session.
    pub(super) async fn follow_directs_first(
        &self,
        session: &Arc<Session>,
    ) -> Result<(), ChatError> {
        let user = session.account().map(|account| account.user);
        let read = session.state.lock().following.read_for;
        if user.is_none() || read == user {
            return Ok(());
        }
        self.follow_directs(session).await
    }
}

/// What the database calls the room of these people and `user`.
fn room_name(others: &[Participant], user: UserKey) -> RoomName {
    let mut people: Vec<UserKey> = others.iter().map(|other| other.user).collect();
    people.push(user);
    RoomName::of_direct(&people)
}

fn distinct(names: &[Nickname]) -> usize {
    let mut keys: Vec<String> = names.iter().map(Nickname::key).collect();
    keys.sort_unstable();
    keys.dedup();
    keys.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{RoomId, Uid};

    fn person(n: i64, nickname: &str, display_name: Option<&str>) -> Participant {
        Participant {
            user: UserKey::new(n, n),
            nickname: nickname.into(),
            display_name: display_name.map(str::to_owned),
            within_reach: true,
        }
    }

    fn direct(n: i64, last_seq: i64, people: Vec<Participant>) -> Direct {
        Direct {
            room: RoomRef::stored(RoomId::new(n), Uid::new(n), "@1+2"),
            last_seq: Seq::new(last_seq),
            people,
        }
    }

    #[test]
    fn each_person_calls_it_by_the_others() {
        let people = vec![
            person(1, "alice", None),
            person(2, "Bob", Some("Bob of Bern")),
            person(3, "carol", None),
        ];
        let room = direct(7, 0, people.clone());
        let shown = |user| called(&room, UserKey::new(user, user)).shown().to_string();
        assert_eq!(
            [shown(1), shown(2), shown(3)],
            ["@Bob+carol", "@alice+carol", "@alice+Bob"]
        );
        assert_eq!(title(&people, UserKey::new(1, 1)), "Bob of Bern, carol");
        assert_eq!(room_name(&people[1..], people[0].user).as_str(), "@1+2+3");
    }

    #[test]
    fn an_address_names_one_to_nine_people() {
        let names = |name: &str| addressed(name).map(|names| names.len());
        assert_eq!(names("@bob"), Some(1));
        assert_eq!(names("@bob+carol"), Some(2));
        assert_eq!(names(&format!("@a{}", "+b".repeat(9))), None);
        for none in ["bob", "@", "@bob+", "@+bob", "@a b", "@@bob", ""] {
            assert_eq!(names(none), None, "{none}");
        }
    }

    #[test]
    fn what_was_said_before_the_first_look_is_not_new() {
        let (me, other) = (person(1, "alice", None), person(2, "bob", None));
        let mut following = Following::default();
        let rooms = |following: &Following| -> Vec<(i64, i64, u64)> {
            let of = following.rooms.iter();
            of.map(|f| (f.room.key.id.get(), f.from.get(), f.change))
                .collect()
        };
        let first = direct(7, 40, vec![me.clone(), other.clone()]);
        assert!(following.take(me.user, std::slice::from_ref(&first)));
        assert!(!following.take(me.user, std::slice::from_ref(&first)));
        let second = direct(8, 3, vec![me.clone(), other]);
        assert!(following.take(me.user, &[second, first]));
        assert_eq!(rooms(&following), [(7, 40, 1), (8, 0, 2)]);
        assert_eq!(following.forget().len(), 2);
        assert_eq!(following.change(), 3);
    }
}
