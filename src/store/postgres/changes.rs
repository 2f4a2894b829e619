//! Presence changes as they are stored: a run of one kind is one round trip, however long it is.
//! What depends on what is told to the database in one statement, where each part sees the tables
//! as they were before.
use super::connection::Connection;
use super::seconds;
use crate::model::{Uid, UserId, UserKey};
use crate::store::presence::{Claimed, Claims, Joins, Run, runs};
use crate::store::{InstanceId, LEASE, PresenceChange, PresenceOutcome, alive};

pub(super) async fn apply(
    connection: &mut Connection,
    instance: InstanceId,
    changes: &[PresenceChange],
) -> Result<Vec<PresenceOutcome>, sqlx::Error> {
    let mut outcomes = Vec::with_capacity(changes.len());
    for run in runs(changes) {
        let count = run.len();
        let simple = match &run {
            Run::Claims(claims) => {
                outcomes.extend(claim(connection, instance, claims).await?);
                continue;
            }
            Run::Joins(joins) => {
                outcomes.extend(join(connection, joins).await?);
                continue;
            }
            Run::Leaves { sessions, rooms } => {
                let query = sqlx::query(LEAVE).bind(sessions);
                query.bind(&rooms.ids).bind(&rooms.uids)
            }
            Run::Parts(sessions) => sqlx::query(PART).bind(sessions),
            Run::Touches(sessions) => sqlx::query(TOUCH).bind(sessions),
            Run::Idles(sessions) => sqlx::query(IDLE).bind(sessions).bind(instance),
            Run::Drops(sessions) => sqlx::query(DROP).bind(sessions).bind(instance),
            Run::Releases { sessions, guests } => sqlx::query(RELEASE).bind(sessions).bind(guests),
        };
        connection.run(simple).await?;
        outcomes.extend(std::iter::repeat_n(PresenceOutcome::Done, count));
    }
    Ok(outcomes)
}

const PART: &str = "DELETE FROM session_rooms WHERE session_id = ANY ($1::text[])";

const TOUCH: &str = "UPDATE sessions SET last_used_at = now() WHERE id = ANY ($1::text[])";

const IDLE: &str = "UPDATE sessions SET online = false
    WHERE id = ANY ($1::text[]) AND instance_id = $2";

const DROP: &str = "DELETE FROM sessions WHERE id = ANY ($1::text[]) AND instance_id = $2";

const LEAVE: &str = "WITH gone AS MATERIALIZED (
      SELECT w.session, w.room
      FROM unnest($1::text[], $2::bigint[], $3::bigint[]) AS w (session, room, uid)
        JOIN rooms r ON r.id = w.room AND r.uid = w.uid
    ), membership AS (
      DELETE FROM room_members m USING gone g, sessions s
      WHERE s.id = g.session AND m.user_id = s.user_id AND m.room_id = g.room
    )
    DELETE FROM session_rooms r USING gone g
    WHERE r.session_id = g.session AND r.room_id = g.room";

const RELEASE: &str = "WITH gone AS MATERIALIZED (
      SELECT * FROM unnest($1::text[], $2::bool[]) AS w (session, guest)
    ), membership AS (
      DELETE FROM room_members m USING gone g, sessions s, session_rooms r
      WHERE g.guest AND s.id = g.session AND r.session_id = s.id
        AND m.user_id = s.user_id AND m.room_id = r.room_id
    )
    DELETE FROM sessions WHERE id = ANY ($1::text[])";

