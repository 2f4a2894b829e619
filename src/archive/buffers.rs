//! Room for documents, kept to be used again: freed and taken anew from whichever thread, it would
//! stay in memory many times over.
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;

/// Those that are kept: one is filled while two are stored.
const MOST: usize = 3;

/// Buffers of `size` bytes: what is not used of them is not in memory, and nothing is moved.
#[derive(Debug, Clone)]
pub(crate) struct Buffers {
    size: usize,
    spare: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl Buffers {
    pub(crate) fn of(size: usize) -> Self {
        Self {
            size,
            spare: Arc::default(),
        }
    }

    pub(crate) fn take(&self) -> Vec<u8> {
        let buffer = self.spare.lock().pop();
        buffer.unwrap_or_else(|| Vec::with_capacity(self.size))
    }

    /// Keeps the buffer behind `bytes`, unless it is still read.
    pub(crate) fn keep(&self, bytes: Bytes) {
        let mut spare = self.spare.lock();
        if bytes.is_unique() && spare.len() < MOST {
            let mut buffer = Vec::from(bytes);
            buffer.clear();
            spare.push(buffer);
        }
    }
}
