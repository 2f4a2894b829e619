//! Nonces: asking again stores nothing twice.
use std::sync::Arc;
use std::time::Duration;

use discordctl::model::{Nonce, RoomId, RoomRef, Seq, SessionId, SessionKey, Uid, UserKey};
use discordctl::store::{Draft, NONCE_LIFE, Part, Store};

use crate::store::log::{append, draft, room};
use crate::support::db::Db;

fn with_nonce(draft: Draft, session: &SessionKey, value: &str) -> Draft {
    Draft {
        nonce: Some(Nonce {
            session: session.clone(),
            value: value.into(),
        }),
        ..draft
    }
}

struct Scene {
    store: Arc<dyn Store>,
    general: RoomRef,
    user: UserKey,
    session: SessionKey,
}

impl Scene {
    async fn new(db: &Db) -> Self {
        let store = db.open().await;
        Self {
            general: room(&store, "general").await,
            user: store.user("alice").await.expect("a user"),
            session: SessionId::random().key(),
            store,
        }
    }

    fn draft(&self, content: &str, nonce: &str) -> Draft {
        with_nonce(
            draft(&self.general, self.user, content),
            &self.session,
            nonce,
        )
    }

    async fn count(&self) -> usize {
        let all = self
            .store
            .read(&self.general, Part::After(Seq::START), 1_000)
            .await;
        all.expect("messages").len()
    }
}

pub(crate) async fn a_known_nonce_gets_the_first_answer_again(db: Db) {
    let scene = Scene::new(&db).await;
    let first = append(&scene.store, &[scene.draft("hello", "n")]).await;
    let elsewhere = db.open().await;
    for store in [&scene.store, &elsewhere] {
        let again = append(store, &[scene.draft("hello", "n")]).await;
        assert!(first[0].fresh && !again[0].fresh);
        assert_eq!(
            (again[0].id, again[0].seq, again[0].created_at),
            (first[0].id, first[0].seq, first[0].created_at)
        );
    }
    assert_eq!(scene.count().await, 1);
}

pub(crate) async fn a_nonce_twice_in_a_batch_is_stored_once(db: Db) {
    let scene = Scene::new(&db).await;
    let batch = [
        scene.draft("hello", "n"),
        scene.draft("hello", "n"),
        draft(&scene.general, scene.user, "next"),
        scene.draft("hello", "n"),
    ];
    for round in 0..2 {
        let answers = append(&scene.store, &batch).await;
        let fresh: Vec<_> = answers.iter().map(|a| a.fresh).collect();
        assert_eq!(fresh, [round == 0, false, true, false]);
        assert_eq!((answers[0].id, answers[0].seq), (answers[3].id, Seq::FIRST));
        assert_eq!(answers[2].seq.get(), 2 + round);
    }
    assert_eq!(scene.count().await, 3);
}

pub(crate) async fn a_nonce_belongs_to_its_session(db: Db) {
    let scene = Scene::new(&db).await;
    let own = scene.draft("mine", "n");
    let other = with_nonce(
        draft(&scene.general, scene.user, "theirs"),
        &SessionId::random().key(),
        "n",
    );
    let answers = append(&scene.store, &[own, other]).await;
    assert!(answers.iter().all(|a| a.fresh));
    assert_eq!(scene.count().await, 2);
}

pub(crate) async fn a_nonce_is_forgotten_after_its_life(db: Db) {
    let scene = Scene::new(&db).await;
    append(&scene.store, &[scene.draft("hello", "n")]).await;
    db.age("nonces", "created_at", NONCE_LIFE - Duration::from_secs(30))
        .await;
    let young = append(&scene.store, &[scene.draft("hello", "n")]).await;
    assert!(!young[0].fresh);
    db.age("nonces", "created_at", Duration::from_secs(31))
        .await;
    let answer = append(&scene.store, &[scene.draft("hello", "n")]).await;
    assert!(answer[0].fresh, "an expired nonce is free");
    let again = append(&scene.store, &[scene.draft("hello", "n")]).await;
    assert!(!again[0].fresh, "and remembered anew");
    assert_eq!((again[0].id, scene.count().await), (answer[0].id, 2));
}

pub(crate) async fn a_nonce_sent_to_two_instances_at_once_is_stored_once(db: Db) {
    let scene = Scene::new(&db).await;
    let other = db.open().await;
    for n in 0..40 {
        let batch = [
            draft(&scene.general, scene.user, "before"),
            scene.draft("hello", &format!("n{n}")),
        ];
        let (here, there) = tokio::join!(append(&scene.store, &batch), append(&other, &batch));
        assert_eq!(here[1].id, there[1].id, "both get the one answer");
        assert_ne!(
            here[1].fresh, there[1].fresh,
            "one stored it, the other did not"
        );
    }
    let all = scene
        .store
        .read(&scene.general, Part::After(Seq::START), 1_000)
        .await;
    let all = all.expect("messages");
    let seqs: Vec<_> = all.iter().map(|m| m.seq.get()).collect();
    assert_eq!(seqs, (1..=120).collect::<Vec<_>>());
}

pub(crate) async fn a_known_nonce_leaves_no_hole(db: Db) {
    let scene = Scene::new(&db).await;
    append(
        &scene.store,
        &[scene.draft("one", "1"), scene.draft("two", "2")],
    )
    .await;
    let batch = [
        scene.draft("three", "3"),
        scene.draft("two", "2"),
        draft(&scene.general, scene.user, "four"),
        scene.draft("one", "1"),
        scene.draft("five", "5"),
    ];
    let answers = append(&scene.store, &batch).await;
    let seqs: Vec<_> = answers.iter().map(|a| (a.seq.get(), a.fresh)).collect();
    assert_eq!(
        seqs,
        [(3, true), (2, false), (4, true), (1, false), (5, true)]
    );
    assert_eq!(scene.count().await, 5);
}

pub(crate) async fn a_rejected_draft_leaves_its_nonce_free(db: Db) {
    let scene = Scene::new(&db).await;
    let general = scene.general.name.as_str();
    let gone = RoomRef::stored(RoomId::new(9_999), Uid::new(1), general);
    let lost = with_nonce(draft(&gone, scene.user, "hello"), &scene.session, "n");
    let answers = scene.store.append(&[lost.clone(), lost]).await;
    let answers = answers.expect("an answer");
    assert!(answers.iter().all(Result::is_err));
    let kept = append(&scene.store, &[scene.draft("hello", "n")]).await;
    assert!(kept[0].fresh);
}

pub(crate) async fn the_old_are_swept_away_and_the_young_are_not(db: Db) {
    let scene = Scene::new(&db).await;
    append(&scene.store, &[scene.draft("old", "1")]).await;
    db.age("nonces", "created_at", NONCE_LIFE + Duration::from_secs(1))
        .await;
    append(&scene.store, &[scene.draft("young", "2")]).await;
    let hour = Duration::from_secs(3600);
    scene.store.expire(hour).await.expect("the old are gone");
    assert_eq!(db.number("SELECT count(*) FROM nonces").await, 1);
}
