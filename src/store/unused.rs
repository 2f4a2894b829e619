//! When what was made and never used is taken away.
use std::time::Duration;

/// A room without a word is left to its creator for so long.
pub(super) const ROOM_AGE: Duration = Duration::from_secs(24 * 3600);
/// A user is of use at the latest after so long: at once a session, a room or a message is theirs.
pub(super) const USER_AGE: Duration = Duration::from_secs(600);
/// Users looked at in one go, so that the work of a sweep does not grow with how many there are.
pub(super) const LOOK_AT: i64 = 5_000;
