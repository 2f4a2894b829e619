//! One HTTP connection, served by hyper under our own accept loop: with a deadline for
//! headers, a bound on a peer that takes nothing, and an end that hurries no client.
use std::convert::Infallible;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use http::{HeaderValue, Request};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};
use tokio_util::sync::CancellationToken;
use tracing::Instrument;
use warp::filters::BoxedFilter;

use super::answer::Response;
use super::cors::Origins;
use super::forwarded::Forwarders;
use super::head::Wanted;
use super::hosts::Hosts;
use super::takeover::{Handle, Serving, Taken};
use super::{Client, Offer, Site, answered, filter, hardened, not_found};
use crate::model::Peer;
use crate::random;
use crate::transport::{Moment, Stream};

/// What an HTTP connection is held to.
#[derive(Debug, Clone)]
pub struct HttpLimits {
    /// Bytes in a request's body, or in a WebSocket message.
    pub body_bytes: usize,
    /// A peer that takes nothing for so long is cut off.
    pub write_timeout: Duration,
    pub hosts: Hosts,
    /// Where people find this server, if that is said.
    pub public_url: Option<String>,
    /// Pages of these may use the API too.
    pub origins: Origins,
    /// Trusted proxies.
    pub forwarders: Forwarders,
}

/// Headers that take longer are given up, and with them an idle connection.
const HEADERS_WITHIN: Duration = Duration::from_secs(10);
/// hyper's own buffer, for requests and for what the socket does not take at once.
const BUFFER: usize = 64 << 10;

/// Serves one connection until it ends or the server stops.
pub fn serve(
    stream: Stream,
    peer: Peer,
    site: Arc<Site>,
    offer: Offer,
) -> impl Future<Output = ()> + Send {
    // Boxed: hyper's part is large, and over before a stream begins to wait.
    let requests = Box::pin(requests(stream, Client { peer, offer }, site));
    async move {
        if let Some(serving) = requests.await {
            serving.await;
        }
    }
}

/// Answers requests, until the connection ends or is to go on otherwise.
async fn requests(stream: Stream, client: Client, site: Arc<Site>) -> Option<Serving> {
    let handle = Arc::<Handle>::default();
    let patience = site.limits.write_timeout;
    let io = TokioIo::new(Progress::new(stream, patience, handle.clone()));
    let routes = filter(site.clone());
    let (hosts, forwarders, handle) = (&site.limits.hosts, &site.limits.forwarders, &*handle);
    let service = service_fn(|mut request: Request<Incoming>| {
        let peer = forwarders.client(client.peer, request.headers());
        request.extensions_mut().insert(Client { peer, ..client });
        answer(routes.clone(), hosts, request, handle)
    });
    let mut connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADERS_WITHIN)
        .max_buf_size(BUFFER)
        .serve_connection(io, service);
    let mut moment = site.drain.moment();
    let mut stopping = false;
    let (goes_on, version) = loop {
        let left = poll_fn(|cx| {
            let ended = Pin::new(&mut connection).poll(cx);
            match handle.due() {
                Some(due) => Poll::Ready(Ok(Some(due))),
                None => ended.map_ok(|()| None),
            }
        });
        tokio::select! {
            left = left => match left {
                Ok(Some(due)) => break due,
                Ok(None) => return None,
                Err(error) => {
                    tracing::debug!(%error, "an HTTP connection broke");
                    return None;
                }
            },
            () = ended(&mut moment, &site.outdated), if !stopping => {
                // Requests under way are answered; streams end by themselves.
                Pin::new(&mut connection).graceful_shutdown();
                stopping = true;
            }
        }
    };
    let parts = connection.into_parts();
    Some(goes_on(Taken {
        io: parts.io.into_inner(),
        read: parts.read_buf,
        version,
    }))
}

/// Waits until no further request is to be taken here.
async fn ended(moment: &mut Moment, outdated: &CancellationToken) {
    tokio::select! {
        () = moment.come() => {}
        () = outdated.cancelled() => {}
    }
}

/// Answers one request under an id, by which the log and the client can speak of it. The path
/// names the room; the query is left out of the log, since it may hold a session's secret.
async fn answer(
    routes: BoxedFilter<(Response,)>,
    hosts: &Hosts,
    mut request: Request<Incoming>,
    handle: &Handle,
) -> Result<Response, Infallible> {
    let id = format!("{:016x}", random::number().unwrap_or_default());
    let (method, path, version) = (request.method(), request.uri().path(), request.version());
    let span = tracing::debug_span!("http", request = %id, %method, path);
    let service = TowerToHyperService::new(warp::service(routes));
    let refused = hosts.refuse(&request);
    let wanted = Wanted::of(&mut request);
    let answering = async {
        let response = match (refused, request.uri().path_and_query()) {
            (Some(problem), _) => hardened(problem.response()),
            (None, Some(_)) => service.call(request).await?,
            // As a proxy is asked ('CONNECT host:1'): warp has no path for it.
            (None, None) => hardened(answered(Err(not_found()))),
        };
        let mut response = wanted.of_answer(response);
        tracing::debug!(status = response.status().as_u16(), "answered");
        if let Ok(id) = HeaderValue::from_str(&id) {
            response.headers_mut().insert("x-request-id", id);
        }
        handle.look_at(&mut response, version);
        Ok(response)
    };
    answering.instrument(span).await
}

/// A stream whose writes fail when the peer has taken nothing for too long.
pub(super) struct Progress {
    stream: Stream,
    patience: Duration,
    /// Runs while a write waits.
    deadline: Option<Pin<Box<Sleep>>>,
    handle: Arc<Handle>,
}

impl Progress {
    fn new(stream: Stream, patience: Duration, handle: Arc<Handle>) -> Self {
        Self {
            stream,
            patience,
            deadline: None,
            handle,
        }
    }

    /// The socket, whose writes are looked after otherwise from then on.
    pub(super) fn into_stream(self) -> Stream {
        self.stream
    }

    pub(super) fn stream(&mut self) -> &mut Stream {
        &mut self.stream
    }

    fn watched<T>(
        &mut self,
        cx: &mut Context<'_>,
        written: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.deadline = None;
            return written;
        }
        let until = Instant::now() + self.patience;
        let deadline = self
            .deadline
            .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(until)));
        ready!(deadline.as_mut().poll(cx));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncRead for Progress {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Progress {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.watched(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, parts);
        self.watched(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(cx);
        if matches!(flushed, Poll::Ready(Ok(()))) {
            self.handle.has_flushed();
        }
        self.watched(cx, flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let shut = Pin::new(&mut self.stream).poll_shutdown(cx);
        self.watched(cx, shut)
    }
}
