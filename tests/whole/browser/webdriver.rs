//! A chromedriver of our own on a free port, and the browsers that it opened.
use crate::support::need::left_out;
use fantoccini::{Client, ClientBuilder};
use serde_json::json;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex as Shared};
use std::time::Duration;
use tempfile::TempDir;
use tokio::sync::{Mutex, MutexGuard};

/// Browsers are heavy: one test at a time has them.
static TURN: Mutex<()> = Mutex::const_new(());

pub(crate) struct Webdriver {
    child: Child,
    port: u16,
    sessions: Shared<Vec<String>>,
    profiles: Shared<Vec<TempDir>>,
    _turn: MutexGuard<'static, ()>,
}

impl Webdriver {
    /// None where there is no browser and none is insisted on.
    pub(crate) async fn start() -> Option<Arc<Self>> {
        let turn = TURN.lock().await;
        let spawned = Command::new("chromedriver")
            .arg("--port=0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn();
        let mut child = match spawned {
            Ok(child) => child,
            Err(error) => {
                left_out("browser", &format!("cannot start chromedriver: {error}"));
                return None;
            }
        };
        let mut lines = BufReader::new(child.stdout.take().expect("its output")).lines();
        let started = lines.by_ref().map_while(Result::ok).find_map(|line| {
            let port = line.split_once("started successfully on port ")?.1;
            port.trim_end_matches('.').parse().ok()
        });
        let port = started.expect("chromedriver says its port");
        std::thread::spawn(move || lines.for_each(drop)); // it must never wait for a reader
        Some(Arc::new(Self {
            child,
            port,
            sessions: Shared::default(),
            profiles: Shared::default(),
            _turn: turn,
        }))
    }

    /// A browser with a profile of its own.
    pub(crate) async fn browser(&self) -> Client {
        let profile = tempfile::tempdir().expect("a temporary directory");
        let arguments = [
            "--headless=new".to_owned(),
            "--no-sandbox".to_owned(),
            "--disable-dev-shm-usage".to_owned(),
            "--window-size=1200,800".to_owned(),
            format!("--user-data-dir={}", profile.path().display()),
        ];
        let capabilities = json!({ "goog:chromeOptions": { "args": arguments } });
        let client = ClientBuilder::new(hyper_util::client::legacy::connect::HttpConnector::new())
            .capabilities(capabilities.as_object().cloned().unwrap_or_default())
            .connect(&format!("http://127.0.0.1:{}", self.port))
            .await
            .expect("open a browser");
        if let Ok(Some(session)) = client.session_id().await {
            self.sessions.lock().unwrap().push(session);
        }
        self.profiles.lock().unwrap().push(profile);
        client
    }

    /// Closes a browser, also while a failed test unwinds.
    fn close(&self, session: &str) -> std::io::Result<()> {
        let mut stream = std::net::TcpStream::connect(("127.0.0.1", self.port))?;
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        write!(
            stream,
            "DELETE /session/{session} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        )?;
        stream.read(&mut [0; 64]).map(drop) // it answers when the browser is gone, and keeps the connection open
    }
}

impl Drop for Webdriver {
    fn drop(&mut self) {
        let sessions = self
            .sessions
            .lock()
            .map(|mut s| std::mem::take(&mut *s))
            .unwrap_or_default();
        for session in sessions {
            let _ = self.close(&session);
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
