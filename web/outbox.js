// Messages on their way: one at a time for each room, so that they stay in order, each with a nonce, so that
// trying again can never store one twice.
import { Backoff } from "./backoff.js";
import { keyOf } from "./rooms.js";

const GIVE_UP = 15000; // then it is for the writer to decide

export class Outbox {
  // {room, content, nonce, state: "sending" | "failed", reason, since, tried, doubt, presumed}
  // tried: it was on the wire. doubt: and nobody answered. epoch: in which session. presumed: the seq of what
  // looks like it.
  #items = [];
  #link;
  #changed;
  #busy = new Set();
  #epoch = 0;

  constructor(link, changed) { this.#link = link; this.#changed = changed; }

  /** What to show below the messages of a room. */
  of(room) { return this.#items.filter((item) => keyOf(item.room) === keyOf(room.name) && item.presumed === null); }

  find(nonce) { return this.#items.find((item) => item.nonce === nonce); }

  add(room, content) {
    this.#items.push({
      room: room.name, content, nonce: newNonce(), state: "sending", reason: "",
      since: Date.now(), tried: false, doubt: false, epoch: this.#epoch, presumed: null, backoff: new Backoff(),
    });
    this.#changed();
    this.pump();
  }

  retry(item) {
    Object.assign(item, { state: "sending", reason: "", since: Date.now(), epoch: this.#epoch, backoff: new Backoff() });
    this.#changed();
    this.pump();
  }

  discard(item) {
    this.#items = this.#items.filter((other) => other !== item);
    this.#changed();
  }

  /** The room is gone: nothing waits for it any more. Gives the texts that were not stored in it. */
  withdraw(room) {
    const unseen = this.of(room).map((item) => item.content);
    this.#items = this.#items.filter((item) => keyOf(item.room) !== keyOf(room.name));
    return unseen;
  }

  /** Our own words came back, perhaps before the answer did: do not show them twice. */
  seen({ room, content, seq }) {
    const item = this.#items.find((i) => i.presumed === null && keyOf(i.room) === keyOf(room) && i.content === content
      && (i.doubt || (i.tried && i.state === "sending")));
    if (!item) return;
    if (item.state === "failed") this.discard(item);
    else item.presumed = seq;
  }

  /** The session is another one now, and the server's memory of our nonces went with the old one. */
  sessionLost() { this.#epoch++; }

  /** Sends what waits. Called when something was added and when the connection is back. */
  pump() {
    for (const room of new Set(this.#items.map((item) => item.room))) this.#pump(room);
  }

  async #pump(room) {
    if (this.#busy.has(room)) return;
    this.#busy.add(room);
    let item;
    while ((item = this.#items.find((i) => i.room === room && i.state === "sending"))) {
      const pause = await this.#attempt(item);
      if (pause === null) break;
      if (pause) await new Promise((wake) => setTimeout(wake, pause));
    }
    this.#busy.delete(room);
  }

  /** Tries once. Answers how long to wait before going on with this room; null: until the connection is back. */
  async #attempt(item) {
    const age = Date.now() - item.since;
    if (age >= GIVE_UP) return this.#fail(item, item.reason || "There was no connection to the server.");
    if (item.doubt && item.epoch !== this.#epoch) {
      return this.#fail(item, "The session ended before this was confirmed. It may have been sent.");
    }
    if (!this.#link.ready) {
      setTimeout(() => this.#pump(item.room), GIVE_UP - age);
      return null;
    }
    try {
      item.tried = true;
      item.epoch = this.#epoch;
      await this.#link.send({ room: item.room, content: item.content, nonce: item.nonce });
      this.discard(item);
      return 0;
    } catch (error) {
      item.doubt ||= error.unanswered;
      item.reason = error.detail;
      if (error.sessionLost) return null;
      if (!error.passing) return this.#fail(item, error.detail);
      return this.#link.ready ? item.backoff.next(error.retryAfter) : 0;
    }
  }

  #fail(item, reason) {
    Object.assign(item, { state: "failed", reason, presumed: null });
    this.#changed();
    return 0;
  }
}

/** randomUUID exists only over https and on localhost. */
export const newNonce = () => crypto.randomUUID?.()
  ?? [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
