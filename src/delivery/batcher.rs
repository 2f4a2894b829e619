//! Group work: whatever waits is done in one go, and while that is under way the next gathers.
//! So load makes batches larger and not latency worse, and a lone item never waits for a timer.
use futures_util::FutureExt;
use futures_util::future::join_all;
use tokio::sync::{mpsc, oneshot};

/// A bounded queue whose items are handled together. `R` is the answer to each.
#[derive(Debug)]
pub struct Batcher<T, R> {
    queue: mpsc::Sender<Waiting<T, R>>,
}

/// An item and who waits for its answer.
pub(super) type Waiting<T, R> = (T, oneshot::Sender<R>);

/// As many wait as may wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueueFull;

impl<T: Send + 'static, R: Send + 'static> Batcher<T, R> {
    /// A queue for `bound` items, of which `handle` is given up to `most` at a time, in order.
    /// The second value is the work itself, which ends when the batcher is dropped and all
    /// that was accepted has been handled.
    pub fn new<F, Fut>(
        bound: usize,
        most: usize,
        mut handle: F,
    ) -> (Self, impl Future<Output = ()> + Send + use<T, R, F, Fut>)
    where
        F: FnMut(Vec<Waiting<T, R>>) -> Fut + Send,
        Fut: Future<Output = ()> + Send,
    {
        let (queue, mut waiting) = mpsc::channel(bound);
        let work = async move {
            let mut batch = Vec::new();
            while waiting.recv_many(&mut batch, most).await > 0 {
                handle(std::mem::take(&mut batch)).await;
            }
        };
        (Self { queue }, work)
    }

    /// Accepts `item` or says at once that there is no room.
    pub fn offer(&self, item: T) -> Result<oneshot::Receiver<R>, QueueFull> {
        let (reply, answer) = oneshot::channel();
        self.queue.try_send((item, reply)).map_err(|_| QueueFull)?;
        Ok(answer)
    }

    /// Waits for room, then for the answer; `None` if the work has ended.
    pub async fn ask(&self, item: T) -> Option<R> {
        let (reply, answer) = oneshot::channel();
        self.queue.send((item, reply)).await.ok()?;
        answer.await.ok()
    }

    /// The same for all of `items`, which stand together as far as there is room. In the place
    /// of an answer is `None` where the work has ended.
    pub async fn ask_all(&self, items: Vec<T>) -> Vec<Option<R>> {
        let mut answers = Vec::with_capacity(items.len());
        for item in items {
            let (reply, answer) = oneshot::channel();
            // Where it is not taken, the reply is dropped with it.
            let _ = self.queue.send((item, reply)).await;
            answers.push(answer);
        }
        let answers = answers.into_iter().map(|answer| answer.map(Result::ok));
        join_all(answers).await
    }

    /// How many wait now.
    pub fn depth(&self) -> usize {
        self.queue.max_capacity() - self.queue.capacity()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_gathers_while_one_is_under_way_is_done_together() {
        let (sizes, mut seen) = mpsc::unbounded_channel();
        let gate = std::sync::Arc::new(tokio::sync::Semaphore::new(0));
        let wait = gate.clone();
        let (batcher, work) = Batcher::new(8, 8, move |batch: Vec<Waiting<u32, u32>>| {
            let (sizes, wait) = (sizes.clone(), wait.clone());
            async move {
                wait.acquire().await.expect("never closed").forget();
                sizes.send(batch.len()).expect("the test listens");
                batch
                    .into_iter()
                    .for_each(|(n, reply)| reply.send(n * 2).expect("asked for"));
            }
        });
        let first = batcher.offer(1).expect("room for one");
        let work = tokio::spawn(work);
        while batcher.depth() > 0 {
            tokio::task::yield_now().await;
        }
        let rest: Vec<_> = (2..6).map(|n| batcher.offer(n).expect("room")).collect();
        gate.add_permits(2);
        assert_eq!(first.await, Ok(2));
        for (n, answer) in (2..6).zip(rest) {
            assert_eq!(answer.await, Ok(n * 2));
        }
        drop(batcher);
        work.await.expect("ends when the batcher is gone");
        assert_eq!((seen.recv().await, seen.recv().await), (Some(1), Some(4)));
    }

    #[tokio::test]
    async fn a_full_queue_says_so_at_once() {
        let (batcher, _work) = Batcher::new(1, 1, |_: Vec<Waiting<(), ()>>| async {});
        let _kept = batcher.offer(()).expect("room for one");
        assert_eq!(batcher.offer(()).err(), Some(QueueFull));
    }
}
