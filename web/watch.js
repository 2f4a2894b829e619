// Looks at rooms and people now and then: every few seconds while somebody looks at us, at once when told.
import * as api from "./api.js";

const EVERY = 5000;
const DEAF_AFTER = 4000;      // the list knows of a message that the connection has not brought for so long
const RESTART_AT_MOST = 60000;

export class Watch {
  people = [];
  morePeople = false;
  #chat;
  #drawn;
  #timer = null;
  #on = false;
  #asking = false;
  #late = new Map();          // room -> {seq, since}
  #restarted = 0;

  constructor(chat, drawn) {
    this.#chat = chat;
    this.#drawn = drawn;
    document.addEventListener("visibilitychange", () => { if (!document.hidden) this.soon(); });
  }

  start() { this.#on = true; this.soon(); }
  stop() { this.#on = false; clearTimeout(this.#timer); }
  soon() { this.#in(250); }

  #in(delay) {
    clearTimeout(this.#timer);
    if (this.#on) this.#timer = setTimeout(() => this.#look(), delay);
  }

  async #look() {
    if (this.#asking) return this.#in(250);
    this.#asking = true;
    let pause = EVERY;
    try {
      const [{ rooms, more }, people] = await Promise.all([api.rooms(), api.users()]);
      this.people = people.users;
      this.morePeople = people.more;
      this.#chat.rooms.list(rooms, more);
      this.#checkHearing();
      this.#drawn();
    } catch (error) {
      pause = Math.max(EVERY, (error.retryAfter ?? 0) * 1000);
    }
    this.#asking = false;
    if (!document.hidden) this.#in(pause);
  }

  /** A socket can look alive and carry nothing. The list of rooms gives it away. */
  #checkHearing() {
    const { link, rooms } = this.#chat;
    const now = Date.now();
    for (const room of rooms.joined) {
      const late = this.#late.get(room);
      if (link.state !== "open" || !link.follows(room) || room.last >= room.facts.last_seq) this.#late.delete(room);
      else if (!late || room.last >= late.seq) this.#late.set(room, { seq: room.facts.last_seq, since: now });
      else if (now - late.since > DEAF_AFTER && now - this.#restarted > RESTART_AT_MOST) {
        this.#restarted = now;
        this.#late.clear();
        return link.restart();
      }
    }
  }
}
