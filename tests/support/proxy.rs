//! A wire to the database that can be cut at the worst moment.
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

/// Forwards connections to `upstream`. Once told to, it lets the next request through and cuts
/// the connection instead of bringing the answer.
pub(crate) struct Proxy {
    pub(crate) address: SocketAddr,
    armed: Arc<AtomicBool>,
    cut: Arc<Notify>,
}

impl Proxy {
    pub(crate) async fn start(upstream: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let proxy = Self {
            address: listener.local_addr().expect("an address"),
            armed: Arc::default(),
            cut: Arc::default(),
        };
        let (armed, cut) = (proxy.armed.clone(), proxy.cut.clone());
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(forward(client, upstream, armed.clone(), cut.clone()));
            }
        });
        proxy
    }

    /// The next answer is lost, with its connection.
    pub(crate) fn lose_the_next_answer(&self) {
        self.armed.store(true, Ordering::SeqCst);
    }

    /// Cuts every connection that is open now.
    pub(crate) fn cut(&self) {
        self.cut.notify_waiters();
    }
}

async fn forward(
    client: TcpStream,
    upstream: SocketAddr,
    armed: Arc<AtomicBool>,
    cut: Arc<Notify>,
) -> std::io::Result<()> {
    let server = TcpStream::connect(upstream).await?;
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let requests = async { tokio::io::copy(&mut from_client, &mut to_server).await };
    let answers = async {
        let mut buffer = vec![0; 16 * 1024];
        loop {
            let count = from_server.read(&mut buffer).await?;
            if count == 0 || armed.swap(false, Ordering::SeqCst) {
                return Ok::<(), std::io::Error>(());
            }
            to_client.write_all(&buffer[..count]).await?;
        }
    };
    tokio::select! {
        _ = requests => {}
        _ = answers => {}
        () = cut.notified() => {}
    }
    Ok(())
}
