//! A part of a room's past, read page by page at the pace of its reader: a position and an end,
//! and one page at most.
use std::sync::Arc;

use super::archived::{ReadError, Unreadable};
use super::chunk::{Chunk, Item};
use super::cursor::{Next, Slice};
use super::hub::Hub;
use crate::model::{RoomRef, Seq};

/// What a page may come to occupy, in all forms in which it is asked for; so a fast reader of
/// long messages holds no more than one of short ones.
const PAGE_WEIGHT: usize = 1 << 20;
/// Messages in a page: the first, before it is known how long they are, and at least and most.
const FIRST: u16 = 64;
const LEAST: usize = 16;
const MOST: usize = 500;

/// How many messages the next page has, judged by how long those of the last were.
#[derive(Debug, Clone, Copy)]
pub(super) struct PageSize(u16);

impl Default for PageSize {
    fn default() -> Self {
        Self(FIRST)
    }
}

impl PageSize {
    pub(super) fn messages(self) -> usize {
        self.0.into()
    }

    pub(super) fn learn(&mut self, page: &Chunk) {
        let each = page.weight() / page.items().len().max(1);
        let fit = (PAGE_WEIGHT / each.max(1)).clamp(LEAST, MOST);
        self.0 = u16::try_from(fit).unwrap_or(FIRST);
    }
}

/// The messages of a room from one to another. What is not stored any more is left out.
#[derive(Debug)]
pub struct Past {
    hub: Arc<Hub>,
    room: RoomRef,
    next: Seq,
    last: Seq,
    page: Option<Slice>,
    page_size: PageSize,
}

impl Past {
    pub(super) fn new(hub: Arc<Hub>, room: RoomRef, first: Seq, last: Seq) -> Self {
        Self {
            hub,
            room,
            next: first,
            last,
            page: None,
            page_size: PageSize::default(),
        }
    }

    pub fn room(&self) -> &RoomRef {
        &self.room
    }

    /// What is still to be read: the first and the last.
    pub fn rest(&self) -> (Seq, Seq) {
        (self.next, self.last)
    }

    /// Offers what comes next, without moving on.
    pub fn peek(&self, slices: &mut Vec<Slice>) -> Next {
        match &self.page {
            Some(page) => {
                slices.push(page.clone());
                Next::Some
            }
            None if self.next > self.last => Next::Ended,
            None => Next::Behind,
        }
    }

    /// Moves on over the first `entries` of what was offered and written.
    pub fn advance(&mut self, slice: &Slice, entries: usize) {
        let to = slice.from + entries;
        if let Some(reached) = slice.chunk.reached(to) {
            self.next = self.next.max(reached.next());
        }
        self.page = slice.after(to);
    }

    /// Lets go of everything but the position, while the peer takes nothing.
    pub fn park(&mut self) {
        self.page = None;
    }

    /// Reads the page that comes next; may be dropped half way. Where the archive cannot be read, that is told
    /// in its place, and nothing more.
    pub async fn fetch(&mut self) -> Result<(), ReadError> {
        let fetched = self.fetch_page().await;
        let Err(ReadError::Archive(error)) = &fetched else {
            return fetched;
        };
        let (room, why) = (self.room.shown().clone(), Unreadable::from(error));
        let told = Item::Unreadable { room, why };
        self.page = Some(Slice::page(Chunk::new(vec![told], None)));
        self.last = self.next.previous();
        Ok(())
    }

    async fn fetch_page(&mut self) -> Result<(), ReadError> {
        let limit = self.page_size.messages();
        let mut messages = self
            .hub
            .page(&self.room, self.next.previous(), limit, Seq::START)
            .await?;
        let full = messages.len() == limit;
        messages.retain(|message| message.seq <= self.last);
        if messages.is_empty() || !full {
            self.last = messages.last().map_or(self.next.previous(), |m| m.seq);
        }
        if messages.is_empty() {
            return Ok(());
        }
        let entries = messages.into_iter().map(Item::Entry).collect();
        let mut chunk = Chunk::new(entries, None);
        if let Some(label) = self.room.label() {
            chunk = chunk.shown_as(label);
        }
        self.page_size.learn(&chunk);
        self.page = Some(Slice::page(chunk));
        Ok(())
    }
}
