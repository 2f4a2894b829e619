//! The end of an account: what names its person goes, and its messages stay in their places.
use crate::model::UserKey;
use crate::store::StoreError;
use crate::store::ask::{Ask, Statement, Turn};
use crate::store::audit::{self, Record};
use crate::store::rights::{CHANGED, Changed};
use crate::store::sql::Arg;

/// The names of an erasure.
#[derive(Debug, Clone, Copy)]
pub struct Erasure<'a> {
    /// The account's, which stays taken, so that no other person speaks under it.
    pub nickname: &'a str,
    /// What is said to be the author from now on: says nothing of the account.
    pub pseudonym: &'a str,
    /// Under which its failed logins are counted.
    pub failures: &'a str,
}

/// The row of its messages. Its times say nothing of when it was erased.
const RENAME: &str = "UPDATE users SET nickname = $3, password = NULL, display_name = NULL,
       subject = NULL, disabled_at = registered_at
     WHERE id = $1 AND uid = $2 AND registered_at IS NOT NULL";

/// A closed account that nothing is known of, and that nothing opens but an operator.
const HOLD_NAME: &str = "INSERT INTO users (nickname, registered_at, disabled_at)
     SELECT $1, @now, @now WHERE 1 = 1 ON CONFLICT DO NOTHING";

const LEAVE_ROOMS: &str = "DELETE FROM room_members WHERE user_id = $1
     AND NOT EXISTS (SELECT 1 FROM rooms r WHERE r.id = room_id AND r.kind = 'direct')";

/// Has instances read anew what they keep of rooms with its messages. The lowest id first, as everywhere.
const READ_ANEW_IN_POSTGRES: &str = "WITH room AS MATERIALIZED (
       SELECT id FROM rooms r
       WHERE EXISTS (SELECT FROM messages m WHERE m.room_id = r.id AND m.user_id = $1)
       ORDER BY id FOR NO KEY UPDATE)
     UPDATE rooms SET history_version = history_version + 1 WHERE id IN (SELECT id FROM room)";
const READ_ANEW_IN_SQLITE: &str = "UPDATE rooms SET history_version = history_version + 1
     WHERE id IN (SELECT room_id FROM messages WHERE user_id = $1)";

pub(super) async fn erase<A: Ask>(
    store: &A,
    user: UserKey,
    erasure: &Erasure<'_>,
    record: &Record<'_>,
) -> Result<(), StoreError> {
    let read_anew = store.either(READ_ANEW_IN_POSTGRES, READ_ANEW_IN_SQLITE);
    let renamed: [Arg<'_>; 3] = [user.id.into(), user.uid.into(), erasure.pseudonym.into()];
    let name: [Arg<'_>; 1] = [erasure.nickname.into()];
    let failures: [Arg<'_>; 1] = [erasure.failures.into()];
    let theirs = &renamed[..1];
    let statements: [Statement<'_>; 14] = [
        (RENAME, &renamed),
        (HOLD_NAME, &name),
        ("DELETE FROM sessions WHERE user_id = $1", theirs),
        ("DELETE FROM tokens WHERE user_id = $1", theirs),
        ("DELETE FROM workspace_members WHERE user_id = $1", theirs),
        (LEAVE_ROOMS, theirs),
        ("DELETE FROM restrictions WHERE user_id = $1", theirs),
        ("DELETE FROM read_marks WHERE user_id = $1", theirs),
        ("DELETE FROM thread_marks WHERE user_id = $1", theirs),
        ("DELETE FROM mentions WHERE user_id = $1", theirs),
        ("DELETE FROM login_failures WHERE key = $1", &failures),
        (read_anew, theirs),
        (audit::WRITE, &record.args()),
        (CHANGED, &Changed::of(user).args()),
    ];
    store.run(Turn::Once, &statements).await.map(drop)
}
