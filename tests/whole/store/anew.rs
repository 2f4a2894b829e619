//! Ten thousand sessions whose entries are gone or in danger are entered anew within the lease.
use std::sync::Arc;
use std::time::Duration;

use discordctl::bus::{self, Key};
use discordctl::chat::{
    Actor, Alert, Attached, Base, Chat, Command, Connect, Limits, Origin, Parts, Presence, Rules,
    Session, Vouchers,
};
use discordctl::clock::SystemClock;
use discordctl::delivery::{Committer, Hub, TailLimits};
use discordctl::model::{Access, Nickname, TransportKind};
use discordctl::search::Searcher;
use discordctl::store::{LEASE, Lease, Options, Store, Viewer};
use futures_util::StreamExt;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::store::presence::{Node, account, instance, key};
use crate::support::db::Db;

const MANY: usize = 10_000;
/// On an idle machine it takes two thirds of the lease; others are three times slower, and run
/// other tests meanwhile. One by one it would take minutes.
const WITHIN: Duration = LEASE.saturating_mul(12);

/// An instance with people on it, without its ports.
struct House {
    chat: Arc<Chat>,
    presence: Arc<Presence>,
    people: Vec<Arc<Session>>,
    /// They are connected, however long the rest takes.
    attached: Vec<Attached>,
    stop: CancellationToken,
    work: Vec<JoinHandle<()>>,
}

impl House {
    async fn open(db: &Db) -> Self {
        let options = Options {
            connections: 10,
            waiting: 1_000,
            ..db.options()
        };
        let store = db.open_with(options).await;
        let clock = Arc::new(SystemClock);
        let meters = Arc::<discordctl::meter::Meters>::default();
        let opened = bus::open(None, "one", Key::new(&[7; 32]), meters.clone());
        let (bus, _events) = opened.expect("no bus");
        let limits = TailLimits::keeping(10);
        let hub = Hub::new(
            store.clone(),
            store.clone(),
            store.clone(),
            bus.clone(),
            clock.clone(),
            meters.clone(),
            limits,
        );
        let hub = Arc::new(hub);
        let base = Base {
            store: store.clone(),
            hub: hub.clone(),
            bus,
            clock: clock.clone(),
            meters: meters.clone(),
            session_ttl: Duration::from_secs(3600),
        };
        let opened = Presence::open(base, instance("one"), None).await;
        let (presence, changes) = opened.expect("entered");
        let presence = Arc::new(presence);
        let (committer, commits) = Committer::new(hub.clone());
        let rules = Rules {
            history: 0,
            session_ttl: Duration::from_secs(3600),
            site: String::new(),
        };
        let limits = Limits {
            message_chars: 4_000,
            sessions: 2 * MANY,
            rooms: 100,
            rooms_per_user_per_day: 100,
            messages_per_minute: 0,
            burst: 10,
            requests_per_minute: 0,
            new_sessions_per_minute: 0,
            uncounted: Vec::new(),
            loopback_only: true,
        };
        let chat = Arc::new(Chat::new(Parts {
            hub,
            committer,
            presence: presence.clone(),
            rules,
            limits,
            access: Access::OPEN,
            vouchers: Vouchers::default(),
            searcher: Arc::new(Searcher::new(store, clock, meters, true)),
        }));
        Self {
            chat,
            presence,
            people: Vec::new(),
            attached: Vec::new(),
            stop: CancellationToken::new(),
            work: vec![tokio::spawn(changes), tokio::spawn(commits)],
        }
    }

    /// Lets ten thousand people in, `person-0` and so on, all in one room.
    async fn fill(&mut self) {
        let start = Instant::now();
        let enter = |n: usize| {
            let chat = self.chat.clone();
            async move {
                // Of those that come by requests alone, some that are unused would be dropped.
                let stranger = Actor::anonymous(TransportKind::WebSocket, Origin::default());
                let nickname = Some(format!("person-{n}"));
                let connected = chat.act(&stranger, Connect { nickname }).await;
                let session = connected.expect("a free nickname");
                let actor = stranger.with_session(session.clone());
                let room = "general".to_owned();
                let joined = chat.act(&actor, Command::Join { room }).await;
                joined.expect("joined");
                session
            }
        };
        let entering = futures_util::stream::iter((0..MANY).map(enter)).buffered(100);
        self.people = entering.collect().await;
        let attach = |session: &Arc<Session>| session.attach(Arc::default());
        self.attached = self.people.iter().map(attach).collect();
        println!("{MANY} entered in {:?}", start.elapsed());
    }

    /// Gives signs of life from now on.
    fn live(&mut self) {
        let (presence, stop) = (self.presence.clone(), self.stop.clone());
        self.work
            .push(tokio::spawn(async move { presence.run(stop).await }));
    }

    async fn close(self) {
        self.stop.cancel();
        drop((self.chat, self.presence));
        for task in self.work {
            task.await.expect("it ends");
        }
    }
}

/// Waits until so many are counted; how long that took since `start`.
async fn becomes(db: &Db, count: &str, wanted: i64, start: Instant) -> Duration {
    loop {
        let is = db.number(count).await;
        if is == wanted {
            return start.elapsed();
        }
        assert!(start.elapsed() < WITHIN, "{count}: {is}, not {wanted}");
        sleep(Duration::from_millis(50)).await;
    }
}

