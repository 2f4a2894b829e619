// What we know of the rooms: their messages in the order of seq, each once, and how far we read.

const MOST_KEPT = 1000;  // messages in memory for a room that nobody scrolls back in
const MOST_NOTES = 200;
const MOST_AHEAD = 200;

export const keyOf = (name) => name.toLowerCase();

export class Room {
  messages = [];      // ascending seq
  notes = [];         // what has no seq: {id, after, text, kind, time}
  last = 0;           // the newest seq that was delivered here, of a message or an event: where to resume
  number = null;      // how many messages there were up to there, if that is known
  read = 0;           // the number of the newest message that was read
  base = 0;           // what came before this need not be sent again on a resume
  gapTo = 0;          // the server said that nothing up to here can be had
  stuck = false;      // loading older messages failed
  divider = null;     // "new" is shown after the message of this number
  unread = 0;
  mentions = 0;       // how many of those call me
  counted = 0;        // the server told what is unread up to this seq
  role = null;        // mine here, once the server has said so
  muted = false;      // it calls me by mentions alone
  joined = false;
  hasMore = true;     // older messages may exist on the server
  loading = null;     // while older messages are loading, what they are waited for by
  begun = 0;          // how often it began from nothing: what was asked for before that is not of this past
  threads = new Map(); // seq of a first message -> how its thread stands
  draft = "";
  facts = { members: 0, online: 0, last_seq: 0 };
  #seqs = new Map();  // seq -> id, of messages
  #ahead = new Map(); // seq -> what changed a message that is not here yet: a page of the past may be older
  #noteIds = 0;

  constructor(name) { this.name = name; }

  get first() { return this.messages[0]?.seq ?? 0; }
  get beginning() {
    const [oldest] = this.messages;
    return oldest ? (oldest.number ?? oldest.seq) === 1 : this.last === 0 || this.number === 0;
  }

