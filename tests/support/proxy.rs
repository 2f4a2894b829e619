//! A wire with faults between an instance and what it depends on.
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::sleep;

/// What happens to bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    Pass,
    /// Each portion takes so long, either way.
    Delay(Duration),
    /// Nothing gets through, and nothing is closed.
    BlackHole,
    /// Questions get through, answers are lost; the connection is cut when that ends.
    Mute,
    /// The next answer is lost with its connection, and then all is well again.
    LoseOne,
}

pub(crate) struct Proxy {
    pub(crate) port: u16,
    mode: Arc<watch::Sender<Mode>>,
    harmed: Arc<AtomicU64>,
    cuts: watch::Sender<u64>,
    task: JoinHandle<()>,
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
        self.cut();
    }
}

impl Proxy {
    pub(crate) async fn start(to: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("bound").port();
        let (cuts, cut) = watch::channel(0);
        let to = SocketAddr::from(([127, 0, 0, 1], to));
        let wire = Wire {
            mode: Arc::new(watch::Sender::new(Mode::Pass)),
            harmed: Arc::default(),
        };
        let (mode, harmed) = (wire.mode.clone(), wire.harmed.clone());
        let task = tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                tokio::spawn(wire.clone().carry(near, to, cut.clone()));
            }
        });
        Self {
            port,
            mode,
            harmed,
            cuts,
            task,
        }
    }

    pub(crate) fn set(&self, mode: Mode) {
        self.mode.send_replace(mode);
    }

    /// Cuts all connections that are open now.
    pub(crate) fn cut(&self) {
        self.cuts.send_modify(|cuts| *cuts += 1);
    }

    /// How often it has held up or lost something, or cut a connection, since this was asked last.
    pub(crate) fn harmed(&self) -> u64 {
        self.harmed.swap(0, Relaxed)
    }
}

/// What the connections of one proxy share.
#[derive(Clone)]
struct Wire {
    mode: Arc<watch::Sender<Mode>>,
    harmed: Arc<AtomicU64>,
}

impl Wire {
    fn harm(&self) {
        self.harmed.fetch_add(1, Relaxed);
    }

    async fn carry(self, near: TcpStream, to: SocketAddr, mut cut: watch::Receiver<u64>) {
        cut.mark_unchanged();
        let Ok(far) = TcpStream::connect(to).await else {
            return;
        };
        let _ = (near.set_nodelay(true), far.set_nodelay(true));
        let (near, far) = (near.into_split(), far.into_split());
        tokio::select! {
            () = self.pump(near.0, far.1, Direction::There) => {}
            () = self.pump(far.0, near.1, Direction::Back) => {}
            cut = cut.changed() => if cut.is_ok() { self.harm() },
        }
    }

    async fn pump(&self, mut from: OwnedReadHalf, mut to: OwnedWriteHalf, direction: Direction) {
        let mut modes = self.mode.subscribe();
        let mut buffer = vec![0; 16 << 10];
        while let Ok(count @ 1..) = from.read(&mut buffer).await {
            if *modes.borrow() == Mode::BlackHole {
                self.harm();
            }
            let mode = modes.wait_for(|mode| *mode != Mode::BlackHole).await;
            let Ok(mode) = mode.map(|mode| *mode) else {
                return;
            };
            match mode {
                Mode::Mute if direction == Direction::Back => {
                    self.harm();
                    let _ = modes.wait_for(|mode| *mode != Mode::Mute).await;
                    return;
                }
                Mode::LoseOne if direction == Direction::Back => {
                    let is_first =
                        |mode: &mut Mode| std::mem::replace(mode, Mode::Pass) == Mode::LoseOne;
                    if self.mode.send_if_modified(is_first) {
                        return self.harm();
                    }
                }
                Mode::Delay(time) => {
                    self.harm();
                    sleep(time).await;
                }
                _ => {}
            }
            if to.write_all(&buffer[..count]).await.is_err() {
                return;
            }
        }
    }
}

/// Which way bytes go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Direction {
    There,
    Back,
}
