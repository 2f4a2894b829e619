// Typing notices: sent while the user types, and shown for a few seconds when they come.
import { draft } from "./composer.js";
import { $, setText } from "./dom.js";
import { keyOf } from "./rooms.js";

const TOLD_EVERY = 3000;
const SHOWN_FOR = 5000;
const MOST_NAMED = 3;

export class Typing {
  #chat;
  #told = 0;
  #rooms = new Map(); // key of a room -> nickname -> until when

  constructor(chat) {
    this.#chat = chat;
    $("input").addEventListener("input", () => this.#tell());
  }

  #tell() {
    const room = this.#chat.rooms.current, now = Date.now();
    if (!room || !this.#chat.link.ready || !$("editing").hidden || !draft().trim() || draft().startsWith("/")) return;
    if (now - this.#told < TOLD_EVERY) return;
    this.#told = now;
    this.#chat.link.ask("typing", { room: room.name }).catch(() => {}); // it is no loss
  }

  heard({ room, user }) {
    if (keyOf(user) === keyOf(this.#chat.nickname)) return;
    const people = this.#rooms.get(keyOf(room)) ?? new Map();
    this.#rooms.set(keyOf(room), people.set(user, Date.now() + SHOWN_FOR));
    setTimeout(() => this.draw(), SHOWN_FOR + 50);
    this.draw();
  }

  /** An author that sent its message is not typing any more. */
  said({ room, user }) {
    if (this.#rooms.get(keyOf(room))?.delete(user)) this.draw();
  }

  draw() {
    const people = this.#rooms.get(keyOf(this.#chat.rooms.current?.name ?? "")) ?? new Map();
    for (const [user, until] of people) if (until <= Date.now()) people.delete(user);
    const names = [...people.keys()];
    const who = names.length > MOST_NAMED ? `${names.length} people` : names.join(", ");
    setText($("typing"), names.length ? `${who} ${names.length === 1 ? "is" : "are"} writing…` : "");
  }
}
