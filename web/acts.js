// What one does to a message: edits, deletes, pins it, reacts to it.
import { $ } from "./dom.js";
import { ask, openMenu, openPicker } from "./menu.js";
import { keyOf } from "./rooms.js";

/** Roles that delete what others said. */
const KEEP_ORDER = ["moderator", "admin", "owner"];

export class Acts {
  #chat;
  #edit;
  #thread;

  /** `edit(room, message)` has the text changed, `thread(message, opener)` opens its thread. */
  constructor(chat, edit, thread) { this.#chat = chat; this.#edit = edit; this.#thread = thread; }

  /** Opens the menu of a message at its button. */
  menu(button, message) {
    const room = this.#room(message);
    if (!room) return;
    const mine = keyOf(message.user) === keyOf(this.#chat.nickname);
    const items = [{ label: "React…", act: () => openPicker(button, (emoji) => this.react(message, emoji, true)) }];
    if (!button.closest("#beside")) items.push({ label: "Reply in thread", act: () => this.#thread(message, button) });
    if (mine) items.push({ label: "Edit", act: () => this.#edit(room, message) });
    items.push({ label: message.pinned ? "Unpin" : "Pin", act: () => this.#do(message.pinned ? "unpin" : "pin", message) });
    items.push({ label: "Copy a reference", act: () => this.#copy(room, message) });
    if (mine || KEEP_ORDER.includes(room.role)) items.push({ label: "Delete…", act: () => this.#delete(message) });
    openMenu(button, `Message of ${message.user}`, items);
  }

  react(message, emoji, given) { return this.#do(given ? "react" : "unreact", message, { emoji }); }

  /** Sends another text; false where it was refused, which is said. */
  edit(room, { seq }, content) { return this.#do("edit", { room: room.name, seq }, { content }); }

  async #delete(message) {
    if (!await ask("Delete this message for all?", message.content, "Delete")) return;
    if (await this.#do("delete", message)) $("scroller").focus(); // the button goes with the text
  }

  async #copy(room, { seq }) {
    const reference = `${room.name}#${seq}`;
    try {
      await navigator.clipboard.writeText(reference);
      this.#chat.dispatchEvent(new CustomEvent("heard", { detail: `${reference} is copied.` }));
    } catch { // without https, or where the browser does not allow it
      this.#chat.note(`The reference is ${reference}`);
    }
  }

  async #do(name, { room, seq }, more = {}) {
    try {
      await this.#chat.link.ask(name, { room, seq, ...more });
      return true;
    } catch (error) {
      this.#chat.note(error.detail ?? String(error), "problem");
      return false;
    }
  }

  #room({ room }) { return this.#chat.rooms.get(room); }
}
