// The conversation: what arrives goes into the rooms, what is typed goes out, and the screen follows.
import { Acts } from "./acts.js";
import * as api from "./api.js";
import { Link } from "./link.js";
import { Log } from "./log.js";
import { Marks } from "./marks.js";
import { calls } from "./message.js";
import { NOW } from "./news.js";
import { Outbox } from "./outbox.js";
import { Rooms, keyOf } from "./rooms.js";
import { isDirect } from "./text.js";
import { Typing } from "./typing.js";

const HISTORY_PAGE = 50;
const MOST_FILLED = 1000; // a hole larger than this is shown as one, not filled

export class Chat extends EventTarget {
  rooms = new Rooms();
  nickname = "";
  #session;
  #fresh = false;         // the server does not know yet that this session is in our rooms
  #joining = new Set();

  constructor() {
    super();
    this.link = new Link(() => ({ rooms: this.rooms.positions(), epoch: this.rooms.epoch }));
    this.outbox = new Outbox(this.link, () => this.#changed());
    this.log = new Log(this.rooms, this.outbox, {
      older: (room, limit) => this.older(room, limit), retry: (item) => { this.outbox.retry(item); this.link.tryNow(); },
      discard: (item) => this.outbox.discard(item), nickname: () => this.nickname,
      menu: (button, message) => this.acts.menu(button, message),
      react: (message, emoji, given) => this.acts.react(message, emoji, given),
      thread: (message, opener) => this.openThread(message, opener),
      find: (room, seq) => this.rooms.get(room)?.find(seq), goTo: (room, seq) => this.goTo(room, seq),
    });
    this.marks = new Marks(this.link);
    this.typing = new Typing(this);
    this.acts = new Acts(this, (room, message) => this.#tell("edit", { room, message }), (message, opener) => this.openThread(message, opener));
    this.link.addEventListener("connected", () => this.#connected());
    this.link.addEventListener("message", ({ detail }) => this.#message(detail));
    for (const [name, now] of Object.entries(NOW)) {
      this.link.addEventListener(name, ({ detail }) => this.#event(detail, now(detail)));
    }
    this.link.addEventListener("topic", ({ detail }) => this.#topic(detail));
    this.link.addEventListener("system", ({ detail }) => this.#system(detail));
    this.link.addEventListener("read", ({ detail: { room: name, thread, seq } }) => {
      if (thread) return;
      const room = this.rooms.get(name);
      if (room?.joined) room.readElsewhere(seq, (message) => calls(message, this.nickname));
      this.#changed();
    });
    this.link.addEventListener("typing", ({ detail }) => this.typing.heard(detail));
    this.link.addEventListener("gap", ({ detail }) => this.#gap(detail));
    this.link.addEventListener("reset", ({ detail }) => this.#reset(detail));
    this.link.addEventListener("end", ({ detail }) => this.#end(detail));
    this.link.addEventListener("session-lost", () => this.#tell("session-lost"));
    document.addEventListener("visibilitychange", () => this.#looked());
  }

  /** `identity`: {session_id, nickname}; without a session_id the browser's cookie stands for it. A fresh session has to join its rooms first. */
  start(identity, fresh) {
    this.nickname = identity.nickname;
    this.#session = identity.session_id;
    this.#fresh = fresh;
    this.link.start(identity.session_id);
    this.#changed();
  }

  stop() { this.link.stop(); }

  /** What has to be kept to go on after a reload. */
  save() {
    return {
      session_id: this.#session, cookie: !this.#session, nickname: this.nickname,
      current: this.rooms.current?.name ?? null, rooms: this.rooms.save(), epoch: this.rooms.epoch,
    };
  }

  restore({ rooms = [], current, epoch }) {
    this.rooms.restore(rooms);
    this.rooms.epoch = epoch;
    const room = current && this.rooms.get(current);
    if (room) this.rooms.open(room);
  }

  // ── rooms ──

  open(room, from = this.rooms.current) {
    if (from) this.#tell("leaving-view", from);
    this.rooms.open(room);
    if (document.visibilityState === "visible") this.#read(room);
    this.link.roomsChanged();
    this.#tell("opened", { room, from });
    this.#changed();
  }

  join(name) { return this.#joinBy(`/join ${name}`, name, true); }
  create(name, kind = "") { return this.#joinBy(`/create ${name} ${kind}`.trim(), name, true); }

  async #joinBy(command, name, show) {
    const known = this.rooms.get(name);
    if (known?.joined && command.startsWith("/join") && show) return this.open(known);
    this.#joining.add(keyOf(name));
    // Before anything is shown of it: a position of which the epoch is unknown would be believed in any.
    this.rooms.epoch ??= (await api.history(name, 0, 1).catch(() => ({}))).epoch;
    try {
      const { data, message } = await this.link.command(command);
      const room = this.rooms.join(data?.room ?? name);
      const newest = data?.last_seq ?? room.facts.last_seq;
      // A stream starts where we say; the WebSocket sends the last ten on its own, unless the session was in the
      // room already: then it has to be asked to go on there.
      if (this.link.byStreams) room.last = Math.max(room.last, newest);
      else room.base = Math.max(0, newest - 10);
      if (data?.last_seq === undefined && !known?.joined) this.link.restart();
      if (show) this.open(room);
      this.link.roomsChanged();
      this.#askAboutMe(); // my role there, and whether it is muted
      this.#changed();
      return message;
    } finally {
      this.#joining.delete(keyOf(name));
    }
  }

  async leave(room) {
    await this.link.command(`/leave ${room.name}`);
    const from = this.rooms.current;
    const next = this.rooms.leave(room);
    this.link.roomsChanged();
    if (next) this.open(next, from); else this.#tell("opened", { room: null, from });
    this.#changed();
  }

  // ── what arrives ──

  async #connected() {
    for (const room of this.rooms.joined) room.stuck = false;
    // A WebSocket joins what it resumes; streams only read.
    const rejoin = this.#fresh && this.link.byStreams ? this.rooms.joined.map((room) => room.name) : [];
    if (this.rooms.joined.length === 0) rejoin.push("general");
    try {
      for (const name of rejoin) {
        await this.#joinBy(`/join ${name}`, name, this.rooms.current === null).catch((error) => {
          if (error.code !== "no_such_room" || !this.#end({ room: name })) throw error;
        });
      }
      this.#fresh = false;
    } catch (error) {
      if (!error.unanswered) this.note(error.detail, "problem");
    }
    this.outbox.pump();
    this.#tell("look-again");
    this.#askAboutMe();
    this.#changed();
  }

  #message(message) {
    const room = this.rooms.get(message.room) ?? this.rooms.ensure(message.room);
    const joining = this.#joining.has(keyOf(room.name));
    if (!room.joined && !joining) {
      if (!isDirect(room.name)) return;
      // It is read without being joined; what came before can be scrolled back to.
      this.rooms.join(room.name);
      room.base = room.last = message.seq - 1;
      room.read = (message.number ?? message.seq) - 1;
      this.link.roomsChanged();
    }
    const before = { last: room.last, number: room.number };
    let outcome = room.add(message);
    if (outcome === "known") return;
    if (outcome === "other") {
      // The same place in the room holds something else: the server's log is another one now.
      this.#anew(room, 0, "The history of this room was replaced on the server.");
      outcome = room.add(message);
    } else if (outcome === "new") this.#bridge(room, before, message, 1);
    const mine = keyOf(message.user) === keyOf(this.nickname);
    if (mine) this.outbox.seen(message);
    if (outcome === "new") {
      const seen = room === this.rooms.current && document.visibilityState === "visible";
      if (seen) this.#read(room);
      else if (!mine && !joining) room.count(message, calls(message, this.nickname));
      this.typing.said(message);
      if (seen && !joining && !mine) this.#tell("heard", `${message.user}: ${message.content}`);
      if (mine) room.divider = null;
      if (room !== this.rooms.current || this.log.atEnd) room.trim();
    }
    this.#changed();
  }

  /** Something happened to a message, which is `now`. */
  #event(event, now) {
    const room = this.rooms.get(event.room);
    if (!room?.joined && !this.#joining.has(keyOf(event.room))) return false;
    const before = { last: room?.last ?? 0, number: room?.number ?? null };
    const to = room ?? this.rooms.ensure(event.room);
    let outcome = to.change(event, now);
    if (outcome === "other") {
      this.#anew(to, 0, "The history of this room was replaced on the server.");
      outcome = to.change(event, now);
    } else if (outcome === "new") this.#bridge(to, before, event, 0);
    this.#changed();
    return outcome === "new";
  }

  #topic(event) {
    if (!this.#event(event, {})) return;
    const room = this.rooms.get(event.room);
    room.facts.topic = event.topic;
    const text = event.topic ? `${event.user} set the topic: ${event.topic}` : `${event.user} took the topic away.`;
    room.note(text);
    if (room === this.rooms.current) this.#tell("heard", text);
    this.#changed();
  }

  /** Fetches what is missing between where the room was and what came now, which counts as `own` messages. */
  #bridge(room, before, { seq, number }, own) {
    if (before.last === 0 || seq === before.last + 1) return;
    // Without a number there is no telling messages from events, which pages of the past do not have.
    const counted = before.number !== null && number !== undefined;
    const missing = counted ? number - before.number - own : seq - before.last - 1;
    if (missing > 0) this.#fill(room, before.last + 1, seq - 1, counted ? missing : 0);
  }

  #system({ room: name, text }) {
    const room = name && this.rooms.get(name);
    if (name && !room?.joined) return;
    (room ?? this.rooms.current ?? this.rooms.lobby).note(text);
    this.#tell("look-again");
    this.#changed();
  }

  #gap({ room: name, from, to }) {
    const room = name && this.rooms.get(name);
    if (!room?.joined) return;
    if (from !== null && to > room.last) {
      room.gapTo = room.last = to;
      room.number = null;
      room.note(`Messages ${from} to ${to} are no longer kept here.`, "gap");
    } else {
      // We claim to have seen what the server does not have: believe the server.
      const last = from === null ? to : from - 1;
      this.#anew(room, last, "The history of this room was replaced on the server.");
    }
    this.#changed();
  }

  /** The server's past is another one: what we hold may not be in it. What is is read again. */
  #reset({ room: name, epoch, last_seq }) {
    this.rooms.epoch = epoch;
    const room = name && this.rooms.get(name);
    if (!room?.joined) return;
    this.#anew(room, last_seq, "The server lost part of the past. What it has is shown.");
    this.#changed();
  }

  /** Holds nothing of a room any more, and says why. What is shown of it is read again. */
  #anew(room, last, why) {
    room.forget();
    room.last = last;
    room.note(why, "gap");
    if (room === this.rooms.current) this.#tell("heard", why);
  }

  /** A room is not there any more; whether we were in it. No other is opened: what is typed at this moment is not
   *  for that one. */
  #end({ room: name }) {
    const room = name && this.rooms.get(name);
    if (!room?.joined) return false;
    const unsent = this.outbox.withdraw(room);
    if (room !== this.rooms.current && room.draft.trim()) unsent.push(room.draft);
    room.draft = "";
    room.listed = false;
    this.rooms.leave(room);
    this.link.roomsChanged();
    const kept = unsent.length ? ` You had not sent:\n${unsent.join("\n")}` : "";
    this.note(`The room ${room.name} is not there any more.${kept}`, "problem");
    this.#tell("look-again");
    return true;
  }

  /** A message came too early: fetch those between, which are `missing` at least. They are put in their place by seq. */
  async #fill(room, from, to, missing) {
    from = Math.max(from, room.gapTo + 1);
    let before = to + 1;
    let whole = false, found = 0;
    const { begun } = room;
    try {
      while (!whole && to - before < MOST_FILLED) {
        const { messages } = await api.history(room.name, before, HISTORY_PAGE);
        if (room.begun !== begun) return;
        const between = messages.filter((m) => m.seq >= from && m.seq < before);
        for (const message of between) room.add(message);
        found += between.length;
        whole = between.length < HISTORY_PAGE;
        before = Math.min(before, ...between.map((m) => m.seq));
      }
    } catch { whole = false; /* said below */ }
    if (!whole || found < missing) room.note(`Messages ${from} to ${before - 1} could not be loaded.`, "gap");
    this.#changed();
  }

  /** Loads older messages; how many came. What is loading already is waited for. */
  older(room, limit = HISTORY_PAGE) {
    if (room.loading) return room.loading;
    room.loading = this.#older(room, limit);
    this.#changed();
    return room.loading;
  }

  async #older(room, limit) {
    const { begun } = room;
    try {
      const { messages, has_more, epoch } = await api.history(room.name, room.first || room.last + 1, limit);
      if (room.begun !== begun) return 0;
      this.rooms.epoch ??= epoch;
      const added = messages.filter((message) => room.add(message) !== "known").length;
      room.hasMore = has_more && added > 0;
      return added;
    } catch {
      room.stuck = room.begun === begun;
      return 0;
    } finally {
      room.loading = null;
      this.#changed();
    }
  }

  /** Shows a message in its place; false where that is too far back. */
  async goTo(name, seq, number) {
    const known = this.rooms.get(name);
    if (!known?.joined) await this.join(name);
    else if (known !== this.rooms.current) this.open(known);
    return this.log.goTo(this.rooms.get(name), seq, number);
  }

  // ── what goes out ──

  say(text) {
    const room = this.rooms.current;
    if (!room) {
      this.#tell("unsent", text);
      return this.note("You are in no room. Join one first.", "problem");
    }
    room.divider = null;
    this.outbox.add(room, text);
    this.log.toEnd();
  }

  /** Has a room call no more, but for mentions, or call again. */
  async mute(room, muted) {
    await this.link.ask(muted ? "mute_room" : "unmute_room", { room: room.name });
    room.muted = muted;
    const now = muted ? `${room.name} is muted: mentions alone are counted.` : `${room.name} is not muted any more.`;
    this.#tell("heard", now);
    this.#changed();
  }

  note(text, kind = "info") {
    (this.rooms.current ?? this.rooms.lobby).note(text, kind);
    this.#tell("heard", text);
    this.#changed();
  }

  /** The session is gone; what was on the wire in it cannot be retried blindly. */
  sessionLost() { this.link.stop(); this.outbox.sessionLost(); }

  #looked() {
    const room = this.rooms.current;
    if (document.visibilityState !== "visible" || !room) return;
    if (room.unread > 0) room.divider = room.read;
    this.#read(room);
    this.#changed();
  }

  #read(room) {
    room.markRead();
    this.marks.reached(room);
  }

  /** What the server knows of me: my roles, and what I have not read. */
  async #askAboutMe() {
    const me = await api.me().catch(() => null);
    if (!me) return;
    this.marks.kept = !me.guest;
    for (const of of me.rooms) {
      const room = this.rooms.get(of.name);
      if (!room?.joined) continue;
      room.role = of.role;
      room.muted = of.muted;
      if (me.guest) continue;
      const seen = room === this.rooms.current && document.visibilityState === "visible";
      if (!seen) { room.tally(of); continue; }
      if (of.unread > 0 && room.divider === null && of.read_number > 0) room.divider = of.read_number;
      this.#read(room);
    }
    this.#changed();
  }

  /** Opens the thread that a message begins, or is a reply in. */
  openThread({ room: name, seq, thread }, opener) {
    this.#tell("thread", { room: this.rooms.get(name), root: thread ?? seq, opener });
  }

  redraw() { this.#changed(); }

  #changed() { this.log.draw(); this.#tell("changed"); }

  #tell(type, detail) { this.dispatchEvent(new CustomEvent(type, { detail })); }
}
