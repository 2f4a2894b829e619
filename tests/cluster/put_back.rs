//! An older database in the place of the one that instances serve: a data folder that was kept, a backup
//! that was restored.
use serde_json::json;

use super::cluster::Cluster;
use super::ear::{Ear, say, texts};
use crate::support::Shell;
use crate::support::http::{connect, request};
use crate::support::instance::{Instance, Plan};

#[tokio::test(flavor = "multi_thread")]
async fn an_old_data_folder_under_running_instances_is_told_to_every_reader() {
    let Some(mut cluster) = Cluster::start(2).await else {
        return;
    };
    let (one, two) = (cluster.instances[0].at, cluster.instances[1].at);
    let session = connect(one.http, "alice").await;
    let (kept, lost, anew) = (texts("kept", 10), texts("lost", 5), texts("anew", 8));
    for content in &kept {
        say(one.http, &session, content).await;
    }
    let copy = cluster.postgres.copy();
    let mut ears = Ear::everywhere(&[one, two], "general").await;
    for content in &lost {
        say(one.http, &session, content).await;
    }
    for (what, ear) in &mut ears {
        ear.hears(what, &kept).await;
        ear.hears(what, &lost).await;
    }
    cluster.postgres.put_back(copy).await;
    for content in &anew {
        say(two.http, &session, content).await;
    }
    for (what, ear) in &mut ears {
        ear.hears(what, &["reset 10".to_owned()]).await;
        ear.hears(what, &anew).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_come_back_with_positions_that_a_restored_backup_lacks() {
    let shell = Shell::new();
    let url = format!("sqlite://{}", shell.path("discord.db").display());
    let shell = shell.with("DISCORDCTL_DB_URL", &url);
    let mut instance = Instance::start(Plan {
        name: "one".into(),
        db_url: url,
        redis_url: None,
        env: Vec::new(),
        wrapper: Vec::new(),
        folder: shell.folder.path().to_owned(),
    })
    .await;
    let at = instance.at;
    let session = connect(at.http, "alice").await;
    let (kept, lost, anew) = (texts("kept", 10), texts("lost", 5), texts("anew", 8));
    for content in &kept {
        say(at.http, &session, content).await;
    }
    shell.run("backup --to chat.db").await.exits(0);
    for content in &lost {
        say(at.http, &session, content).await;
    }
    let page = request(at.http, "GET", "/api/history/general?limit=1", None).await;
    let page = page.unwrap().body;
    let before = page["epoch"].as_str().unwrap().to_owned();
    assert_eq!(page["messages"][0]["seq"], 15);

    instance.kill().await;
    shell
        .run("restore chat.db --set-aside --yes")
        .await
        .exits(0);
    instance.restart().await;
    let beyond = ["after=15".to_owned(), format!("after=15&epoch={before}")];
    let mut ears = Vec::new();
    for query in beyond {
        let mut ear = Ear::events(at, "general", &query).await;
        ear.hears(&query, &["reset 10".to_owned()]).await;
        ears.push((query, ear));
    }
    let mut socket = Ear::socket_from(at, json!({ "general": 15 }), &before).await;
    socket.hears("the socket", &["reset 10".to_owned()]).await;
    ears.push(("the socket".into(), socket));
    let mut lines = Ear::lines(at, "general").await;
    lines.hears("lines", &kept).await;
    ears.push(("lines".into(), lines));

    let session = connect(at.http, "alice").await;
    for content in &anew {
        say(at.http, &session, content).await;
    }
    for (what, ear) in &mut ears {
        ear.hears(what, &anew).await;
    }
    // The room has grown beyond: the epoch tells what the number does not.
    let query = format!("after=12&epoch={before}");
    let mut late = Ear::events(at, "general", &query).await;
    late.hears(&query, &["reset 18".to_owned()]).await;
}
