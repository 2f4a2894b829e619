// What the server tells of rooms, and what its events make of messages.

/** The names of frames and of events of streams alike. */
export const NEWS = [
  "message", "edit", "delete", "reaction", "pin", "topic", "void", "system", "gap", "reset", "end", "read", "typing",
];

const GONE = { content: "", deleted: true, edited_at: undefined, reactions: {}, pinned: false };

/** What the target of an event is now, by the name of the event. */
export const NOW = {
  edit: ({ content, created_at, deleted }) => (deleted ? GONE : { content, edited_at: created_at }),
  delete: () => GONE,
  reaction: ({ reactions }) => ({ reactions }),
  pin: ({ pinned }) => ({ pinned }),
  void: () => ({}),
};
