//! Tokens that expire end what they opened, and those in use are noted as used.
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::chat::Chat;

/// Between two looks for tokens that have expired.
const LOOK: Duration = Duration::from_millis(250);
/// Between two notes that tokens are in use.
const NOTE: Duration = Duration::from_secs(60);

impl Chat {
    /// Ends connections with the tokens that they were opened by, until `stop`.
    pub(super) async fn watch_tokens(&self, stop: &CancellationToken) {
        // Neither waits for the other: a database may be slow.
        let expiring = async {
            loop {
                tokio::time::sleep(LOOK).await;
                self.connections.expire(self.clock().utc());
            }
        };
        let noting = async {
            loop {
                tokio::time::sleep(NOTE).await;
                for token in self.connections.tokens() {
                    self.note_used(token).await;
                }
            }
        };
        tokio::select! {
            () = stop.cancelled() => {}
            () = expiring => {}
            () = noting => {}
        }
    }
}
