// The fall-back: one Server-Sent-Events stream for each of the rooms used last; posts go over HTTP.
import * as api from "./api.js";
import { Backoff } from "./backoff.js";

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
    pass("message");
    pass("system");
    pass("gap");
    pass("reset");
    // The browser would come back with the epoch that is over.
    source.addEventListener("reset", () => {
      if (this.#open.get(room) !== source) return;
      source.close();
      this.#open.delete(room);
      this.follow();
    });
    source.onopen = () => { this.#backoff.reset(); this.#on.state("open"); };
    source.onerror = () => {
      if (this.#open.get(room) !== source) return;
      // While it is CONNECTING the browser comes back by itself, at the time the server asked for.
      if (source.readyState === EventSource.CONNECTING) this.#on.state("waiting", null);
      else this.#refused();
    };
  }

  /** The server answered, but not with a stream: ask why, and come back later. */
  async #refused() {
    this.close();
    const delay = this.#backoff.next();
    this.#timer = setTimeout(() => this.restart(), delay);
    this.#on.state("waiting", Date.now() + delay);
    try {
      await api.command(this.#session, "/help");
    } catch (error) {
      if (error.sessionLost) this.#on.event("session-lost", {});
    }
  }
}
