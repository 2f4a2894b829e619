// The fall-back: one Server-Sent-Events stream for each of the rooms used last; posts go over HTTP.
import * as api from "./api.js";
import { Backoff } from "./backoff.js";
import { NEWS } from "./news.js";

// A browser keeps six connections to one host. Two are left for posts, lists and history.
const MOST_STREAMS = 4;

export class Streams {
  #session;
  #where;
  #on;
  #open = new Map(); // room -> EventSource
  #backoff = new Backoff();
  #timer = null;

  constructor(session, where, on) {
    this.#session = session;
    this.#where = where;
    this.#on = on;
  }

  /** Streams the rooms used last; the others are seen through the list of rooms until they are opened. */
  follow() {
    clearTimeout(this.#timer);
    this.#timer = null;
    const { rooms, epoch } = this.#where();
    const wanted = new Map([...rooms].slice(0, MOST_STREAMS));
    for (const [room, source] of this.#open) {
      if (wanted.has(room)) continue;
      source.close();
      this.#open.delete(room);
    }
    for (const [room, seq] of wanted) if (!this.#open.has(room)) this.#listen(room, seq, epoch);
    if (wanted.size === 0) this.#on.state("open");
  }

  follows(room) { return this.#open.has(room); }

  tryNow() { if (this.#timer) this.restart(); }

  restart() {
    this.close();
    this.follow();
  }

  close() {
    clearTimeout(this.#timer);
    this.#timer = null;
    for (const source of this.#open.values()) source.close();
    this.#open.clear();
  }

  #listen(room, seq, epoch) {
    const source = new EventSource(api.streamUrl(room, this.#session, seq, epoch));
    this.#open.set(room, source);
    const pass = (type) => source.addEventListener(type, ({ data }) => {
      let detail;
      try { detail = JSON.parse(data); } catch { detail = { text: data }; }
      if (this.#open.get(room) === source) this.#on.event(type, { room, ...detail });
    });
    for (const type of NEWS) if (type !== "end") pass(type);
    // The browser would come back by itself: to a room that is gone, or with the epoch that is over.
    const over = () => {
      if (this.#open.get(room) !== source) return false;
      source.close();
      return this.#open.delete(room);
    };
    source.addEventListener("reset", () => { if (over()) this.follow(); });
    source.addEventListener("end", ({ data }) => { if (over()) this.#on.event("end", JSON.parse(data)); });
    source.onopen = () => { this.#backoff.reset(); this.#on.state("open"); };
    source.onerror = () => {
      if (this.#open.get(room) !== source) return;
      // While it is CONNECTING the browser comes back by itself, at the time the server asked for.
      if (source.readyState === EventSource.CONNECTING) this.#on.state("waiting", null);
      else this.#refused(room);
    };
  }

  /** The server answered, but not with a stream: ask why, and come back later. */
  async #refused(room) {
    this.close();
    const delay = this.#backoff.next();
    this.#timer = setTimeout(() => this.restart(), delay);
    this.#on.state("waiting", Date.now() + delay);
    try {
      await api.command(this.#session, "/help");
      await api.history(room, 0, 1);
    } catch (error) {
      if (error.sessionLost) this.#on.event("session-lost", {});
      if (error.code === "no_such_room") this.#on.event("end", { room });
    }
  }
}
