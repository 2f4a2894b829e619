//! One conversation, told once and run over every transport, and over all of them together.
use discordctl::client::Target;

use crate::support::client::{Person, Seen, WAYS, Way, connect};
use crate::support::server::{Local, start};

async fn person(local: &Local, way: Way, nickname: &str) -> Box<dyn Person> {
    connect(way, local.tcp, local.http, nickname).await
}

fn seen(room: &str, user: &str, content: &str) -> Seen {
    Seen {
        room: room.into(),
        user: user.into(),
        content: content.into(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_people_talk_over_each_transport() {
    for way in WAYS {
        let local = start(|_| {}).await;
        two_people_talk(way, local.tcp, local.http).await;
        local.stop().await;
    }
}

pub(crate) async fn two_people_talk(
    way: Way,
    tcp: impl Into<Target> + Copy,
    http: impl Into<Target> + Copy,
) {
    {
        let mut alice = connect(way, tcp, http, "alice").await;
        let mut bob = connect(way, tcp, http, "bob").await;
        assert_eq!(
            alice.command("/create tea").await.as_deref(),
            Ok("alice joined tea")
        );
        alice.say("tea", "first").await.expect("committed");
        assert_eq!(
            bob.command("/join TEA").await.as_deref(),
            Ok("bob joined tea"),
            "{way:?}"
        );
        assert_eq!(
            bob.see().await,
            seen("tea", "alice", "first"),
            "history comes first"
        );
        bob.say("tea", "second").await.expect("committed");
        alice.say("tea", "//slash").await.expect("committed");
        for person in [&mut alice, &mut bob] {
            let rest = [seen("tea", "bob", "second"), seen("tea", "alice", "/slash")];
            let mut next = person.see().await;
            if next.content == "first" {
                next = person.see().await;
            }
            assert_eq!([next, person.see().await], rest, "{way:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn names_rooms_and_mistakes_are_answered_over_each_transport() {
    for way in WAYS {
        let local = start(|_| {}).await;
        let mut alice = person(&local, way, "alice").await;
        let mut bob = person(&local, way, "bob").await;
        let refused = |answer: Result<String, String>| answer.expect_err("refused");
        assert!(refused(bob.command("/nick ALICE").await).contains("called 'ALICE'"));
        assert!(refused(bob.command("/join nowhere").await).contains("no room 'nowhere'"));
        assert!(refused(bob.command("/jion x").await).contains("did you mean /join?"));
        assert!(refused(bob.command("/join").await).contains("usage: /join <room>"));
        assert!(refused(bob.command("/nick no/slash").await).contains("nickname is made of"));
        alice.command("/create tea").await.expect("made");
        assert!(refused(bob.command("/create Tea").await).contains("a room 'Tea' already"));
        assert_eq!(
            bob.command("/nick robert").await.as_deref(),
            Ok("you are now robert")
        );
        bob.command("/join tea").await.expect("joined");
        assert!(
            bob.command("/list")
                .await
                .expect("a list")
                .starts_with("2 users online")
        );
        assert!(
            bob.command("/rooms")
                .await
                .expect("a list")
                .starts_with("1 room")
        );
        assert!(
            bob.command("/help")
                .await
                .expect("help")
                .starts_with("/help")
        );
        bob.say("tea", "one").await.expect("committed");
        let past = bob.command("/history 5").await.expect("history");
        assert_eq!(past, "tea: 1 message, 1 to 1");
        assert_eq!(bob.command("/leave").await.as_deref(), Ok("you left tea"));
        assert!(refused(bob.command("/leave tea").await).contains("you are not in 'tea'"));
        local.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn all_transports_share_one_order() {
    let local = start(|_| {}).await;
    let mut people = Vec::new();
    for (way, nickname) in WAYS.into_iter().zip(["anna", "ben", "cora"]) {
        let mut person = person(&local, way, nickname).await;
        let told = person.command("/join general").await;
        told.expect("the lobby is there");
        people.push(person);
    }
    let mut talking = Vec::new();
    for (i, mut person) in people.into_iter().enumerate() {
        talking.push(tokio::spawn(async move {
            for n in 0..50 {
                let said = person.say("general", &format!("{i}-{n}")).await;
                said.expect("committed");
            }
            let mut order = Vec::new();
            while order.len() < 150 {
                order.push(person.see().await.content);
            }
            order
        }));
    }
    let mut orders = Vec::new();
    for talk in talking {
        orders.push(talk.await.expect("no panic"));
    }
    assert_eq!(orders[0], orders[1]);
    assert_eq!(orders[0], orders[2]);
    for i in 0..3 {
        let own: Vec<_> = orders[0]
            .iter()
            .filter(|m| m.starts_with(&format!("{i}-")))
            .collect();
        let wanted: Vec<_> = (0..50).map(|n| format!("{i}-{n}")).collect();
        assert!(own.into_iter().eq(&wanted), "each person's own order holds");
    }
    local.stop().await;
}

/// Every command that there is, in an order in which one client can ask for all of them, and what
/// each is answered.
const COMMANDS: [(&str, &str); 10] = [
    ("/help", "/help"),
    ("/nick anna", "you are now anna"),
    ("/list", "1 user online"),
    ("/create tea", "anna joined tea"),
    ("/join general", "anna joined general"),
    ("/rooms", "2 rooms"),
    ("/history", "general: no older messages"),
    ("/search tea", "nothing was found"),
    ("/leave", "you left general"),
    ("/quit", "goodbye"),
];

/// What takes an account, or another's: `people` has them.
const OF_PEOPLE: [&str; 30] = [
    "/ban",
    "/delete",
    "/edit",
    "/invite",
    "/kick",
    "/login",
    "/logout",
    "/mentions",
    "/msg",
    "/mute",
    "/password",
    "/pin",
    "/pins",
    "/react",
    "/read",
    "/register",
    "/reply",
    "/role",
    "/sessions",
    "/show",
    "/slow",
    "/thread",
    "/threads",
    "/topic",
    "/unban",
    "/unmute",
    "/unpin",
    "/unreact",
    "/unread",
    "/whoami",
];

#[tokio::test(flavor = "multi_thread")]
async fn every_command_is_there_over_each_transport() {
    for way in WAYS {
        let local = start(|_| {}).await;
        let mut alice = person(&local, way, "alice").await;
        let mut told = Vec::new();
        for (line, wanted) in COMMANDS {
            // A line connection ends with the answer to its last.
            let answer = match (way, line) {
                (Way::Tcp, "/quit") => wanted.to_owned(),
                _ => alice.command(line).await.expect(line),
            };
            assert!(answer.starts_with(wanted), "{way:?} {line}: {answer}");
            if line == "/help" {
                let names = answer
                    .lines()
                    .map(|line| line.split(' ').next().expect("a name"));
                told.extend(names.filter(|name| *name != "//text").map(str::to_owned));
            }
        }
        let names = COMMANDS.map(|(line, _)| line.split(' ').next().expect("a name"));
        let mut names = [&names[..], &OF_PEOPLE[..]].concat();
        told.sort_unstable();
        names.sort_unstable();
        // Of a line connection the first line of an answer is looked at.
        let listed = if way == Way::Tcp {
            &["/help"][..]
        } else {
            &names[..]
        };
        assert_eq!(told, listed, "{way:?}: what /help lists");
        local.stop().await;
    }
}