/// `held`: the sessions that have a name. Through a dead instance they hold it no more, and counting the
/// freed makes that happen before the new rows ask the unique index. Two claims at one moment
/// run into that index, and the one that loses is tried again. A membership moves along unless
/// another session of that user is in the room.
const CLAIM: &str = concat!(
    r#"WITH wanted AS MATERIALIZED (
      SELECT *, lower(nickname COLLATE "C") AS folded
      FROM unnest($1::text[], $2::text[], $3::text[], $5::bool[], $7::bigint[])
        WITH ORDINALITY AS w (session, nickname, transport, chosen, owner, n)
    ), owned AS MATERIALIZED (
      SELECT w.n FROM wanted w JOIN users u ON lower(u.nickname COLLATE "C") = w.folded
      WHERE u.registered_at IS NOT NULL AND u.id IS DISTINCT FROM w.owner
    ), held AS MATERIALIZED (
      SELECT w.n, s.id, w.owner IS NULL AND EXISTS (
        SELECT FROM instances i WHERE i.id = s.instance_id
        AND "#,
    alive!(postgres "i.heartbeat_at", "$6"),
    r#") AS alive
      FROM wanted w JOIN sessions s
        ON lower(s.nickname COLLATE "C") = w.folded AND s.online AND s.id <> w.session
        AND NOT s.account
    ), freed AS (
      UPDATE sessions SET online = false WHERE id IN (SELECT id FROM held WHERE NOT alive)
      RETURNING id
    ), granted AS MATERIALIZED (
      SELECT * FROM wanted w WHERE NOT EXISTS (SELECT FROM held h WHERE h.n = w.n AND h.alive)
        AND NOT EXISTS (SELECT FROM owned o WHERE o.n = w.n)
    ), found AS MATERIALIZED (
      SELECT g.n, u.id, u.uid FROM granted g JOIN users u
        ON lower(u.nickname COLLATE "C") = g.folded WHERE g.chosen
    ), made AS (
      INSERT INTO users (nickname) SELECT g.nickname FROM granted g
      WHERE g.chosen AND NOT EXISTS (SELECT FROM found f WHERE f.n = g.n) ORDER BY g.folded
      ON CONFLICT (lower(nickname COLLATE "C")) DO UPDATE SET nickname = users.nickname
      RETURNING id, uid, lower(nickname COLLATE "C") AS folded
    ), account AS MATERIALIZED (
      SELECT n, id, uid FROM found
      UNION ALL SELECT g.n, m.id, m.uid FROM granted g JOIN made m ON m.folded = g.folded
    ), moving AS MATERIALIZED (
      SELECT r.room_id, s.user_id AS before, a.id AS after
      FROM granted g JOIN account a ON a.n = g.n JOIN session_rooms r ON r.session_id = g.session
        JOIN sessions s ON s.id = g.session
      WHERE s.user_id IS DISTINCT FROM a.id
    ), moved_out AS (
      DELETE FROM room_members m USING moving v
      WHERE m.user_id = v.before AND m.room_id = v.room_id
        AND NOT EXISTS (SELECT FROM session_rooms o JOIN sessions s ON s.id = o.session_id
          WHERE o.room_id = v.room_id AND s.user_id = v.before AND s.online
            AND s.id <> ALL ($1::text[]))
    ), moved_in AS (
      INSERT INTO room_members (room_id, user_id) SELECT DISTINCT room_id, after FROM moving
      ON CONFLICT DO NOTHING
    ), claimed AS (
      INSERT INTO sessions (id, user_id, nickname, transport, instance_id, online, account)
      SELECT g.session, a.id, g.nickname, g.transport, $4, true, g.owner IS NOT NULL
      FROM granted g LEFT JOIN account a ON a.n = g.n
      WHERE (SELECT count(*) FROM freed) >= 0 ORDER BY g.session
      ON CONFLICT (id) DO UPDATE SET user_id = coalesce(excluded.user_id, sessions.user_id),
        nickname = excluded.nickname, transport = excluded.transport,
        instance_id = excluded.instance_id, online = true, account = excluded.account,
        last_used_at = now()
      RETURNING id
    )
    SELECT EXISTS (SELECT FROM claimed c WHERE c.id = w.session), a.id, a.uid,
      (SELECT min(h.id) FROM held h WHERE h.n = w.n AND h.alive),
      EXISTS (SELECT FROM owned o WHERE o.n = w.n)
    FROM wanted w LEFT JOIN account a ON a.n = w.n ORDER BY w.n"#
);

type Answer = (bool, Option<UserId>, Option<Uid>, Option<String>, bool);

/// A name that an earlier claim of the same run has given up is asked for once more, alone.
async fn claim(
    connection: &mut Connection,
    instance: InstanceId,
    claims: &Claims<'_>,
) -> Result<Vec<PresenceOutcome>, sqlx::Error> {
    let mut outcomes = Vec::with_capacity(claims.sessions.len());
    for (at, answer) in ask(connection, instance, claims)
        .await?
        .into_iter()
        .enumerate()
    {
        let given_up = |holder: &str| claims.gives_up_before(holder, at);
        let again = !answer.0 && answer.3.as_deref().is_some_and(given_up);
        let answer = if again {
            ask(connection, instance, &claims.only(at)).await?.pop()
        } else {
            Some(answer)
        };
        let claimed = answer.map(|(granted, id, uid, _, owned)| Claimed {
            granted,
            owned,
            user: UserKey::of(id, uid),
        });
        outcomes.push(PresenceOutcome::to_claim(claimed));
    }
    Ok(outcomes)
}

