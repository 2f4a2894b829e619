//! One server, connected to: for publishing and for hearing. Every wait on it has an end.
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use parking_lot::Mutex;
use redis::aio::{MultiplexedConnection, PubSubSink, PubSubStream, SendError};
use redis::{Client, ConnectionAddr, Pipeline, PushInfo, PushKind, RedisError, Value};
use tokio::sync::Notify;
use tokio::task::AbortHandle;
use tokio::time::timeout;

use super::address::{Address, patient};
use super::error::LinkError;
use super::info::Info;
use crate::model::url::redis::{Protocol, Servers};

/// Channels subscribed to by one command, so that ten thousand rooms do not have to fit into
/// one deadline.
const CHANNELS: usize = 256;

/// Takes what is heard: the channel and what was published there. Called from the connection's
/// own task, so it does not wait.
pub(super) type Ear = Arc<dyn Fn(&[u8], &[u8]) + Send + Sync>;

/// A connection that is up, or was a moment ago. Dropping it closes it.
pub(super) struct Line {
    pub(super) at: ConnectionAddr,
    pub(super) connection: MultiplexedConnection,
    hearing: Hearing,
    ending: Arc<Ending>,
    within: Duration,
}

/// How channels are subscribed to, and where what is said there comes in.
enum Hearing {
    /// On the connection itself.
    Here,
    /// There too, with the commands for a channel that belongs to a shard.
    Sharded,
    /// RESP2 takes a connection that is subscribed for nothing else.
    Beside(Beside),
}

struct Beside {
    sink: PubSubSink,
    listener: AbortHandle,
}

impl Drop for Beside {
    fn drop(&mut self) {
        self.listener.abort();
    }
}

/// What says that the connection is over.
#[derive(Default)]
struct Ending {
    noted: Notify,
    /// Channels of a shard that were given up on purpose, and not yet confirmed. A server ends others
    /// when their slot moves.
    given_up: Mutex<Vec<String>>,
    moved: Mutex<bool>,
}

impl Line {
    /// Connects; from then on what is heard goes to `ear`, straight from the connection's
    /// task, so that nothing piles up between the two.
    ///
    /// # Errors
    /// Where it is not there, or does not let us in.
    pub(super) async fn open(
        address: &Address,
        at: ConnectionAddr,
        ear: Ear,
        within: Duration,
    ) -> Result<Self, LinkError> {
        let client = address.client(at.clone()).await?;
        let ending = Arc::<Ending>::default();
        let mut config = patient(within);
        let hearing = match (address.url.protocol, &address.url.servers) {
            (Protocol::Resp2, _) => {
                let beside = listen(&client, ear, ending.clone());
                let beside = timeout(within, beside).await;
                Hearing::Beside(beside.map_err(|_| LinkError::Late)??)
            }
            (Protocol::Resp3, servers) => {
                let ending = ending.clone();
                config = config.set_push_sender(move |push: PushInfo| -> Result<(), SendError> {
                    pushed(&ear, &ending, &push);
                    Ok(())
                });
                match servers {
                    Servers::Cluster(_) => Hearing::Sharded,
                    _ => Hearing::Here,
                }
            }
        };
        let connection = client
            .get_multiplexed_async_connection_with_config(&config)
            .await?;
        Ok(Self {
            at,
            connection,
            hearing,
            ending,
            within,
        })
    }

    pub(super) async fn subscribe(&mut self, channels: &[String]) -> Result<(), LinkError> {
        for some in channels.chunks(CHANNELS) {
            match &mut self.hearing {
                Hearing::Here => self.connection.subscribe(some).await?,
                Hearing::Sharded => each(&mut self.connection, "SSUBSCRIBE", some).await?,
                Hearing::Beside(beside) => {
                    let asked = beside.sink.subscribe(some);
                    timeout(self.within, asked)
                        .await
                        .map_err(|_| LinkError::Late)??;
                }
            }
        }
        Ok(())
    }

    pub(super) async fn unsubscribe(&mut self, channels: &[String]) -> Result<(), LinkError> {
        for some in channels.chunks(CHANNELS) {
            match &mut self.hearing {
                Hearing::Here => self.connection.unsubscribe(some).await?,
                Hearing::Sharded => {
                    self.ending.given_up.lock().extend(some.iter().cloned());
                    each(&mut self.connection, "SUNSUBSCRIBE", some).await?;
                }
                Hearing::Beside(beside) => {
                    let asked = beside.sink.unsubscribe(some);
                    timeout(self.within, asked)
                        .await
                        .map_err(|_| LinkError::Late)??;
                }
            }
        }
        Ok(())
    }

