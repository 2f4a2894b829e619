//! An operator with a database, an archive and a shell.
use std::ops::Deref;

use crate::support::db::{Db, Kind};
use crate::support::{Shell, eventually};

pub(crate) struct Operator {
    pub(crate) db: Db,
    pub(crate) shell: Shell,
}

impl Deref for Operator {
    type Target = Shell;

    fn deref(&self) -> &Shell {
        &self.shell
    }
}

impl Operator {
    /// With an empty, migrated database.
    pub(crate) async fn new(db: Db) -> Self {
        drop(db.open().await);
        let shell = Shell::on(&db);
        Self { db, shell }
    }

    /// Runs it to where it is killed, and until its lease has ended.
    pub(crate) async fn killed(&self, line: &str, at: &str) {
        self.shell.killed(line, at).await;
        self.forget_lease().await;
    }

    /// Half a minute goes by, after which a lease has ended.
    pub(crate) async fn forget_lease(&self) {
        self.outlive().await;
        self.db.sql("DELETE FROM leases").await;
    }

    /// Waits until PostgreSQL has ended what a killed command was about: its last statement,
    /// perhaps the one that takes the lease, is done to its end.
    async fn outlive(&self) {
        let theirs = "SELECT count(*) FROM pg_stat_activity
            WHERE datname = current_database() AND application_name LIKE 'discordctl %, pid %'";
        let ended = async || self.db.kind == Kind::Sqlite || self.db.number(theirs).await == 0;
        eventually("PostgreSQL ends what has lost its client", ended).await;
    }

    /// Says things by hand: `count` messages in each room, a day apart, from 2024 on, by people
    /// of whom one is deleted then.
    pub(crate) async fn fill(&self, rooms: &[&str], count: i64) {
        self.db
            .sql("INSERT INTO users (nickname) VALUES ('Alice'), ('bob'), ('gone')")
            .await;
        for room in rooms {
            let at = match self.db.kind {
                Kind::Sqlite => {
                    "strftime('%Y-%m-%dT%H:%M:%fZ', '2024-01-20', '+' || n || ' hours')"
                }
                Kind::Postgres => "timestamptz '2024-01-20Z' + make_interval(hours => n)",
            };
            let numbers = format!(
                "WITH RECURSIVE t (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t WHERE n < {count})"
            );
            self.db
                .sql(&format!(
                    "INSERT INTO rooms (name, last_seq) VALUES ('{room}', {count});
                     {numbers} INSERT INTO messages (room_id, seq, user_id, content, created_at)
                     SELECT r.id, n, u.id, 'in {room}, \"number\" ' || n || ' \\ é 😀', {at}
                     FROM t JOIN rooms r ON r.name = '{room}'
                     JOIN users u ON u.nickname =
                       CASE n % 3 WHEN 0 THEN 'Alice' WHEN 1 THEN 'bob' ELSE 'gone' END
                     ORDER BY n"
                ))
                .await;
        }
        self.db
            .sql("DELETE FROM users WHERE nickname = 'gone'")
            .await;
    }

    /// Every row that counts, as text.
    pub(crate) async fn dump(&self) -> Vec<String> {
        self.db
            .texts(
                "SELECT r.name || ' ' || m.id || ' ' || m.seq || ' ' ||
               coalesce('' || m.user_id, '-') || ' ' || m.created_at || ' ' || m.content
             FROM messages m JOIN rooms r ON r.id = m.room_id ORDER BY r.name, m.seq",
            )
            .await
    }