pub(crate) async fn ten_thousand_are_entered_anew_after_a_restore(db: Db) {
    let mut house = House::open(&db).await;
    house.fill().await;
    // As a restore leaves it: the rooms of the backup, and no session of now.
    for table in [
        "session_rooms",
        "room_members",
        "sessions",
        "instances",
        "users",
    ] {
        db.sql(&format!("DELETE FROM {table}")).await;
    }
    // Three nicknames are taken before they are asked for.
    let other = Node::start(&db, "two").await;
    for name in ["person-7", "PERSON-700", "person-7000"] {
        other.claim(&key(), name).await.expect("free by now");
    }
    let start = Instant::now();
    house.live();
    let online = format!(
        "SELECT count(*) FROM session_rooms r JOIN sessions s ON s.id = r.session_id
         WHERE s.online AND s.instance_id = {}",
        house.presence.id()
    );
    let online = online.replace("s.online", "(CASE WHEN s.online THEN 1 ELSE 0 END) = 1");
    let took = becomes(&db, &online, MANY as i64, start).await;
    println!(
        "{MANY} entered anew {took:?} after the restore, of which 3 s are between two signs of life"
    );
    for n in [7, 700, 7_000] {
        let session = &house.people[n];
        let told = house.attached[n].next_alert();
        let name = session.nickname();
        assert!(name.as_str().starts_with("guest-"), "{name}");
        let lost = Alert::NicknameLost {
            before: Nickname::stored(&format!("person-{n}")),
            now: name.clone(),
        };
        assert_eq!(told, Some(lost));
        let user = session.user().expect("a user of its own");
        let theirs = format!(
            "SELECT count(*) FROM users WHERE id = {} AND nickname = '{name}'",
            user.id
        );
        assert_eq!(db.number(&theirs).await, 1);
    }
    assert_eq!(house.attached[8].next_alert(), None);
    assert_eq!(house.people[8].nickname().as_str(), "person-8");
    let members = db.number("SELECT count(*) FROM room_members").await;
    assert_eq!(members, MANY as i64);
    let count = other
        .store
        .count_online("", Viewer::Server)
        .await
        .expect("counted");
    assert_eq!(count, MANY as u64 + 3);
    house.close().await;
}

pub(crate) async fn ten_thousand_are_kept_when_a_neighbour_dies(db: Db) {
    let mut house = House::open(&db).await;
    house.fill().await;
    let other = Node::silent(&db, "two").await;
    db.sql(&format!("UPDATE sessions SET instance_id = {}", other.id))
        .await;
    other.beats().await;
    let death = Instant::now();
    house.live();
    let mine = format!(
        "SELECT count(*) FROM sessions WHERE instance_id = {}",
        house.presence.id()
    );
    let took = becomes(&db, &mine, MANY as i64, death).await;
    println!("{MANY} entered as ours {took:?} after the neighbour's last sign of life");
    house.close().await;
}

pub(crate) async fn a_run_of_claims_is_as_one_after_the_other(db: Db) {
    let node = Node::start(&db, "one").await;
    let (a, b, c, d) = (key(), key(), key(), key());
    for (session, name) in [(&a, "ann"), (&b, "bob"), (&c, "cid")] {
        node.claim(session, name).await.expect("a free nickname");
    }
    // Ann's name is free as soon as she has another, also to a claim in the same breath.
    let outcomes = node
        .all(&[
            account(&d, "bob"),
            account(&a, "eve"),
            account(&b, "ann"),
            account(&c, "cid"),
        ])
        .await;
    use discordctl::store::PresenceOutcome::{NicknameTaken, User};
    assert_eq!(outcomes[0], NicknameTaken);
    assert!(
        outcomes[1..]
            .iter()
            .all(|outcome| matches!(outcome, User(Some(_))))
    );
    assert_eq!(node.names().await, ["ann", "cid", "eve"]);
    let count = node
        .store
        .count_online("", Viewer::Server)
        .await
        .expect("counted");
    assert_eq!(count, 3);
}

/// Whatever else waits: rows that others have locked, a write that does not end, a full pool.
pub(crate) async fn a_sign_of_life_waits_for_nothing_else(db: Db) {
    let node = Node::silent(&db, "one").await;
    let session = key();
    node.claim(&session, "alice")
        .await
        .expect("a free nickname");
    let hold = db.hold_sessions().await;
    let waiting: Vec<JoinHandle<()>> = (0..50)
        .map(|_| {
            let (store, id, session) = (node.store.clone(), node.id, session.clone());
            tokio::spawn(async move {
                let touch = discordctl::store::PresenceChange::Touch { session };
                let _ = store.presence(id, &[touch]).await;
            })
        })
        .collect();
    let store: &Arc<dyn Store> = &node.store;
    sleep(Duration::from_millis(200)).await;
    let start = Instant::now();
    let beat = store.heartbeat(node.id, &instance("one")).await;
    let took = start.elapsed();
    println!("a sign of life took {took:?}: {beat:?}");
    // What it might wait for is held until it has answered.
    assert!(took < LEASE, "{took:?}");
    if db.url.starts_with("sqlite") {
        // There is one writer at a time; what matters is that it is told in time.
        assert!(beat.is_err());
    } else {
        assert!(beat.is_ok_and(|lease| lease == Lease::Held));
    }
    drop(hold);
    let again = Instant::now();
    while store.heartbeat(node.id, &instance("one")).await.is_err() {
        assert!(again.elapsed() < LEASE);
    }
    for task in waiting {
        task.await.expect("no panic");
    }
}
