// The message box while it holds a message that was said before. Escape gives up; the draft comes back.
import { draft, setDraft } from "./composer.js";
import { $, setText } from "./dom.js";
import { keyOf } from "./rooms.js";

export class Editing {
  #chat;
  #of = null; // {room, message, draft}

  constructor(chat) {
    this.#chat = chat;
    $("input").addEventListener("keydown", (event) => {
      if (event.isComposing) return;
      if (event.key === "ArrowUp" && !this.#of && draft() === "") this.#last(event);
      if (event.key === "Escape" && this.#of) this.end();
    });
    $("give-up").addEventListener("click", () => this.end());
  }

  begin(room, message) {
    this.end();
    this.#of = { room, message, draft: draft() };
    this.#show();
    setDraft(message.content);
    $("input").focus();
  }

  /** Gives up, or is done. */
  end() {
    if (!this.#of) return;
    setDraft(this.#of.draft);
    this.#of = null;
    this.#show();
    $("input").focus();
  }

  /** Takes what was written if it is the text of a message that is edited. */
  takes(text, save) {
    if (!this.#of) return false;
    const { room, message } = this.#of;
    this.end();
    if (text !== message.content) {
      save(room, message, text).then((saved) => {
        if (saved || this.#of || draft() || room !== this.#chat.rooms.current) return;
        this.begin(room, message); // what was written is not lost
        setDraft(text);
      });
    }
    return true;
  }

  #last(event) {
    const room = this.#chat.rooms.current;
    const mine = room?.messages.findLast(({ user, deleted }) => !deleted && keyOf(user) === keyOf(this.#chat.nickname));
    if (!mine) return;
    event.preventDefault();
    this.begin(room, mine);
  }

  #show() {
    $("editing").hidden = !this.#of;
    setText($("send"), this.#of ? "Save" : "Send");
  }
}
