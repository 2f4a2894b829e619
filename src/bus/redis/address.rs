//! Where Redis is, as far as it is known before asking: how to log in, and which server to try.
use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::time::Duration;

use futures_util::future::join_all;
use redis::io::tcp::TcpSettings;
use redis::{
    AsyncConnectionConfig, Client, ClientTlsConfig, ConnectionAddr, IntoConnectionInfo,
    ProtocolVersion, RedisConnectionInfo, TlsCertificates,
};

use super::error::LinkError;
use crate::bus::BusError;
use crate::model::url::redis::{Node, Protocol, RedisUrl, Sentinels, Servers, Tls};

/// Where Redis is and how to log in. `Display` shows the first only.
#[derive(Debug)]
pub(super) struct Address {
    pub(super) url: RedisUrl,
}

impl Address {
    /// # Errors
    /// What is wrong with the URL.
    pub(super) fn parse(url: &str) -> Result<Self, BusError> {
        let url: Result<RedisUrl, _> = url.parse();
        let url = url.map_err(|error| BusError::Url {
            reason: error.to_string(),
        })?;
        if url.tls.is_some() {
            // Said outright, since rustls panics when two dependencies bring two providers.
            // An error says that there is a provider already, which is as well.
            let _ = rustls::crypto::ring::default_provider().install_default();
        }
        Ok(Self { url })
    }

    /// Whether another server may take the place of the one that is connected to without a word.
    pub(super) fn may_move(&self) -> bool {
        match &self.url.servers {
            Servers::Hosts(nodes) => nodes.len() > 1,
            Servers::Sentinel(_) => true,
            Servers::Socket(_) | Servers::Cluster(_) => false,
        }
    }

    /// The servers to try, one after the other. Sentinels are asked anew each time.
    ///
    /// # Errors
    /// Where no sentinel knows of the primary.
    pub(super) async fn candidates(
        &self,
        within: Duration,
    ) -> Result<Vec<ConnectionAddr>, LinkError> {
        Ok(match &self.url.servers {
            Servers::Hosts(nodes) | Servers::Cluster(nodes) => {
                nodes.iter().map(|node| self.at(node)).collect()
            }
            Servers::Socket(path) => vec![ConnectionAddr::Unix(path.clone())],
            Servers::Sentinel(sentinels) => vec![self.primary(sentinels, within).await?],
        })
    }

    /// A client of one server, with the certificates as their files are now.
    ///
    /// # Errors
    /// Where a file cannot be read, or holds no certificate.
    pub(super) async fn client(&self, at: ConnectionAddr) -> Result<Client, LinkError> {
        let protocol = match self.url.protocol {
            Protocol::Resp2 => ProtocolVersion::RESP2,
            Protocol::Resp3 => ProtocolVersion::RESP3,
        };
        let login = (self.url.user.as_deref(), self.url.password.as_deref());
        let settings = settings(protocol, login).set_db(self.url.database);
        self.client_with(at, settings).await
    }

    pub(super) fn at(&self, node: &Node) -> ConnectionAddr {
        let (host, port) = (node.host.clone(), node.port);
        if self.url.tls.is_some() {
            ConnectionAddr::TcpTls {
                host,
                port,
                insecure: false,
                tls_params: None,
            }
        } else {
            ConnectionAddr::Tcp(host, port)
        }
    }

    /// Without TCP_NODELAY, which is not the library's default, a publish may sit 40 ms in the
    /// kernel.
    async fn client_with(
        &self,
        at: ConnectionAddr,
        settings: RedisConnectionInfo,
    ) -> Result<Client, LinkError> {
        let nodelay = TcpSettings::default().set_nodelay(true);
        let info = at.into_connection_info()?;
        let info = info.set_redis_settings(settings).set_tcp_settings(nodelay);
        match &self.url.tls {
            Some(tls) if *tls != Tls::default() => {
                Ok(Client::build_with_tls(info, certificates(tls).await?)?)
            }
            _ => Ok(Client::open(info)?),
        }
    }