async fn ask(
    connection: &mut Connection,
    instance: InstanceId,
    claims: &Claims<'_>,
) -> Result<Vec<Answer>, sqlx::Error> {
    let query = sqlx::query_as(CLAIM)
        .bind(&claims.sessions)
        .bind(&claims.nicknames)
        .bind(&claims.transports)
        .bind(instance)
        .bind(&claims.chosen)
        .bind(seconds(LEASE))
        .bind(&claims.owners);
    connection.all(query).await
}

const JOIN: &str = r#"WITH wanted AS MATERIALIZED (
      SELECT *, lower(nickname COLLATE "C") AS folded
      FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[])
        WITH ORDINALITY AS w (session, nickname, room, uid, n)
    ), known AS MATERIALIZED (
      SELECT w.*, s.user_id,
        EXISTS (SELECT FROM rooms r WHERE r.id = w.room AND r.uid = w.uid) AS there
      FROM wanted w JOIN sessions s ON s.id = w.session
    ), nameless AS MATERIALIZED (
      SELECT DISTINCT ON (folded) folded, nickname FROM known WHERE there AND user_id IS NULL
    ), found AS MATERIALIZED (
      SELECT l.folded, u.id, u.uid FROM nameless l JOIN users u
        ON lower(u.nickname COLLATE "C") = l.folded
    ), made AS (
      INSERT INTO users (nickname) SELECT l.nickname FROM nameless l
      WHERE NOT EXISTS (SELECT FROM found f WHERE f.folded = l.folded) ORDER BY l.folded
      ON CONFLICT (lower(nickname COLLATE "C")) DO UPDATE SET nickname = users.nickname
      RETURNING id, uid, lower(nickname COLLATE "C") AS folded
    ), named AS MATERIALIZED (
      SELECT folded, id, uid FROM found UNION ALL SELECT folded, id, uid FROM made
    ), account AS MATERIALIZED (
      SELECT k.n, k.session, k.room, k.user_id IS NULL AS new, coalesce(k.user_id, m.id) AS id,
        coalesce(u.uid, m.uid) AS uid
      FROM known k LEFT JOIN named m ON m.folded = k.folded
        LEFT JOIN users u ON u.id = k.user_id WHERE k.there
    ), bound AS (
      UPDATE sessions s SET user_id = a.id FROM account a
      WHERE s.id = a.session AND a.new AND s.user_id IS NULL
    ), member AS (
      INSERT INTO room_members (room_id, user_id) SELECT DISTINCT room, id FROM account
      ORDER BY 1, 2 ON CONFLICT DO NOTHING
    ), begun AS (
      INSERT INTO read_marks (user_id, room_id, read_number)
      SELECT DISTINCT a.id, r.id, r.last_number FROM account a
        JOIN sessions s ON s.id = a.session AND s.account JOIN rooms r ON r.id = a.room
      ORDER BY 1, 2 ON CONFLICT DO NOTHING
    ), inside AS (
      INSERT INTO session_rooms (session_id, room_id) SELECT DISTINCT session, room FROM account
      ORDER BY 1, 2 ON CONFLICT DO NOTHING
    )
    SELECT k.there, a.id, a.uid FROM wanted w LEFT JOIN known k ON k.n = w.n
      LEFT JOIN account a ON a.n = w.n ORDER BY w.n"#;

async fn join(
    connection: &mut Connection,
    joins: &Joins<'_>,
) -> Result<Vec<PresenceOutcome>, sqlx::Error> {
    let query = sqlx::query_as(JOIN)
        .bind(&joins.sessions)
        .bind(&joins.nicknames)
        .bind(&joins.rooms.ids)
        .bind(&joins.rooms.uids);
    let rows: Vec<(Option<bool>, Option<UserId>, Option<Uid>)> = connection.all(query).await?;
    let outcome = |(there, id, uid)| match there {
        Some(true) => PresenceOutcome::User(UserKey::of(id, uid)),
        Some(false) => PresenceOutcome::NoSuchRoom,
        None => PresenceOutcome::NoSuchSession,
    };
    Ok(rows.into_iter().map(outcome).collect())
}
