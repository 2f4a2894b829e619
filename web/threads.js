// Threads of rooms: how many replies each has and how many are unread, their list, and the one that is open.
import * as api from "./api.js";
import { make, reconcile, setText } from "./dom.js";
import { NOW } from "./news.js";
import { keyOf } from "./rooms.js";
import { hueOf, timeOf } from "./text.js";
import { repliesText } from "./message.js";
import { Thread } from "./thread.js";

export class Threads {
  #chat;
  #beside;
  #on;
  #open = null; // the thread in the panel
  #list = null; // the list there: {room, draw()}

  constructor(chat, beside, on) {
    this.#chat = chat;
    this.#beside = beside;
    this.#on = on;
    chat.link.addEventListener("message", ({ detail }) => this.#said(detail));
    for (const [name, now] of Object.entries(NOW)) {
      chat.link.addEventListener(name, ({ detail }) => this.#ofOpen(detail)?.changed(detail, now(detail)));
    }
    chat.link.addEventListener("connected", () => {
      this.#open?.load();
      if (chat.rooms.current) this.look(chat.rooms.current);
    });
    chat.link.addEventListener("read", ({ detail: { room, thread } }) => {
      const known = thread && chat.rooms.get(room)?.threads.get(thread);
      if (known) this.#note(chat.rooms.get(room), { ...known, unread: 0 });
    });
  }

  /** How many replies wait in a room: of threads that one follows. */
  static waiting(room) { return [...room.threads.values()].reduce((sum, { following, unread }) => sum + (following ? unread : 0), 0); }

  /** Asks how the threads of a room stand. */
  async look(room) {
    const { threads } = await api.threads(room.name).catch(() => ({ threads: [] }));
    for (const thread of threads) this.#note(room, thread);
  }

  open(room, root, opener) {
    const panel = this.#beside.open("thread", `Thread in ${room.name}`, opener, () => { this.#open?.leave(); this.#open = null; });
    this.#open = new Thread(this.#chat, this, this.#on, { room, root }, panel);
    this.#open.nodes.box.focus();
  }

  list(room, opener) {
    const state = make("p.fine", { role: "status" }, "Loading…");
    const items = make("ol.found", { "aria-label": `Threads of ${room.name}` });
    const draw = () => {
      const threads = [...room.threads.values()].filter(({ replies }) => replies > 0).sort((a, b) => b.last_seq - a.last_seq);
      setText(state, threads.length ? "" : "No message has replies here. T at a message begins a thread.");
      reconcile(items, threads.map((thread) => ({ key: String(thread.root), thread })),
        ({ thread }) => this.#item(room, thread, opener),
        (node, { thread }) => this.#update(node, room, thread));
    };
    this.#beside.open("threads", `Threads of ${room.name}`, opener, () => { this.#list = null; }).append(state, items);
    this.#list = { room, draw };
    this.look(room).then(draw);
  }

  #item(room, { root, root_message: message }, opener) {
    const user = message?.user ?? "";
    return make("li", {},
      make("p.meta", {}, make(`bdi.author.${hueOf(user)}`, {}, user), " ", make("time.when")),
      make("div.content.short", { dir: "auto" }),
      make("button.quiet", { type: "button", onclick: () => this.open(room, root, opener) },
        make("span.count"), " ", make("span.badge")));
  }

  #update(node, room, { root, title, root_message: message, replies, unread, last_at }) {
    const last = new Date(last_at);
    setText(node.querySelector(".when"), `last ${timeOf(last)}`);
    const text = room.find(root)?.content || title || message?.content || "deleted";
    setText(node.querySelector(".content"), text);
    setText(node.querySelector(".count"), repliesText(replies));
    const badge = node.querySelector(".badge");
    badge.hidden = !unread;
    setText(badge, `${unread} new`);
    node.querySelector("button").setAttribute("aria-label",
      `${repliesText(replies)}${unread ? ` ${unread} new` : ""}: open the thread ${text.slice(0, 60)}`);
  }

  /** A reply was said: it counts, and unread if it is another's and not on the screen. */
  #said(message) {
    const { thread: root, user, seq, created_at } = message;
    const room = this.#chat.rooms.get(message.room);
    if (!root || !room?.joined || room.threads.get(root)?.last_seq >= seq) return;
    const mine = keyOf(user) === keyOf(this.#chat.nickname);
    const open = this.#ofOpen(message);
    const shown = open?.root === root && document.visibilityState === "visible";
    const known = room.threads.get(root) ?? { root, replies: 0, unread: 0, following: false, muted: false };
    const unread = mine || shown ? 0 : known.unread + (known.muted ? 0 : 1);
    const following = known.following || (mine && !known.muted && this.#chat.marks.kept);
    this.#note(room, { ...known, replies: known.replies + 1, unread, following, last_seq: seq, last_at: created_at });
    open?.said(message);
  }

  wasRead(room, root) {
    const known = room.threads.get(root);
    if (known?.unread) this.#note(room, { ...known, unread: 0 });
  }

  stands(room, root, { following, muted }) {
    const known = room.threads.get(root);
    if (known) this.#note(room, { ...known, following, muted });
  }

  #note(room, thread) {
    room.threads.set(thread.root, thread);
    const root = room.find(thread.root);
    if (root) root.changes = (root.changes ?? 0) + 1; // it shows how many replies it has
    if (this.#list?.room === room) this.#list.draw();
    this.#chat.redraw();
  }

  #ofOpen({ room }) { return this.#open && keyOf(this.#open.room.name) === keyOf(room) ? this.#open : null; }
}