    /// Publishes all in one go and waits for Redis to say that it has. Returns how many it
    /// refused (by its access rules, say), which is no reason to connect again.
    pub(super) async fn publish(
        &mut self,
        payloads: impl IntoIterator<Item = (String, Vec<u8>)>,
    ) -> Result<u64, LinkError> {
        let command = match self.hearing {
            Hearing::Sharded => "SPUBLISH",
            Hearing::Here | Hearing::Beside(_) => "PUBLISH",
        };
        let mut pipeline = redis::pipe();
        for (channel, payload) in payloads {
            pipeline.cmd(command).arg(channel).arg(payload);
        }
        if pipeline.is_empty() {
            return Ok(0);
        }
        let answers = ask(&mut self.connection, pipeline).await?;
        let refused = answers.into_iter().filter_map(Result::err);
        let mut count = 0;
        for error in refused {
            if redirects(&error) {
                return Err(LinkError::Moved);
            }
            count += 1;
        }
        Ok(count)
    }

    pub(super) async fn info(&mut self) -> Result<Info, RedisError> {
        Info::ask(&mut self.connection).await
    }

    /// Waits until the connection is closed by the other side, or no longer has all that was
    /// subscribed to.
    pub(super) async fn closed(&self) -> LinkError {
        self.ending.noted.notified().await;
        if *self.ending.moved.lock() {
            LinkError::Moved
        } else {
            LinkError::Closed
        }
    }
}

/// A connection that hears. The library puts a queue without a bound behind it, from which nothing
/// here waits to take.
async fn listen(client: &Client, ear: Ear, ending: Arc<Ending>) -> Result<Beside, RedisError> {
    let (sink, stream) = client.get_async_pubsub().await?.split();
    let listener = tokio::spawn(hear(stream, ear, ending)).abort_handle();
    Ok(Beside { sink, listener })
}

async fn hear(mut stream: PubSubStream, ear: Ear, ending: Arc<Ending>) {
    while let Some(message) = stream.next().await {
        ear(
            message.get_channel_name().as_bytes(),
            message.get_payload_bytes(),
        );
    }
    ending.noted.notify_one();
}

fn pushed(ear: &Ear, ending: &Ending, push: &PushInfo) {
    match (&push.kind, &push.data[..]) {
        (
            PushKind::Message | PushKind::SMessage,
            [Value::BulkString(channel), Value::BulkString(payload)],
        ) => ear(channel, payload),
        (PushKind::Disconnection, _) => ending.noted.notify_one(),
        (PushKind::SUnsubscribe, [Value::BulkString(channel), ..]) => ending.ended(channel),
        _ => {}
    }
}

impl Ending {
    /// A subscription to a channel of a shard is over.
    fn ended(&self, channel: &[u8]) {
        let mut given_up = self.given_up.lock();
        match given_up.iter().position(|c| c.as_bytes() == channel) {
            Some(i) => drop(given_up.swap_remove(i)),
            None => {
                *self.moved.lock() = true;
                self.noted.notify_one();
            }
        }
    }
}

/// Channels of shards one by one: a command for several takes them of one slot only.
async fn each(
    connection: &mut MultiplexedConnection,
    command: &str,
    channels: &[String],
) -> Result<(), LinkError> {
    let mut pipeline = redis::pipe();
    for channel in channels {
        pipeline.cmd(command).arg(channel);
    }
    for answer in ask(connection, pipeline).await? {
        match answer {
            Err(error) if redirects(&error) => return Err(LinkError::Moved),
            answer => drop(answer?),
        }
    }
    Ok(())
}

async fn ask(
    connection: &mut MultiplexedConnection,
    mut pipeline: Pipeline,
) -> Result<Vec<Result<Value, RedisError>>, RedisError> {
    pipeline.ignore_errors().query_async(connection).await
}

/// Whether a Cluster says that it is not for this server to answer, or not now.
fn redirects(error: &RedisError) -> bool {
    matches!(error.code(), Some("MOVED" | "ASK" | "CLUSTERDOWN"))
}