    /// The primary that most of the sentinels name: one that is cut off from the others may know
    /// of an old one only.
    async fn primary(
        &self,
        sentinels: &Sentinels,
        within: Duration,
    ) -> Result<ConnectionAddr, LinkError> {
        let asked = sentinels.nodes.iter();
        let asked = asked.map(|node| self.ask(sentinels, node, within));
        let (mut votes, mut why) = (BTreeMap::<(String, u16), usize>::new(), None);
        for answer in join_all(asked).await {
            match answer {
                Ok(Some(named)) => *votes.entry(named).or_default() += 1,
                Ok(None) => why = why.or(Some(LinkError::UnknownPrimary)),
                Err(error) => why = Some(error),
            }
        }
        let most = votes.into_iter().max_by_key(|(_, votes)| *votes);
        match most {
            Some(((host, port), _)) => Ok(self.at(&Node { host, port })),
            None => Err(LinkError::Sentinels(Box::new(
                why.unwrap_or(LinkError::UnknownPrimary),
            ))),
        }
    }

    async fn ask(
        &self,
        sentinels: &Sentinels,
        node: &Node,
        within: Duration,
    ) -> Result<Option<(String, u16)>, LinkError> {
        let login = (sentinels.user.as_deref(), sentinels.password.as_deref());
        // Every version of it speaks this one.
        let settings = settings(ProtocolVersion::RESP2, login);
        let client = self.client_with(self.at(node), settings).await?;
        let config = patient(within);
        let mut connection = client
            .get_multiplexed_async_connection_with_config(&config)
            .await?;
        let mut command = redis::cmd("SENTINEL");
        command
            .arg("GET-MASTER-ADDR-BY-NAME")
            .arg(&sentinels.master);
        Ok(command.query_async(&mut connection).await?)
    }
}

/// Every wait on such a connection has this end.
pub(super) fn patient(within: Duration) -> AsyncConnectionConfig {
    AsyncConnectionConfig::new()
        .set_connection_timeout(Some(within))
        .set_response_timeout(Some(within))
}

fn settings(
    protocol: ProtocolVersion,
    (user, password): (Option<&str>, Option<&str>),
) -> RedisConnectionInfo {
    let mut settings = RedisConnectionInfo::default()
        .set_protocol(protocol)
        .set_lib_name(env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"));
    if let Some(user) = user {
        settings = settings.set_username(user);
    }
    if let Some(password) = password {
        settings = settings.set_password(password);
    }
    settings
}

async fn certificates(tls: &Tls) -> Result<TlsCertificates, LinkError> {
    let root_cert = match &tls.root {
        Some(path) => Some(read(path).await?),
        None => None,
    };
    let client_tls = match &tls.client {
        Some(files) => Some(ClientTlsConfig {
            client_cert: read(&files.certificate).await?,
            client_key: read(&files.key).await?,
        }),
        None => None,
    };
    Ok(TlsCertificates {
        client_tls,
        root_cert,
    })
}

async fn read(path: &Path) -> Result<Vec<u8>, LinkError> {
    tokio::fs::read(path)
        .await
        .map_err(|source| LinkError::File {
            path: path.to_owned(),
            source,
        })
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.url.servers.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_never_part_of_a_text() {
        let address = Address::parse("redis://user:hunter2@cache.example:6380/0").expect("a URL");
        assert_eq!(address.to_string(), "cache.example:6380");
        assert!(!format!("{address:?}").contains("hunter2"));
        for bad in [
            "hunter2",
            "http://:hunter2@host",
            "redis://:hunter2@host:99999",
            "redis://:hunter2@host/hunter2",
            "redis://host/?protocol=hunter2",
            "rediss://:hunter2@host/#hunter2",
            "rediss://:hunter2@host/#insecure",
            "redis+sentinel://host/?sentinel_password=hunter2",
        ] {
            let error = Address::parse(bad).expect_err(bad);
            assert!(!error.to_string().contains("hunter2"), "{error}");
            assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
        }
    }

    #[test]
    fn only_what_may_be_somewhere_else_is_looked_for() {
        for (url, moves) in [
            ("redis://a", false),
            ("redis://a,b", true),
            ("redis+sentinel://a/main", true),
            ("redis+cluster://a,b", false),
            ("redis+unix:///x", false),
        ] {
            assert_eq!(Address::parse(url).expect(url).may_move(), moves, "{url}");
        }
    }
}
