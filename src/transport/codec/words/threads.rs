//! What clients are shown of threads.
use super::{DELETED, counted, shown};
use crate::chat::{Interest, Thread, Threads};
use crate::model::{Entry, RoomName, Seq};

/// Characters that are shown of a thread's first message in a list.
const BEGINNING: usize = 60;

pub(super) fn list(found: &Threads) -> String {
    let room = &found.room;
    if found.threads.is_empty() {
        return format!("{room} has no threads; /thread <seq> <text> begins one");
    }
    let mut text = match found.next {
        Some(_) => format!("the newest {} of {room}", threads(found)),
        None => format!("{room}: {}", threads(found)),
    };
    for thread in &found.threads {
        text.push_str(&format!("\n{} ({}", beginning(thread), replies(thread)));
        if thread.unread > 0 {
            text.push_str(&format!(", {} unread", thread.unread));
        }
        text.push(')');
    }
    text
}

fn threads(found: &Threads) -> String {
    counted(found.threads.len(), "thread")
}

fn replies(thread: &Thread) -> String {
    let count = usize::try_from(thread.replies).unwrap_or(usize::MAX);
    match count {
        1 => "1 reply".to_owned(),
        count => format!("{count} replies"),
    }
}

/// How the first message of a thread begins, where its text is there.
pub(in crate::transport) fn title(thread: &Thread) -> Option<String> {
    let line = thread.message.as_ref()?.text().lines().next()?;
    let mut title: String = line.chars().take(BEGINNING).collect();
    if title.len() < line.len() {
        title.push('…');
    }
    Some(title)
}

fn beginning(thread: &Thread) -> String {
    let root = thread.root;
    match &thread.message {
        Some(message) => {
            let title = title(thread).unwrap_or_else(|| DELETED.to_owned());
            format!("#{root} {}: {title}", message.user)
        }
        None => format!("#{root}"),
    }
}

pub(super) fn one(room: &RoomName, thread: &Thread, shown_replies: &[Entry]) -> String {
    let mut text = format!("{room}: thread #{}, {}", thread.root, replies(thread));
    if let Some(message) = &thread.message {
        text.push_str(&format!("\n{}", shown(message)));
    }
    for reply in shown_replies {
        text.push_str(&format!("\n{}", shown(reply)));
    }
    text
}

pub(super) fn stands(root: Seq, interest: Interest) -> String {
    match interest {
        Interest::None => format!("you neither follow thread #{root} nor muted it"),
        Interest::Follows => format!("you follow thread #{root}"),
        Interest::Muted => format!("you muted thread #{root}"),
    }
}