    /// Makes of a room's messages every kind of entry, with all that an entry can have.
    pub(crate) async fn vary(&self) {
        let at = match self.db.kind {
            Kind::Sqlite => "strftime('%Y-%m-%dT%H:%M:%fZ', created_at, '+1.234 seconds')",
            Kind::Postgres => "created_at + interval '1.234 seconds'",
        };
        let by = |name: &str| format!("(SELECT id FROM users WHERE nickname = '{name}')");
        let (alice, bob) = (by("Alice"), by("bob"));
        self.db
            .sql(&format!(
                "UPDATE messages SET kind = 10 + seq % 5, content = '', target = seq - 3 WHERE seq % 7 = 0;
                 UPDATE messages SET kind = 99, target = NULL WHERE seq % 49 = 0;
                 UPDATE messages SET kind = seq % 3 WHERE seq % 7 = 1;
                 UPDATE messages SET reply_to = seq - 1 WHERE seq % 7 = 2 AND seq > 1;
                 UPDATE messages SET thread = 3 WHERE seq % 7 = 3 AND seq > 3;
                 UPDATE messages SET edited_at = {at} WHERE seq % 11 = 4;
                 UPDATE messages SET content = '', gone = 1 + seq % 3, user_id = NULL
                   WHERE seq % 13 = 5 AND kind < 10;
                 UPDATE messages SET pinned_at = {at} WHERE seq % 17 = 6;
                 UPDATE messages SET reacted = 1 WHERE seq % 5 = 1;
                 INSERT INTO reactions (room_id, seq, emoji, user_id, at)
                   SELECT room_id, seq, '👍', {alice}, {at} FROM messages WHERE seq % 10 = 1;
                 INSERT INTO reactions (room_id, seq, emoji, user_id, at)
                   SELECT room_id, seq, '❤️', {bob}, created_at FROM messages WHERE seq % 20 = 1;
                 INSERT INTO mentions (user_id, room_id, seq, message_id)
                   SELECT {bob}, room_id, seq, id FROM messages WHERE seq % 6 = 1;
                 INSERT INTO mentions (user_id, room_id, seq, message_id)
                   SELECT {alice}, room_id, seq, id FROM messages WHERE seq % 12 = 1;
                 INSERT INTO threads (room_id, root, replies, last_seq, last_at)
                   SELECT room_id, 3, count(*), max(seq), max(created_at)
                   FROM messages WHERE thread = 3 GROUP BY room_id;
                 UPDATE messages SET number = (SELECT count(*) FROM messages o WHERE o.kind < 10
                   AND o.room_id = messages.room_id AND o.seq <= messages.seq);
                 UPDATE rooms SET events = last_seq - (SELECT max(number) FROM messages WHERE room_id = rooms.id)"
            ))
            .await;
    }

    /// Every row of an entry, with all that is stored of it in whatever table, as text.
    pub(crate) async fn everything(&self) -> Vec<String> {
        self.db
            .texts(
                "SELECT 'entry ' || r.name || ' ' || m.id || ' ' || m.seq || ' ' || m.number || ' ' ||
                   m.kind || ' ' || coalesce(u.nickname, '-') || ' ' || m.created_at || ' ' || m.content
                   || ' ' || coalesce('' || m.target, '-') || ' ' || coalesce('' || m.thread, '-')
                   || ' ' || coalesce('' || m.reply_to, '-') || ' ' || coalesce('' || m.edited_at, '-')
                   || ' ' || coalesce('' || m.gone, '-') || ' ' || m.reacted
                   || ' ' || coalesce('' || m.pinned_at, '-') AS line
                 FROM messages m JOIN rooms r ON r.id = m.room_id LEFT JOIN users u ON u.id = m.user_id
                 UNION ALL SELECT 'reaction ' || r.name || ' ' || x.seq || ' ' || x.emoji || ' ' ||
                   u.nickname || ' ' || x.at
                 FROM reactions x JOIN rooms r ON r.id = x.room_id JOIN users u ON u.id = x.user_id
                 UNION ALL SELECT 'mention ' || r.name || ' ' || x.seq || ' ' || u.nickname
                 FROM mentions x JOIN rooms r ON r.id = x.room_id JOIN users u ON u.id = x.user_id
                 UNION ALL SELECT 'thread ' || r.name || ' ' || x.root
                   || ' ' || x.replies || ' ' || x.last_seq || ' ' || x.last_at
                 FROM threads x JOIN rooms r ON r.id = x.room_id
                 UNION ALL SELECT 'room ' || name || ' ' || last_seq || ' ' || last_number FROM rooms
                 ORDER BY line",
            )
            .await
    }

    /// How far rooms and their archives go.
    pub(crate) async fn stands(&self) -> Vec<String> {
        self.db
            .texts(
                "SELECT r.name || ' ' || r.last_seq || ' ' || coalesce(a.last_seq, 0)
             FROM rooms r LEFT JOIN room_archive a ON a.room_id = r.id ORDER BY r.name",
            )
            .await
    }

    /// The documents of the archive: path, count, first and last `seq`.
    pub(crate) async fn documents(&self) -> Vec<(String, u64, i64, i64)> {
        let list = self.run("archive list").await.well();
        let files = list["files"].as_array().unwrap().iter();
        files
            .map(|file| {
                (
                    file["path"].as_str().unwrap().to_owned(),
                    file["count"].as_u64().unwrap(),
                    file["first_seq"].as_i64().unwrap(),
                    file["last_seq"].as_i64().unwrap(),
                )
            })
            .collect()
    }
}
