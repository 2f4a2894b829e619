//! How long it takes and what it costs, to be read by people.
use std::time::Duration;

use discordctl::client::Lines;

use crate::handover::people::{Going, talk};
use crate::handover::site::{Site, start};
use crate::support::DEADLINE;
use crate::support::client::get;
use crate::support::db::{self, Kind};
use crate::support::process::resident_kib;

#[test]
#[ignore = "measures, and proves nothing"]
fn figures_on_sqlite() {
    db::run(Kind::Sqlite, |db| async move {
        let site = Site::new(&db);
        let serving = site.serve().await;
        let empty = resident_kib(serving.pid());
        let mut idle = Vec::new();
        for _ in 0..1_000 {
            let mut lines = Lines::connect(serving.tcp, DEADLINE).await.unwrap();
            lines.say("/join general").await.unwrap();
            while !lines.next().await.unwrap().unwrap().contains("joined") {}
            idle.push(lines);
        }
        let full = resident_kib(serving.pid());
        println!("1,000 idle sessions: {full} KiB, empty {empty} KiB");
        // What the crowd said at the door is behind.
        tokio::time::sleep(Duration::from_secs(2)).await;
        let going = Going::default();
        let talker = talk(serving.tcp, &going);
        going.more(50).await;
        let (first, began) = (serving.pid(), tokio::time::Instant::now());
        let watching = tokio::task::spawn_blocking(move || {
            let mut most = 0;
            while std::path::Path::new(&format!("/proc/{first}/stat")).exists() {
                most = most.max(resident_kib(first));
                std::thread::sleep(Duration::from_millis(2));
            }
            most
        });
        let Ok(next) = start(site.successor(&serving)).await else {
            panic!("it takes over");
        };
        let took = began.elapsed();
        let serves = resident_kib(next.pid());
        assert_eq!(serving.ends().await, Some(0));
        println!("the successor serves after {took:?}, with {serves} KiB");
        println!("the predecessor ended after {:?}", began.elapsed());
        println!("it had {} KiB at most", watching.await.unwrap());
        going.more(50).await;
        going.stop();
        let (said, silence) = talker.await.unwrap();
        println!("{said} lines of a talker; the longest silence {silence:?}");
        let (_, metrics) = get(next.http, "/metrics").await;
        println!("connections: {}", metrics["active_connections"]);
        println!("later the successor has {} KiB", resident_kib(next.pid()));
        assert_eq!(next.terminate().await, Some(0));
    });
}
