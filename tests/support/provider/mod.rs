//! An identity provider of the test's own, which it may have rotate its keys, and end: the certified
//! `oidc-provider` in node, with people that need no password.
mod agent;

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::{Command, Stdio};

use discordctl::client;
use discordctl::config::{Config, Hidden};
use http::Request;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use serde_json::{Value, json};

use super::process::Ours;
use super::{DEADLINE, need};

pub(crate) use agent::Agent;

/// The folder in which the package is installed.
const HOME: &str = "DISCORDCTL_TEST_OIDC";
/// What the client `chat` proves itself with: all that a form has to encode.
pub(crate) const SECRET: &str = "a secret of + chat: 100%";

pub(crate) struct Provider {
    child: Ours,
    pub(crate) address: SocketAddr,
    pub(crate) issuer: String,
}

impl Provider {
    /// `None` where there is none; a failure where `scripts/test` brought it.
    pub(crate) async fn start() -> Option<Self> {
        Self::start_at(0).await
    }

    /// The same on a port that another had.
    pub(crate) async fn start_at(port: u16) -> Option<Self> {
        let Ok(home) = std::env::var(HOME) else {
            need::left_out("oidc", &format!("{HOME} is not set"));
            return None;
        };
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/provider");
        let script = File::open(script.join("provider.mjs")).expect("the script");
        let mut node = Command::new("node");
        node.args(["--input-type=module", "-"])
            .current_dir(home)
            .env("PORT", port.to_string())
            .env("NODE_NO_WARNINGS", "1")
            .stdin(script)
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let mut child = Ours::spawn(node);
        let lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        let listening = move || {
            let mut lines = lines.map_while(Result::ok);
            let port = lines.find_map(|line| line.strip_prefix("listening ")?.parse().ok());
            // What else it says has somewhere to go.
            std::thread::spawn(move || lines.for_each(drop));
            port
        };
        let port: Option<u16> = super::in_time("the provider", async {
            let listening = tokio::task::spawn_blocking(listening);
            listening.await.expect("no panic")
        })
        .await;
        let port = port.expect("it listens");
        Some(Self {
            child,
            address: (Ipv4Addr::LOCALHOST, port).into(),
            issuer: format!("http://127.0.0.1:{port}"),
        })
    }

    /// People sign in with it at a server with these settings.
    pub(crate) fn signs_in(&self, config: &mut Config) {
        let oidc = &mut config.auth.oidc;
        oidc.issuer = Some(self.issuer.clone());
        oidc.client_id = Some("chat".into());
        oidc.client_secret = Some(Hidden::new(SECRET));
        oidc.claims.roles = Some("roles".into());
        oidc.provision = true;
    }

    /// As if its machine went.
    pub(crate) fn kill(mut self) -> u16 {
        self.child.kill();
        self.address.port()
    }

    /// A token of the client `robot`, for that audience and signed like that.
    pub(crate) async fn token(&self, audience: &str, algorithm: &str) -> String {
        let form = format!("grant_type=client_credentials&resource=urn:{audience}:{algorithm}");
        let request = Request::post("/token")
            // robot:beep
            .header(AUTHORIZATION, "Basic cm9ib3Q6YmVlcA==")
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        let answer = client::send(self.address, request, form, DEADLINE).await;
        let answer: Value = answer.expect("an answer").json();
        answer["access_token"].as_str().expect("a token").to_owned()
    }

    /// Any token, signed with its keys.
    pub(crate) async fn sign(&self, header: Value, claims: Value) -> String {
        let asked = json!({ "header": header, "claims": claims });
        self.control("sign", &asked).await
    }

    /// Other keys from now on, and none of those of before.
    pub(crate) async fn rotate(&self, generation: &str) {
        self.control("rotate", &json!({ "generation": generation }))
            .await;
    }

    /// This person is at the browser from now on; with an empty name, the person declines.
    pub(crate) async fn is_used_by(&self, name: &str) {
        self.control("person", &json!({ "name": name })).await;
    }

    async fn control(&self, what: &str, asked: &Value) -> String {
        let path = format!("/control/{what}");
        let answer = client::post(self.address, &path, asked, DEADLINE).await;
        let answer = answer.expect("an answer");
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.body
    }
}
