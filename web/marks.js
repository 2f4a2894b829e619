// How far one has read, told to the server for one's other devices: of an account, and at most once a second.
import { keyOf } from "./rooms.js";

const PAUSE = 1000;
const MOST = 100; // marks that the server takes at once

export class Marks {
  kept = false;      // whether the server keeps them: of a guest it does not
  #link;
  #due = new Map();  // key of a room -> the room
  #told = new Map(); // key of a room -> the seq
  #timer = null;

  constructor(link) { this.#link = link; }

  /** All of a room was on the screen. */
  reached(room) {
    if (room.last === 0 || this.#told.get(keyOf(room.name)) === room.last) return;
    this.#due.set(keyOf(room.name), room);
    this.#timer ??= setTimeout(() => this.#tell(), PAUSE);
  }

  async #tell() {
    this.#timer = null;
    if (!this.kept) return;
    const due = [...this.#due].slice(0, MOST).filter(([, room]) => room.joined);
    this.#due.clear();
    const marks = due.map(([, room]) => ({ room: room.name, seq: room.last }));
    if (marks.length === 0) return;
    try {
      await this.#link.ask("read", { marks });
      due.forEach(([key], i) => this.#told.set(key, marks[i].seq));
    } catch { /* it is told with the next message that is read, and when the connection is back */ }
  }
}
