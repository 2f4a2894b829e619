//! The rights of a public room, by role: read once, so that a crowd that joins costs no query each.
use std::sync::{Arc, OnceLock};

use super::Stood;
use crate::model::{Role, RoomKind, UserId};
use crate::store::{Restraint, RoomRights, Stands};

/// A room's rights, and how people without anything of their own in it stand to it.
#[derive(Debug)]
pub(super) struct Shared {
    rights: RoomRights,
    usual: [OnceLock<Arc<Stood>>; Role::ALL.len()],
}

/// A person, as far as a public room of the first workspace asks.
#[derive(Debug, Clone, Copy)]
pub(super) struct Person<'a> {
    pub(super) user: Option<UserId>,
    pub(super) address: Option<&'a str>,
    pub(super) account: bool,
    /// In the first workspace.
    pub(super) role: Option<Role>,
}

impl Shared {
    pub(super) fn of(rights: RoomRights) -> Self {
        Self {
            rights,
            usual: Default::default(),
        }
    }

    /// How that person stands to the room; `None` where the store has to be asked for it.
    pub(super) fn stood(&self, person: Person<'_>) -> Option<Arc<Stood>> {
        let of = &self.rights;
        if of.kind != RoomKind::Public || !of.main || of.many {
            return None;
        }
        let own = of.roles.iter().find(|(user, _)| Some(*user) == person.user);
        let own = own.map(|(_, role)| *role);
        let restrained = |kind| {
            let theirs = of.restrictions.iter().filter(|one| {
                let by_user = one.user.is_some() && one.user == person.user;
                let by_address = one.address.is_some() && one.address.as_deref() == person.address;
                one.kind == kind && (by_user || by_address)
            });
            theirs.map(|one| one.until).max()
        };
        let stands = Stands {
            kind: of.kind,
            main: of.main,
            slow: of.slow,
            allow: of.allow.clone(),
            topic: of.topic.clone(),
            seen: of.seen,
            member: false,
            account: person.account,
            room_role: own,
            workspace_role: person.role,
            banned_until: restrained(Restraint::Ban),
            muted_until: restrained(Restraint::Mute),
        };
        let special =
            own.is_some() || stands.banned_until.is_some() || stands.muted_until.is_some();
        let place = match (person.account, person.role) {
            _ if special => None,
            (false, _) => Some(Role::Guest),
            (true, role) => role,
        };
        let stood = || Arc::new(Stood::of(stands));
        Some(match place {
            Some(role) => self.usual[role as usize].get_or_init(stood).clone(),
            None => stood(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Restrained, for_good};

    fn room(many: bool) -> Shared {
        let restrained = |user, address: Option<&str>, kind| Restrained {
            user,
            address: address.map(str::to_owned),
            kind,
            until: for_good(),
        };
        Shared::of(RoomRights {
            kind: RoomKind::Public,
            main: true,
            slow: 0,
            allow: None,
            topic: None,
            seen: false,
            roles: vec![(UserId::new(1), Role::Owner)],
            restrictions: vec![
                restrained(Some(UserId::new(2)), None, Restraint::Mute),
                restrained(Some(UserId::new(3)), Some("192.0.2.7"), Restraint::Ban),
            ],
            many,
        })
    }

    fn person(user: i64, role: Option<Role>) -> Person<'static> {
        Person {
            user: Some(UserId::new(user)),
            address: None,
            account: role.is_some(),
            role,
        }
    }

    #[test]
    fn people_without_anything_of_their_own_share_one() {
        let room = room(false);
        let stood = |who| room.stood(who).expect("it is known");
        let (one, other) = (stood(person(8, None)), stood(person(9, None)));
        assert!(Arc::ptr_eq(&one, &other));
        let member = stood(person(7, Some(Role::Member)));
        assert_eq!(member.role(Role::Guest), Some(Role::Member));
        assert!(!Arc::ptr_eq(&one, &member));
        let owner = stood(person(1, Some(Role::Member)));
        assert_eq!(owner.role(Role::Guest), Some(Role::Owner));
        // An account that is in other workspaces only.
        let outsider = Person {
            account: true,
            ..person(6, None)
        };
        assert_eq!(stood(outsider).role(Role::Guest), None);
    }

    #[test]
    fn what_was_imposed_is_on_its_person_alone() {
        let room = room(false);
        let stood = |who| room.stood(who).expect("it is known");
        assert!(stood(person(2, None)).muted_until().is_some());
        assert!(stood(person(2, None)).banned_until().is_none());
        assert!(stood(person(3, None)).banned_until().is_some());
        let again = Person {
            address: Some("192.0.2.7"),
            ..person(4, None)
        };
        assert!(stood(again).banned_until().is_some());
        assert!(stood(person(4, None)).banned_until().is_none());
    }

    #[test]
    fn where_there_are_too_many_the_store_is_asked() {
        assert!(room(true).stood(person(1, None)).is_none());
    }
}