  /** Takes a message in. Answers "new", "old" (before what we had), "known", or "other" when this is another log. */
  add(message) {
    const { seq, id } = message;
    if (this.#seqs.has(seq)) return this.#seqs.get(seq) === id ? "known" : "other";
    this.#seqs.set(seq, id);
    Object.assign(message, this.#ahead.get(seq));
    this.#ahead.delete(seq);
    let at = this.messages.length;
    while (at > 0 && this.messages[at - 1].seq > seq) at--;
    this.messages.splice(at, 0, message);
    return this.#reached(message);
  }

  /** Takes an event in, which says what its target is now. Answers as `add` does. */
  change(event, now) {
    if (this.#seqs.has(event.seq)) return "other";
    if (event.target) this.#alter(event.target, now);
    return this.#reached(event);
  }

  #alter(seq, now) {
    const message = this.find(seq);
    if (message) return Object.assign(message, now, { changes: (message.changes ?? 0) + 1 });
    this.#ahead.set(seq, { ...this.#ahead.get(seq), ...now });
    if (this.#ahead.size > MOST_AHEAD) this.#ahead.delete(this.#ahead.keys().next().value);
  }

  find(seq) { return this.#seqs.has(seq) ? this.messages.find((message) => message.seq === seq) : undefined; }

  #reached({ seq, number }) {
    if (seq <= this.last) return "old";
    this.last = seq;
    this.number = number ?? null;
    return "new";
  }

  note(text, kind = "info") {
    this.notes.push({ id: ++this.#noteIds, after: this.last, text, kind, time: new Date() });
    if (this.notes.length > MOST_NOTES) this.notes.shift();
  }

  /** Drops the oldest from memory; they can be scrolled back to. */
  trim() {
    if (this.messages.length <= MOST_KEPT) return;
    for (const { seq } of this.messages.splice(0, this.messages.length - MOST_KEPT / 2)) this.#seqs.delete(seq);
    this.notes = this.notes.filter((note) => note.after >= this.first);
    this.hasMore = true;
  }

  /** Starts from nothing, as after leaving, or when the server's log is another one. */
  forget() {
    this.begun++;
    this.messages = [];
    this.notes = [];
    this.#seqs.clear();
    this.#ahead.clear();
    this.threads.clear();
    this.number = null;
    this.last = this.read = this.base = this.gapTo = this.unread = this.mentions = this.counted = 0;
    this.divider = null;
    this.hasMore = true;
    this.stuck = false;
  }

  /** Messages that wait to be read, with those we only know of from the list of rooms. */
  waiting(live) { return this.unread + (live ? 0 : Math.max(0, this.facts.last_seq - Math.max(this.last, this.counted))); }

  /** How many of them call: of a muted room those that mention me. */
  calling(live) { return this.muted ? this.mentions : this.waiting(live); }

  markRead() {
    this.unread = this.mentions = 0;
    this.read = this.number ?? this.messages.at(-1)?.number ?? this.read;
  }

  /** A message came that is neither mine nor read. */
  count({ seq, number }, calls) {
    if (seq <= this.counted || number <= this.read) return;
    if (this.read === 0 && this.unread === 0) this.read = number - 1; // what came before is not known to be unread
    this.unread++;
    if (calls) this.mentions++;
  }

  /** What the server counted, and what came since. */
  tally({ unread, mentions, last_seq, last_number, read_number }) {
    this.unread = unread + Math.max(0, (this.number ?? 0) - last_number);
    Object.assign(this, { mentions, counted: last_seq, read: Math.max(this.read, read_number) });
  }

  /** Another device of mine read up to `seq`; `calls(message)` says which of those after it call me. */
  readElsewhere(seq, calls) {
    this.counted = Math.max(this.counted, seq);
    if (seq >= this.last) return this.markRead();
    const newest = this.messages.findLast((message) => message.seq <= seq);
    if (!newest || newest.number <= this.read) return;
    this.read = newest.number;
    const rest = this.messages.filter((message) => message.seq > seq);
    this.unread = Math.min(this.unread, rest.length);
    this.mentions = Math.min(this.mentions, rest.filter(calls).length);
  }
}

export class Rooms {
  #all = new Map();
  #used = [];        // keys of joined rooms, most recently used first
  current = null;
  epoch = undefined; // which past the positions are of, once the server has said so
  more = false;      // the server has more rooms than are listed
  lobby = new Room(""); // shown while no room is open

  get(name) { return this.#all.get(keyOf(name)); }

  ensure(name) {
    if (!this.get(name)) this.#all.set(keyOf(name), new Room(name));
    return this.get(name);
  }

  get joined() { return [...this.#all.values()].filter((r) => r.joined).sort(byName); }
  get others() { return [...this.#all.values()].filter((r) => !r.joined && r.listed).sort(byName); }

  open(room) {
    if (this.current) this.current.divider = null;
    this.current = room;
    room.divider = room.unread > 0 ? room.read : null;
    this.#use(room);
  }

  join(name) {
    const room = this.ensure(name);
    room.joined = true;
    if (!this.#used.includes(keyOf(name))) this.#used.push(keyOf(name));
    return room;
  }

  leave(room) {
    room.joined = false;
    room.forget();
    this.#used = this.#used.filter((key) => key !== keyOf(room.name));
    if (this.current === room) this.current = null;
    return this.#used.length ? this.#all.get(this.#used[0]) : null;
  }

  #use(room) {
    this.#used = [keyOf(room.name), ...this.#used.filter((key) => key !== keyOf(room.name))];
  }

  /** Where to resume each joined room, most recently used first. */
  positions() {
    return new Map(this.#used.map((key) => this.#all.get(key)).map((room) => [room.name, Math.max(room.last, room.base)]));
  }

  /** The server's list of rooms: new ones appear, and those that are gone do not stay. */
  list(facts, more) {
    this.more = more;
    for (const room of this.#all.values()) room.listed = false;
    for (const fact of facts) Object.assign(this.ensure(fact.name), { facts: fact, listed: true });
  }

  save() { return this.#used.map((key) => this.#all.get(key)).map(({ name, last, read, number }) => ({ name, last, read, number })); }

  restore(saved) {
    for (const { name, last, read, number = null } of saved) Object.assign(this.join(name), { last, read, number });
  }
}

const byName = (a, b) => (a.name !== "general") - (b.name !== "general") || a.name.localeCompare(b.name);
