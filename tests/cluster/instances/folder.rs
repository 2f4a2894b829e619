//! A config folder with instances, and what an operator types in it.
use std::fs;
use std::net::SocketAddr;
use std::ops::Deref;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use discordctl::process::{Files, Handle, Identity};
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::support::instance::Address;
use crate::support::process::{binary, free_port, put_program, put_script};
use crate::support::{Ran, Shell};

/// Its instances are ended when it is dropped.
pub(crate) struct Folder {
    shell: Shell,
    pub(crate) instances: Vec<Address>,
}

impl Deref for Folder {
    type Target = Shell;

    fn deref(&self) -> &Shell {
        &self.shell
    }
}

impl Ran {
    /// One field of each instance.
    pub(crate) fn each(&self, key: &str) -> Vec<Value> {
        let json = self.json();
        let rows = json["instances"].as_array().expect("instances");
        rows.iter().map(|row| row[key].clone()).collect()
    }
}

impl Folder {
    /// `count` instances over one embedded database.
    pub(crate) fn embedded(count: usize) -> Self {
        Self::with(count, &json!({}))
    }

    /// `count` instances with these settings on top.
    pub(crate) fn with(count: usize, settings: &Value) -> Self {
        let shell = Shell::new();
        fs::set_permissions(shell.path(""), fs::Permissions::from_mode(0o755)).expect("ours");
        fs::create_dir(shell.path("config")).expect("a folder");
        let port = |port| SocketAddr::from(([127, 0, 0, 1], port));
        let address = |_| Address {
            tcp: port(free_port()),
            http: port(free_port()),
        };
        let folder = Self {
            shell,
            instances: (0..count).map(address).collect(),
        };
        for number in 1..=count {
            folder.configure(number, settings);
        }
        folder
    }

    /// Writes the file of instance `number`, with these settings on top.
    pub(crate) fn configure(&self, number: usize, settings: &Value) {
        let at = self.instances[number - 1];
        let mut config = json!({
            "tcp_port": at.tcp.port(),
            "http_port": at.http.port(),
            "instance_id": format!("instance-{number}"),
            "db_url": "sqlite://data/discord.db",
            "limits": {"messages_per_minute": 0, "requests_per_minute": 0},
            "history": {"per_room": 500},
            "drain": {"spread": "50ms", "deadline": "5s"},
        });
        for (key, value) in settings.as_object().expect("an object") {
            config[key] = value.clone();
        }
        let file = self.path(&format!("config/instance{number}.json"));
        fs::write(file, config.to_string()).expect("a file");
    }

    pub(crate) fn files(&self, number: usize) -> Files {
        Files::named(&self.path("data"), &format!("instance-{number}"))
    }

    pub(crate) fn identity(&self, number: usize) -> Identity {
        let file = self.files(number).identity;
        let identity = Identity::read(&file).expect("readable");
        identity.expect("it runs")
    }

    pub(crate) fn pids(&self) -> Vec<u32> {
        let numbers = 1..=self.instances.len();
        numbers.map(|number| self.identity(number).pid).collect()
    }

    /// Has the file of instance `number` say something else.
    pub(crate) fn forge(&self, number: usize, forge: impl FnOnce(&mut Identity)) {
        let mut identity = self.identity(number);
        forge(&mut identity);
        let text = serde_json::to_string(&identity).expect("JSON");
        fs::write(self.files(number).identity, text).expect("written");
    }

    /// kill -9, and it is gone when this returns.
    pub(crate) async fn kill(&self, number: usize) {
        let handle = Handle::open(self.identity(number).pid).expect("ours");
        let handle = handle.expect("it runs");
        handle.signal(Signal::KILL).expect("ours");
        assert!(handle.ended(crate::support::DEADLINE).await.expect("ours"));
    }

    /// A copy of this program in the folder.
    pub(crate) fn copy(&self, name: &str) -> PathBuf {
        let path = self.path(name);
        put_program(Path::new(&binary()), &path);
        path
    }

    /// A script in the folder.
    pub(crate) fn script(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        put_script(text, &path);
        path
    }

    /// One that is this program, but for what it does when it is to serve. As a word of a command.
    pub(crate) fn serving(&self, name: &str, serve: &str) -> String {
        let text = "#!/bin/sh\n[ \"$1\" = serve ] && ";
        let this = binary();
        let path = self.script(name, &format!("{text}{serve}\nexec {this} \"$@\"\n"));
        path.display().to_string()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if std::thread::panicking() {
            for number in 1..=self.instances.len() {
                let log = fs::read_to_string(self.files(number).log).unwrap_or_default();
                let last: Vec<_> = log.lines().rev().take(5).collect();
                println!("--- instance-{number}: {last:#?}");
            }
        }
        // It proves to itself what it ends; what is no instance of ours it leaves alone.
        let _ = self.command("stop --force --yes").output();
    }
}
