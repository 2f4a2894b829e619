//! Redis is killed, or frozen; the operator's own command starts it again.
use super::site::Site;

/// Where the operator's command leaves word that Redis is to be started.
const START: (&str, &str) = ("START_REDIS", "touch start-redis");

async fn mends(trouble: impl FnOnce(&mut Site)) {
    let Some(mut site) = Site::start().await else {
        return;
    };
    trouble(&mut site);
    site.instance.as_ref().unwrap().becomes("degraded").await;

    let walk = site.walk("valkey-down --yes", &[START]);
    site.file_appears("start-redis").await;
    // As an init system does: what is there is ended, and started anew.
    site.redis.kill();
    site.redis.restart();
    let walked = walk.end().await;

    assert_eq!(walked.exit, Some(0));
    assert_eq!(walked.report["verdict"], "healthy");
    let outcomes = walked.outcomes();
    assert_eq!(outcomes[..2], ["helped", "nothing-to-do"]);
    site.instance.as_ref().unwrap().becomes("healthy").await;
    let log = std::fs::read_to_string(walked.report["log"].as_str().unwrap()).unwrap();
    for words in ["proposed: sh -c", "asked: yes", "verdict: healthy"] {
        assert!(log.contains(words), "{words}: {log}");
    }

    // Walked again, there is nothing to mend.
    let again = site.mend("valkey-down", &[START]).await;
    assert_eq!((again.exit, again.outcomes().len()), (Some(0), 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn killed() {
    mends(|site| site.redis.kill()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn frozen() {
    mends(|site| site.redis.freeze()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_proposes_and_no_terminal_to_ask_on_is_a_usage_error() {
    let Some(mut site) = Site::start().await else {
        return;
    };
    site.redis.kill();
    site.instance.as_ref().unwrap().becomes("degraded").await;

    let dry = site.walk("valkey-down --dry-run", &[START]).end().await;
    assert_eq!(dry.exit, Some(1));
    assert_eq!(dry.outcomes()[0], "proposed");
    assert!(dry.said.contains("proposed: sh -c \"$START_REDIS\""));

    let unasked = site.walk("valkey-down", &[START]).end().await;
    assert_eq!(unasked.exit, Some(64));
    assert!(
        !site.path().join("start-redis").exists(),
        "nothing was done"
    );
}
