//! Why a connection to Redis is given up.
use std::path::PathBuf;

use redis::RedisError;

/// No text of it holds the address, or anything of the URL but the path of a file.
#[derive(Debug, thiserror::Error)]
pub(super) enum LinkError {
    #[error("{0}")]
    Redis(#[from] RedisError),
    #[error("the connection was closed")]
    Closed,
    #[error("connected, but deaf: probes that were published did not come back")]
    Deaf,
    #[error("no answer in time")]
    Late,
    #[error("another server is the primary now, or has channels that this one had")]
    Moved,
    #[error("it is a replica, and no other server is the primary")]
    Replica,
    #[error("no sentinel knows a primary of that name")]
    UnknownPrimary,
    #[error("no sentinel says where the primary is: {0}")]
    Sentinels(Box<LinkError>),
    #[error("it does not answer as a server of a Cluster does")]
    NoCluster,
    #[error("{0} slots of the Cluster have no server")]
    Uncovered(usize),
    #[error("cannot read {}: {source}", path.display())]
    File {
        path: PathBuf,
        source: std::io::Error,
    },
}
