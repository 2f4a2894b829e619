//! What connections are held to: the settings of the moment at which they come.
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use parking_lot::RwLock;
use tokio_util::sync::CancellationToken;

use super::entrance::Asked;
use crate::chat::Chat;
use crate::config::Config;
use crate::model::{Listener, ListenerKind, Network, Reach};
use crate::tls::{Acceptor, Speaks};
use crate::transport::Drain;
use crate::transport::http::{Forwarders, Hosts, HttpLimits, Origins, Probes, Site};
use crate::transport::tcp::{Elsewhere, TcpLimits};

pub(super) struct Terms {
    places: Places,
    lines: RwLock<Arc<TcpLimits>>,
    site: RwLock<Arc<Site>>,
    /// From where a connection begins with what a proxy says of its client.
    proxies: RwLock<Arc<[Network]>>,
    acceptor: Option<Acceptor>,
    listening: Vec<Listener>,
}

/// How many connections there are, and how many there may be.
struct Places {
    open: AtomicUsize,
    most: AtomicUsize,
}

impl Terms {
    pub(super) fn new(
        config: &Config,
        listening: Vec<Listener>,
        acceptor: Option<Acceptor>,
        chat: Arc<Chat>,
        drain: Drain,
        probes: Arc<dyn Probes>,
    ) -> Self {
        let site = Site {
            chat,
            drain,
            limits: http_limits(config, &listening),
            probes,
            outdated: CancellationToken::new(),
        };
        Self {
            places: Places {
                open: AtomicUsize::new(0),
                most: AtomicUsize::new(config.limits.connections),
            },
            lines: RwLock::new(Arc::new(tcp_limits(config, &listening))),
            site: RwLock::new(Arc::new(site)),
            proxies: RwLock::new(proxies(config)),
            acceptor,
            listening,
        }
    }

    /// Holds connections that come from now on to `config`. Those of lines, and streams, go on as
    /// they began; others over HTTP are asked to come anew where that makes a difference to them.
    pub(super) fn set(&self, was: &Config, config: &Config) {
        self.places.most.store(config.limits.connections, Relaxed);
        *self.lines.write() = Arc::new(tcp_limits(config, &self.listening));
        *self.proxies.write() = proxies(config);
        let of_http = |config: &Config| {
            let limits = &config.limits;
            let bounds = (limits.body_bytes, limits.write_timeout);
            let forwarders = config.proxy.forwarded.clone();
            (config.http.clone(), config.cors.clone(), bounds, forwarders)
        };
        if of_http(was) == of_http(config) {
            return;
        }
        let mut site = self.site.write();
        let anew = Site {
            chat: site.chat.clone(),
            drain: site.drain.clone(),
            limits: http_limits(config, &self.listening),
            probes: site.probes.clone(),
            outdated: CancellationToken::new(),
        };
        std::mem::replace(&mut *site, Arc::new(anew))
            .outdated
            .cancel();
    }

    /// What a connection from `address` is asked before it is served.
    pub(super) fn asked(&self, speaks: Speaks, encrypted: bool, address: IpAddr) -> Asked {
        let proxies = self.proxies.read().clone();
        let address = address.to_canonical();
        Asked {
            speaks,
            header: proxies.iter().any(|network| network.contains(address)),
            tls: self.acceptor.clone().filter(|_| encrypted),
        }
    }

    pub(super) fn lines(&self) -> Arc<TcpLimits> {
        self.lines.read().clone()
    }

    pub(super) fn site(&self) -> Arc<Site> {
        self.site.read().clone()
    }

    /// Takes a place, if there is one; it is to be given back by [`Terms::leave`].
    pub(super) fn enter(&self) -> bool {
        let most = self.places.most.load(Relaxed);
        let one_more = |open: usize| (open < most).then_some(open + 1);
        let entered = self.places.open.fetch_update(Relaxed, Relaxed, one_more);
        entered.is_ok()
    }

    pub(super) fn leave(&self) {
        self.places.open.fetch_sub(1, Relaxed);
    }

    /// One address must not have all places.
    pub(super) fn of_one_address(&self) -> usize {
        self.places.most.load(Relaxed).div_ceil(2)
    }
}

fn proxies(config: &Config) -> Arc<[Network]> {
    let listed = config.proxy.protocol.iter();
    listed.filter_map(|text| text.parse().ok()).collect()
}

pub(super) fn tcp_limits(config: &Config, listening: &[Listener]) -> TcpLimits {
    let port = |kind| Listener::first(listening, kind).map(|at| at.port());
    TcpLimits {
        elsewhere: Elsewhere {
            http: port(ListenerKind::Http),
            https: port(ListenerKind::Https),
            tls: port(ListenerKind::TlsLines),
        },
        line_bytes: config.limits.line_bytes.as_usize(),
        idle_timeout: config.limits.idle_timeout.get(),
        write_timeout: config.limits.write_timeout.get(),
    }
}

fn http_limits(config: &Config, listening: &[Listener]) -> HttpLimits {
    let (http, reach) = (&config.http, Reach::of(listening));
    let hosts = Hosts::new(reach, &http.hosts, http.public_url.as_deref());
    HttpLimits {
        hosts,
        public_url: http.public_url.clone(),
        origins: Origins::new(&config.cors.origins),
        forwarders: Forwarders::new(&config.proxy.forwarded),
        body_bytes: config.limits.body_bytes.as_usize(),
        write_timeout: config.limits.write_timeout.get(),
    }
}
