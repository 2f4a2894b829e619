// The lists beside the room: what is pinned in it, and where one is mentioned. Each message leads to its place.
import * as api from "./api.js";
import { $, make, reconcile, setText } from "./dom.js";
import { dayName, hueOf, timeOf, withLinks } from "./text.js";

const AGAIN = 300; // after a change, so long, and it is asked for anew

export class Found {
  #chat;
  #beside;
  #around;
  #list = null; // {kind, room, ask, none, nodes, messages, next}
  #timer = null;

  constructor(chat, beside, around) {
    this.#chat = chat;
    this.#beside = beside;
    this.#around = around;
    for (const name of ["pin", "edit", "delete"]) {
      chat.link.addEventListener(name, ({ detail }) => this.#stale(({ room }) => room === null || room === detail.room));
    }
    chat.link.addEventListener("message", ({ detail }) => this.#stale(({ kind }) => kind === "mentions" && detail.mentions));
  }

  pins(room, opener) {
    this.#open({
      kind: "pins", room: room.name, none: "Nothing is pinned in this room.", ask: (before) => api.pins(room.name, before),
    }, `Pinned in ${room.name}`, opener);
  }

  mentions(opener) {
    const none = "Nothing mentions you. Others do by @ and your nickname.";
    this.#open({ kind: "mentions", room: null, none, ask: api.mentions }, "Mentions", opener);
  }

  #open(list, title, opener) {
    const nodes = {
      state: make("p.fine", { role: "status" }, "Loading…"), items: make("ol.found", { "aria-label": title }),
      more: make("button.quiet", { type: "button", hidden: true, onclick: () => this.#load(list, list.next) }, "Show older ones"),
    };
    this.#beside.open(list.kind, title, opener, () => { this.#list = null; }).append(nodes.state, nodes.items, nodes.more);
    this.#list = Object.assign(list, { nodes, messages: [] });
    this.#load(list);
  }

  #stale(meant) {
    if (!this.#list || !meant(this.#list)) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => { if (this.#list) this.#load(this.#list); }, AGAIN);
  }

  async #load(list, before) {
    let why = "";
    try {
      const { messages, next = null } = await list.ask(before);
      list.messages = before ? [...list.messages, ...messages] : messages;
      list.next = next;
    } catch (error) {
      why = error.detail;
    }
    if (list !== this.#list) return;
    setText(list.nodes.state, why || (list.messages.length ? "" : list.none));
    list.nodes.more.hidden = list.next == null;
    reconcile(list.nodes.items, list.messages.map((message) => ({ key: String(message.id), message })),
      ({ message }) => this.#item(list, message),
      (node, { message }) => {
        if (node.text === message.content) return;
        node.text = message.content;
        node.querySelector(".content").replaceChildren(...withLinks(message.content));
      });
  }

  #item({ room }, { room: of, seq, number, user, created_at }) {
    const date = new Date(created_at);
    const when = `${dayName(date)}, ${timeOf(date)}`;
    return make("li", {},
      make("p.meta", {}, make(`bdi.author.${hueOf(user)}`, {}, user), " ",
        ...(room === null ? [make("bdi.place", {}, of), " "] : []), make("time", { datetime: date.toISOString() }, when)),
      make("div.content", { dir: "auto" }),
      make("button.quiet", { type: "button", "aria-label": `Show in the room ${of}: the message of ${user}, ${when}`,
        onclick: () => this.#goTo(of, seq, number) }, "Show in the room"));
  }

  async #goTo(room, seq, number) {
    const { kind } = this.#list;
    const back = () => (kind === "mentions" ? this.mentions($("show-mentions")) : this.pins(this.#chat.rooms.current, $("room-menu")));
    // What covers the room would be in the way.
    if (document.getElementById("room").inert) this.#beside.close(false);
    try {
      if (!await this.#chat.goTo(room, seq, number)) this.#around.open(room, seq, back);
    } catch (error) {
      this.#chat.note(error.detail ?? String(error), "problem");
    }
  }
}
