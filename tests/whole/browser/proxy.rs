//! A proxy between browser and server that lets no WebSocket through.
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};

/// Gives the port to connect to. A WebSocket always asks on a connection of its own, so the first bytes tell.
pub(crate) async fn without_websocket(server: u16) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let port = listener.local_addr().expect("its address").port();
    tokio::spawn(async move {
        while let Ok((browser, _)) = listener.accept().await {
            tokio::spawn(pass(browser, server));
        }
    });
    port
}

async fn pass(mut browser: TcpStream, server: u16) -> std::io::Result<()> {
    let mut first = [0; 4096];
    let read = browser.read(&mut first).await?;
    if first.starts_with(b"GET /api/ws") {
        return browser
            .write_all(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
            .await;
    }
    let mut server = TcpStream::connect(("127.0.0.1", server)).await?;
    server.write_all(&first[..read]).await?;
    copy_bidirectional(&mut browser, &mut server)
        .await
        .map(drop)
}
