//! A thread of its own for work that takes memory in many small pieces: freed by whichever thread, such memory stays
//! taken once for each of them.
use std::sync::mpsc;
use std::thread;

use tokio::sync::oneshot;

use crate::archive::ArchiveError;

type Job = Box<dyn FnOnce() + Send>;

/// Does one piece of work after the other, until it is dropped.
#[derive(Clone)]
pub(super) struct Worker {
    jobs: mpsc::Sender<Job>,
}

impl Worker {
    /// # Errors
    /// Fails where the system has no thread.
    pub(super) fn start() -> Result<Self, ArchiveError> {
        let (jobs, asked) = mpsc::channel::<Job>();
        let work = move || asked.into_iter().for_each(|job| job());
        let started = thread::Builder::new().name("archive".into()).spawn(work);
        started.map_err(|e| ArchiveError::Inside(format!("cannot start a thread: {e}")))?;
        Ok(Self { jobs })
    }

    /// # Errors
    /// Fails where the work did not come to its end.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, ArchiveError> {
        let (tell, told) = oneshot::channel();
        let job = move || drop(tell.send(work()));
        let ended = || ArchiveError::Inside("a document could not be made".into());
        self.jobs.send(Box::new(job)).map_err(|_| ended())?;
        told.await.map_err(|_| ended())
    }
}
