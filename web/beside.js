// The panel beside the room: one list or thread at a time, in the place of the people. On a narrow screen it covers
// the room. Escape closes it, and the focus goes back to what opened it.
import { $, setText } from "./dom.js";

const NARROW = matchMedia("(max-width: 1099px)");

export class Beside {
  kind = null;  // of what is open
  #opener = null;
  #closed = null;

  constructor() {
    $("beside-close").addEventListener("click", () => this.close(true));
    $("scrim").addEventListener("click", () => this.close(true));
    $("beside").addEventListener("keydown", (event) => {
      if (event.key === "Escape" && !event.defaultPrevented) this.close(true);
    });
    NARROW.addEventListener("change", () => this.#cover());
  }

  /** Opens it for something of that kind; its content goes into what is given back. `closed()` is told of its end. */
  open(kind, title, opener, closed = () => {}) {
    this.#end();
    this.kind = kind;
    this.#opener = opener;
    this.#closed = closed;
    setText($("beside-title"), title);
    $("beside-body").replaceChildren();
    $("beside").dataset.kind = kind;
    $("beside").hidden = false;
    $("chat").classList.add("beside");
    this.#cover();
    $("beside").focus();
    return $("beside-body");
  }

  close(giveBackFocus) {
    if (this.kind === null) return;
    const opener = this.#opener;
    this.#end();
    this.#opener = null;
    $("beside").hidden = true;
    $("chat").classList.remove("beside");
    this.#cover();
    if (giveBackFocus) (opener?.isConnected ? opener : $("input")).focus();
  }

  #end() {
    const closed = this.#closed;
    this.kind = this.#closed = null;
    closed?.();
  }

  #cover() {
    const covers = this.kind !== null && NARROW.matches;
    $("room").inert = covers;
    $("scrim").classList.toggle("open", covers);
  }
}
