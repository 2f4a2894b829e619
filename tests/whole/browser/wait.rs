//! Waiting for a state: look again and again until it is there, or fail saying what was awaited.
use std::time::Duration;

/// Generous, since a loaded machine is slow and a correct program never gets here.
const DEADLINE: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(25);

pub(crate) async fn eventually(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    assert!(in_time(&mut is_so).await, "waited in vain: {what}");
}

pub(crate) async fn in_time(is_so: &mut impl AsyncFnMut() -> bool) -> bool {
    let looking = async {
        while !is_so().await {
            tokio::time::sleep(PAUSE).await;
        }
    };
    tokio::time::timeout(DEADLINE, looking).await.is_ok()
}
