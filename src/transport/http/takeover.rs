//! A connection that is no longer hyper's: the response's head is out, and what follows is
//! written by hands that keep less than hyper does for requests that will not come.
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use bytes::Bytes;
use http::Version;
use parking_lot::Mutex;

use super::answer::Response;
use super::connection::Progress;

/// What hyper leaves.
pub(super) struct Taken {
    pub(super) io: Progress,
    /// What the client sent after its request.
    pub(super) read: Bytes,
    pub(super) version: Version,
}

pub(super) type Serving = Pin<Box<dyn Future<Output = ()> + Send>>;
type GoesOn = Box<dyn FnOnce(Taken) -> Serving + Send>;

/// Travels in a response's extensions, which want to be cloned and shared.
#[derive(Clone)]
struct Offer(Arc<Mutex<Option<GoesOn>>>);

/// Once the head of `response` is written, the connection is `serve`'s.
pub(super) fn after<F, Fut>(response: &mut Response, serve: F)
where
    F: FnOnce(Taken) -> Fut + Send + 'static,
    Fut: Future<Output = ()> + Send + 'static,
{
    let goes_on: GoesOn = Box::new(|taken| Box::pin(serve(taken)));
    let offer = Offer(Arc::new(Mutex::new(Some(goes_on))));
    response.extensions_mut().insert(offer);
}

/// Where a connection's service, its socket and its task agree on the moment.
#[derive(Default)]
pub(super) struct Handle {
    accepted: Mutex<Option<(GoesOn, Version)>>,
    /// hyper flushes the socket when it holds nothing more to write.
    flushed: AtomicBool,
}

impl Handle {
    /// `response` is given to hyper at once, so that the next flush comes after its head.
    pub(super) fn look_at(&self, response: &mut Response, version: Version) {
        let offer = response.extensions_mut().remove::<Offer>();
        if let Some(goes_on) = offer.and_then(|offer| offer.0.lock().take()) {
            *self.accepted.lock() = Some((goes_on, version));
            self.flushed.store(false, Relaxed);
        }
    }

    pub(super) fn has_flushed(&self) {
        self.flushed.store(true, Relaxed);
    }

    /// Who goes on with the connection, as soon as hyper can be left.
    pub(super) fn due(&self) -> Option<(GoesOn, Version)> {
        let mut accepted = self.accepted.lock();
        accepted.take_if(|_| self.flushed.load(Relaxed))
    }
}
