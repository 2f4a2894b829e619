//! From ready to gone: what is told to whom, in which order, and within which time.
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::config;
use crate::transport::{Drain, Spread};

/// The stages of a stop, each begun once.
#[derive(Debug, Clone)]
pub(super) struct Lifecycle {
    /// An operator took the instance out: it serves on, and is not ready.
    aside: Arc<AtomicBool>,
    /// Health says draining; balancers take the instance out.
    pub(super) draining: CancellationToken,
    /// No new connections.
    pub(super) closed: CancellationToken,
    /// Connections are told.
    pub(super) drain: Drain,
    /// What has not ended by now is ended.
    pub(super) cut: CancellationToken,
}

impl Lifecycle {
    pub(super) fn new(config: &config::Drain) -> Self {
        Self {
            aside: Arc::default(),
            draining: CancellationToken::new(),
            closed: CancellationToken::new(),
            drain: Drain {
                stop: CancellationToken::new(),
                spread: Spread::new(config.spread.get()),
                tasks: TaskTracker::new(),
            },
            cut: CancellationToken::new(),
        }
    }

    /// Takes the instance out of the balancers' hands, or gives it back; returns how it was.
    pub(super) fn set_aside(&self, aside: bool) -> bool {
        self.aside.swap(aside, Relaxed)
    }

    /// Not ready, for good or until an operator says otherwise.
    pub(super) fn is_draining(&self) -> bool {
        self.draining.is_cancelled() || self.aside.load(Relaxed)
    }

    /// Goes through the stages; returns how many connections had to be cut. Where a successor
    /// has the ports, no balancer needs to notice anything first.
    pub(super) async fn drain(
        &self,
        config: &config::Drain,
        listening: JoinHandle<()>,
        replaced: bool,
    ) -> usize {
        let tasks = &self.drain.tasks;
        self.draining.cancel();
        if !tasks.is_empty() && !replaced {
            tokio::time::sleep(config.delay.get()).await;
        }
        self.closed.cancel();
        let _ = listening.await;
        self.drain.stop.cancel();
        tasks.close();
        if tokio::time::timeout(config.deadline.get(), tasks.wait())
            .await
            .is_ok()
        {
            return 0;
        }
        let left = tasks.len();
        self.cut.cancel();
        tasks.wait().await;
        left
    }
}

/// SIGTERM and Ctrl-C, from the moment this is made: none that comes between two looks is lost.
#[derive(Debug)]
pub struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    pub fn new() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    /// Waits for the next; the value is its number.
    pub async fn next(&mut self) -> i32 {
        let kind = tokio::select! {
            _ = self.terminate.recv() => SignalKind::terminate(),
            _ = self.interrupt.recv() => SignalKind::interrupt(),
        };
        kind.as_raw_value()
    }
}

/// Waits for SIGTERM or Ctrl-C, once; the value is the signal's number.
pub async fn signalled() -> std::io::Result<i32> {
    Ok(Signals::new()?.next().await)
}

/// A moment for the peer to read a refusal before its connection is closed.
pub(super) const LINGER: Duration = Duration::from_millis(500);
