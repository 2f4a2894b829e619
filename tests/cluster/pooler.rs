//! PgBouncer between the instances and PostgreSQL, in the modes in which it can be, and what is refused
//! through it.
use std::path::{Path, PathBuf};
use std::process::Stdio;

use tempfile::TempDir;

use super::cluster::Cluster;
use crate::support::crowd::Manner;
use crate::support::postgres::{as_postgres, folder, hand_over, url_at};
use crate::support::process::{Ours, free_port};
use crate::support::reader::Way::{Sse, Tcp, Ws};
use crate::support::{Shell, eventually};

struct Pooler {
    port: u16,
    program: PathBuf,
    dir: TempDir,
    child: Ours,
}

impl Pooler {
    /// `None`, said aloud, where there is no PgBouncer.
    async fn start(database: u16, mode: &str) -> Option<Self> {
        let places = [
            "/usr/sbin/pgbouncer",
            "/usr/bin/pgbouncer",
            "/opt/homebrew/bin/pgbouncer",
        ];
        let Some(program) = places.iter().map(PathBuf::from).find(|p| p.exists()) else {
            crate::support::need::left_out("postgres", "there is no pgbouncer");
            return None;
        };
        let (dir, port) = (folder(), free_port());
        // In a session each client has a server's connection to itself.
        let size = if mode == "session" { 40 } else { 4 };
        let settings = format!(
            "[databases]\npostgres = host=127.0.0.1 port={database}\n[pgbouncer]\n\
             listen_addr = 127.0.0.1\nlisten_port = {port}\nauth_type = any\n\
             pool_mode = {mode}\ndefault_pool_size = {size}\nmax_client_conn = 200\n\
             server_login_retry = 1\nunix_socket_dir =\n"
        );
        let file = dir.path().join("pgbouncer.ini");
        let settings = settings.replace(
            "host=127.0.0.1",
            "host=127.0.0.1 user=postgres dbname=postgres",
        );
        std::fs::write(&file, settings).expect("written");
        hand_over(&file);
        let child = spawn(&program, &file);
        let pooler = Self {
            port,
            program,
            dir,
            child,
        };
        pooler.answers().await;
        Some(pooler)
    }

    async fn answers(&self) {
        let is_so = || async {
            tokio::net::TcpStream::connect(("127.0.0.1", self.port))
                .await
                .is_ok()
        };
        eventually("PgBouncer answers", is_so).await;
    }

    async fn kill_and_restart(&mut self) {
        self.child.kill();
        self.child = spawn(&self.program, &self.dir.path().join("pgbouncer.ini"));
        self.answers().await;
    }
}

fn spawn(program: &Path, settings: &Path) -> Ours {
    let mut command = as_postgres(program);
    command.arg(settings);
    command.stdout(Stdio::null()).stderr(Stdio::null());
    Ours::spawn(command)
}

#[tokio::test(flavor = "multi_thread")]
async fn through_a_pooler_in_transaction_mode() {
    through_a_pooler("transaction").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn through_a_pooler_in_session_mode() {
    through_a_pooler("session").await;
}

async fn through_a_pooler(mode: &str) {
    let Some(mut cluster) = Cluster::prepare().await else {
        return;
    };
    let Some(mut pooler) = Pooler::start(cluster.postgres.port, mode).await else {
        return;
    };
    for _ in 0..2 {
        let mut plan = cluster.plan();
        plan.db_url = format!("{}?statement-cache-capacity=0", url_at(pooler.port));
        cluster.add(plan).await;
    }
    cluster.becomes("healthy").await;
    let readers = cluster.readers(&[Tcp, Sse, Ws, Sse]).await;
    let crowd = cluster.crowd(4, Manner::Insistent).await;
    crowd.acknowledged(50).await;
    pooler.kill_and_restart().await;
    crowd.acknowledged(50).await;
    cluster.postgres.crash();
    cluster.postgres.restart().await;
    crowd.acknowledged(50).await;
    cluster.prove(&crowd.stop().await, &readers).await;
    cluster.becomes("healthy").await;
    assert!(readers.iter().all(|reader| reader.was_never_cut_off()));
}

/// What would do harm through a pooler, or could not work, is refused with what to do instead.
#[tokio::test(flavor = "multi_thread")]
async fn what_needs_a_session_is_refused_through_a_pooler() {
    let Some(cluster) = Cluster::prepare().await else {
        return;
    };
    let Some(pooler) = Pooler::start(cluster.postgres.port, "transaction").await else {
        return;
    };
    let through = format!("{}?statement-cache-capacity=0", url_at(pooler.port));
    let shell = Shell::new().with("DISCORDCTL_DB_URL", &through);
    for line in ["migrate up", "backup --to copy"] {
        let refused = shell.run(line).await;
        assert_eq!(refused.code, Some(78), "{line}: {refused:?}");
        assert!(
            refused.stderr.contains("name the database itself"),
            "{refused:?}"
        );
    }
    shell.run("migrate status").await.exits(0);
    // Without the word, it is told what is missing.
    let shell = Shell::new()
        .with("DISCORDCTL_DB_URL", &url_at(pooler.port))
        .with("DISCORDCTL_DB_WAIT", "1s");
    let refused = shell.run("serve --tcp-port 0 --http-port 0").await;
    assert_eq!(refused.code, Some(78), "{refused:?}");
    assert!(
        refused.stderr.contains("add 'statement-cache-capacity=0'"),
        "{refused:?}"
    );
}
