// A message between those around it, in the panel beside the room: where the room itself is too far ahead to show it, or
// one is not in that.
import * as api from "./api.js";
import { make, reconcile, setText } from "./dom.js";
import { dayName, hueOf, timeOf, withLinks } from "./text.js";

export class Around {
  #beside;
  #open = null; // {room, seq, nodes, messages}

  constructor(beside) { this.#beside = beside; }

  /** `back()` leads to where one came from. */
  open(room, seq, back) {
    const button = (words, act, hidden) => make("button.quiet", { type: "button", hidden, onclick: act }, words);
    const nodes = {
      back: button("← Back to the list", back, false), state: make("p.fine", { role: "status" }, "Loading…"),
      older: button("Show older ones", () => this.#load("before"), true), items: make("ol.found", { "aria-label": `Messages of ${room}` }),
      newer: button("Show newer ones", () => this.#load("after"), true),
    };
    this.#beside.open("around", `#${seq} in ${room}`, null, () => { this.#open = null; })
      .append(nodes.back, nodes.state, nodes.older, nodes.items, nodes.newer);
    this.#open = { room, seq, nodes, messages: [] };
    this.#load("around");
  }

  async #load(side) {
    const open = this.#open, { room, seq, nodes } = open;
    const end = () => ({ around: seq, before: open.messages[0]?.seq, after: open.messages.at(-1)?.seq })[side];
    const at = end();
    let why = "", page = { messages: [], has_more: false };
    try {
      page = await api.past(room, side, at);
    } catch (error) {
      why = error.detail ?? String(error);
    }
    // A button that is pressed twice asks for the same page twice: the second is there already.
    if (open !== this.#open || end() !== at) return;
    if (why) return setText(nodes.state, why);
    // The list as it is now: the other button may have added to it meanwhile.
    const { messages } = open;
    open.messages = side === "before" ? [...page.messages, ...messages] : [...messages, ...page.messages];
    if (side !== "after") nodes.older.hidden = !page.has_more;
    // Of a page around a place it is not said whether there are newer ones.
    if (side !== "before") nodes.newer.hidden = side === "after" ? !page.has_more : page.messages.at(-1)?.seq === undefined;
    const there = open.messages.some((message) => message.seq === seq);
    setText(nodes.state, there ? "" : "That message is not there any more.");
    this.#draw();
    const show = side === "around" ? nodes.items.querySelector("[aria-current]") : null;
    show?.scrollIntoView({ block: "center" });
    show?.focus({ preventScroll: true });
  }

  #draw() {
    const { nodes, seq, messages } = this.#open;
    reconcile(nodes.items, messages.map((message) => ({ key: String(message.seq), message })),
      ({ message: { seq: own, user, created_at, content, deleted } }) => {
        const date = new Date(created_at);
        const is = own === seq;
        return make("li", { tabindex: is ? "-1" : null, "aria-current": is ? "true" : null },
          make("p.meta", {}, make(`bdi.author.${hueOf(user)}`, {}, user), " ",
            make("time", { datetime: date.toISOString() }, `${dayName(date)}, ${timeOf(date)}`)),
          make("div.content", { dir: "auto" }, ...(deleted ? ["deleted"] : withLinks(content))));
      }, () => {});
  }
}
