//! Redis processes that are one to their clients: a primary that sentinels watch, and a Cluster.
use std::path::Path;

use crate::support::eventually;
use crate::support::redis::Server;

/// Of all that has one; shown nowhere.
pub(crate) const PASSWORD: &str = "s3cr3t-word";

/// A primary with a password, its replica, and three sentinels with another password.
pub(crate) struct Watched {
    pub(crate) primary: Server,
    pub(crate) replica: Server,
    sentinels: Vec<Server>,
}

impl Watched {
    /// `user` are the words that make a user of the sentinels.
    pub(crate) async fn start(program: &str, user: &[String]) -> Self {
        let with_password = |port: u16, more: &str| {
            let words =
                format!("--port {port} --requirepass {PASSWORD} --masterauth {PASSWORD} {more}");
            words.split_whitespace().map(str::to_owned).collect()
        };
        let primary = Server::start_program(program, |port, _| with_password(port, ""));
        let of = format!("--replicaof 127.0.0.1 {}", primary.port);
        let replica = Server::start_program(program, |port, _| with_password(port, &of));
        let sentinel = |_| {
            Server::start_program(program, |port, dir| {
                let file = dir.path().join("sentinel.conf");
                sentinel_file(&file, port, primary.port, user);
                vec![file.display().to_string(), "--sentinel".to_owned()]
            })
        };
        let sentinels = (0..3).map(sentinel).collect();
        let watched = Self {
            primary,
            replica,
            sentinels,
        };
        watched.know_each_other().await;
        watched
    }

    async fn know_each_other(&self) {
        for sentinel in &self.sentinels {
            let known = || async {
                let mut client = client(sentinel, &format!("{PASSWORD}-too"));
                let all = redis::cmd("SENTINEL").arg("MASTERS").query(&mut client);
                let all: Vec<std::collections::BTreeMap<String, String>> = all.unwrap();
                all[0]["num-other-sentinels"] == "2" && all[0]["num-slaves"] == "1"
            };
            eventually("the sentinels know each other", known).await;
        }
    }

    pub(crate) fn url(&self) -> String {
        let at = |sentinel: &Server| format!("localhost:{}", sentinel.port);
        let sentinels: Vec<String> = self.sentinels.iter().map(at).collect();
        format!(
            "redis+sentinel://:{PASSWORD}@{}/main?sentinel_user=asker&sentinel_password={PASSWORD}",
            sentinels.join(",")
        )
    }
}

fn sentinel_file(file: &Path, port: u16, primary: u16, user: &[String]) {
    let user = user.join(" ");
    let settings = format!(
        "port {port}\nrequirepass {PASSWORD}-too\nsentinel sentinel-pass {PASSWORD}-too\n\
         sentinel monitor main 127.0.0.1 {primary} 2\nsentinel auth-pass main {PASSWORD}\n\
         sentinel down-after-milliseconds main 500\nsentinel failover-timeout main 5000\nuser {user}\n"
    );
    std::fs::write(file, settings).unwrap();
}

pub(crate) fn client(server: &Server, password: &str) -> redis::Connection {
    let url = format!("redis://:{password}@127.0.0.1:{}", server.port);
    redis::Client::open(url).unwrap().get_connection().unwrap()
}

/// Three primaries without replicas.
pub(crate) struct Cluster {
    pub(crate) servers: Vec<Server>,
}

impl Cluster {
    /// With a user, of the words that make it.
    pub(crate) async fn start(program: &str, user: &[String]) -> Self {
        let one = |_| {
            Server::start_program(program, |port, dir| {
                let file = dir.path().join("users.acl");
                let users = format!(
                    "user {}\nuser default on nopass ~* &* +@all\n",
                    user.join(" ")
                );
                std::fs::write(&file, users).unwrap();
                let bus = crate::support::process::free_port();
                let words = format!(
                    "--port {port} --cluster-enabled yes --cluster-port {bus} \
                     --cluster-node-timeout 2000 --aclfile {}",
                    file.display()
                );
                words.split_whitespace().map(str::to_owned).collect()
            })
        };
        let servers: Vec<Server> = (0..3).map(one).collect();
        for (server, slots) in
            servers
                .iter()
                .zip([["0", "5460"], ["5461", "10922"], ["10923", "16383"]])
        {
            server.ask(&["CLUSTER", "ADDSLOTSRANGE", slots[0], slots[1]]);
        }
        let first = &servers[0];
        for other in &servers[1..] {
            let (bus, port) = (other.setting("cluster-port"), other.port.to_string());
            first.ask(&["CLUSTER", "MEET", "127.0.0.1", &port, &bus]);
        }
        let cluster = Self { servers };
        cluster.is_whole().await;
        cluster
    }

    pub(crate) async fn is_whole(&self) {
        for server in &self.servers {
            let whole = || async {
                let info = server.text(&["CLUSTER", "INFO"]);
                info.contains("cluster_state:ok") && info.contains("cluster_slots_ok:16384")
            };
            eventually("the cluster is whole", whole).await;
        }
    }

    /// The first one is down, as far as anything knows.
    pub(crate) fn url(&self) -> String {
        let ports = self.servers.iter().map(|server| server.port);
        let nodes: Vec<String> = ports.map(|port| format!("127.0.0.1:{port}")).collect();
        format!("redis+cluster://127.0.0.1:1,{}", nodes.join(","))
    }

    /// Which server has that channel.
    pub(crate) fn owner(&self, channel: &str) -> usize {
        let slot = self.servers[0].ask(&["CLUSTER", "KEYSLOT", channel]);
        usize::try_from(slot).unwrap() / 5_461
    }

    /// How many hear that channel on a server.
    pub(crate) fn shard_subscribers(&self, server: usize, channel: &str) -> i64 {
        let mut command = redis::cmd("PUBSUB");
        command.arg("SHARDNUMSUB").arg(channel);
        let mut client = self.servers[server].client();
        let (_, count): (String, i64) = command.query(&mut client).expect("an answer");
        count
    }

    /// Gives the slot of a channel to another server; from which and to which.
    pub(crate) fn move_slot(&self, channel: &str) -> (usize, usize) {
        let slot = self.servers[0]
            .ask(&["CLUSTER", "KEYSLOT", channel])
            .to_string();
        let from = self.owner(channel);
        let to = (from + 1) % 3;
        let id = |server: usize| self.servers[server].text(&["CLUSTER", "MYID"]);
        let set = |server: usize, how: &str, of: usize| {
            self.servers[server].ask(&["CLUSTER", "SETSLOT", &slot, how, &id(of)]);
        };
        set(to, "IMPORTING", from);
        set(from, "MIGRATING", to);
        for server in [to, from, (from + 2) % 3] {
            set(server, "NODE", to);
        }
        (from, to)
    }
}
