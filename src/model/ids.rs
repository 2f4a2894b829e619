//! Numbers that name things: a type each, so that one is never taken for another.
use std::fmt;
use std::io;
use std::num::ParseIntError;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::random;

/// The largest number up to which JSON readers tell each integer from the next (RFC 8259, 6).
/// Messages that are put back have none beyond it.
pub const MAX_EXACT: i64 = (1 << 53) - 1;

macro_rules! number {
    ($(#[$doc:meta])* $name:ident($of:ty)) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name($of);

        impl $name {
            pub const fn new(number: $of) -> Self {
                Self(number)
            }

            pub const fn get(self) -> $of {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = ParseIntError;

            fn from_str(text: &str) -> Result<Self, ParseIntError> {
                text.parse().map(Self)
            }
        }
    };
}

number! {
    /// A room's identity in the database.
    RoomId(i64)
}
number! {
    /// A user's identity in the database.
    UserId(i64)
}
number! {
    /// What a room or a user was given at random when it was made: a database that went back may give an
    /// id again, and not this one. It is no secret, and exact in JSON.
    Uid(i64)
}
number! {
    /// A message's identity in the database, unique over all rooms.
    MessageId(i64)
}
number! {
    /// The row of a running instance; another run of the same instance gets another.
    InstanceId(i64)
}
number! {
    /// A run of a job.
    RunId(i64)
}
number! {
    /// A part of the index of words.
    PackId(i64)
}
number! {
    /// How a room's older messages are: another number whenever some of them come or go.
    RoomVersion(i64)
}
number! {
    /// An open connection of an instance; the older, the smaller.
    ConnectionId(u64)
}
number! {
    /// A message's place in its room: 1, 2, 3, … with no gap and no repeat.
    #[derive(Default)]
    Seq(i64)
}

number! {
    /// How many messages there are in a room up to a place: 1, 2, 3, … for messages, and for an event that
    /// of the last message before it.
    #[derive(Default)]
    Number(i64)
}

impl Uid {
    /// One that nothing else has, of 53 bits.
    ///
    /// # Errors
    /// Where the operating system has no random numbers.
    pub fn random() -> io::Result<Self> {
        let bits = (random::number()? >> 11) as i64;
        Ok(Self(bits.max(1)))
    }
}

/// Arithmetic stays within what an `i64` holds: a position that a client made up is as good as the
/// last one, and overflows nowhere.
impl Seq {
    /// The place before the first message: a room in which nothing was said stands there.
    pub const START: Self = Self(0);
    pub const FIRST: Self = Self(1);
    /// Beyond every message.
    pub const MAX: Self = Self(i64::MAX);

    pub const fn next(self) -> Self {
        self.plus(1)
    }

    pub const fn previous(self) -> Self {
        self.minus(1)
    }

    pub const fn plus(self, places: u64) -> Self {
        Self(self.0.saturating_add_unsigned(places))
    }

    pub const fn minus(self, places: u64) -> Self {
        Self(self.0.saturating_sub_unsigned(places))
    }

    /// How many places this one lies after `earlier`; 0 if it does not.
    pub const fn since(self, earlier: Self) -> u64 {
        if self.0 > earlier.0 {
            self.0.abs_diff(earlier.0)
        } else {
            0
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_overflow_nowhere() {
        assert_eq!(Seq::MAX.next(), Seq::MAX);
        assert_eq!(Seq::new(i64::MIN).previous(), Seq::new(i64::MIN));
        assert_eq!(Seq::MAX.since(Seq::new(i64::MIN)), u64::MAX);
        assert_eq!(Seq::FIRST.since(Seq::MAX), 0);
        assert_eq!(Seq::FIRST.plus(u64::MAX), Seq::MAX);
    }

    #[test]
    fn as_json_they_are_plain_numbers() {
        assert_eq!(serde_json::to_string(&Seq::FIRST).expect("JSON"), "1");
        assert_eq!(serde_json::from_str::<RoomId>("7").ok(), Some(RoomId(7)));
    }
}
