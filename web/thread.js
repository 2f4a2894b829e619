// A thread in the panel beside the room: the message that it is about, its replies as they come, and a box for one more.
import * as api from "./api.js";
import { make, reconcile, setText } from "./dom.js";
import { committed, repliesText, show } from "./message.js";
import { newNonce } from "./outbox.js";
import { clean, lengthOf, MOST_CHARS } from "./text.js";

const PAUSE = 1000; // between two marks of how far it is read

export class Thread {
  #chat;
  #on;
  #threads;
  #timer = null;
  #told = 0;

  /** `of`: {room, root}; `on`: {menu(button, message), react(message, emoji, given)}; `threads` counts. */
  constructor(chat, threads, on, { room, root }, body) {
    this.#chat = chat;
    this.#on = on;
    this.#threads = threads;
    Object.assign(this, { room, root, messages: new Map(), stance: null, more: false });
    this.nodes = this.#make();
    body.append(...this.nodes.all);
    this.load();
  }

  #make() {
    const state = make("p.fine", { role: "status" }, "Loading…");
    const older = make("button.quiet", { type: "button", hidden: true, onclick: () => this.load(true) }, "Load older replies");
    const list = make("ol.thread");
    const heard = make("div", { role: "log", "aria-live": "polite", "aria-label": "The message and its replies" }, list);
    const scroll = make("div.thread-scroll", { tabindex: "0", role: "group", "aria-label": "Thread" }, older, heard, state);
    const follow = make("button.quiet", { type: "button", onclick: () => this.#stand("follow", follow) }, "Follow");
    const mute = make("button.quiet", { type: "button", onclick: () => this.#stand("mute", mute) }, "Mute");
    const stands = make("div.row.stands", { hidden: true }, follow, mute);
    const box = make("textarea", { rows: "2", "aria-label": "Reply in this thread", placeholder: "Reply", enterkeyhint: "send" });
    const problem = make("p.problem", { role: "alert" });
    const send = make("button.primary", { type: "submit" }, "Reply");
    const form = make("form.reply", { onsubmit: (event) => { event.preventDefault(); this.#reply(); } }, problem, box, send);
    box.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
      event.preventDefault();
      this.#reply();
    });
    return { all: [stands, scroll, form], state, older, list, scroll, follow, mute, stands, box, problem, send };
  }

  /** Asks for the newest replies, or for those before what is here. */
  async load(older = false) {
    const before = older ? Math.min(...this.#replies().map(({ seq }) => seq)) : 0;
    try {
      const { thread, messages, has_more } = await api.thread(this.room.name, this.root, before);
      if (thread.root_message) this.#take(thread.root_message);
      messages.forEach((message) => this.#take(message));
      this.stance = thread;
      if (older || this.#replies().length <= messages.length) this.more = has_more;
      setText(this.nodes.state, "");
    } catch (error) {
      if (error.code !== "no_such_message") return setText(this.nodes.state, error.detail);
      setText(this.nodes.state, ""); // nothing was replied yet
    }
    const here = this.room.find(this.root);
    if (here) this.#take(here);
    this.draw(!older);
  }

  #take(message) { this.messages.set(message.seq, { ...message }); }
  #replies() { return [...this.messages.values()].filter(({ seq }) => seq !== this.root).sort((a, b) => a.seq - b.seq); }

  /** Something was said in the room. */
  said(message) {
    if (message.thread !== this.root) return;
    this.#take(message);
    this.draw(this.#atEnd());
  }

  /** Something happened to a message of the room, which is `now`. */
  changed({ target }, now) {
    const message = this.messages.get(target);
    if (!message) return;
    Object.assign(message, now, { changes: (message.changes ?? 0) + 1 });
    this.draw(false);
  }

  #atEnd() {
    const { scrollTop, scrollHeight, clientHeight } = this.nodes.scroll;
    return scrollHeight - scrollTop - clientHeight < 48;
  }

  draw(toEnd) {
    const { list, older, scroll, stands, follow, mute } = this.nodes;
    const root = this.messages.get(this.root), replies = this.#replies();
    const item = (message) => ({ key: `${message.seq}`, message });
    const count = { key: "count", count: replies.filter(({ deleted }) => !deleted).length };
    reconcile(list, [...(root ? [item(root)] : []), count, ...replies.map(item)],
      ({ message }) => (message ? committed(message, new Date(message.created_at), this.#on) : make("li.divider", {}, make("span"))),
      (node, { message, count: of }) => {
        if (!message) return setText(node.firstChild, of || this.more ? `${repliesText(of)}${this.more ? " of the last" : ""}` : "No replies yet");
        node.classList.add("head");
        node.openThread = null; // it is open
        show(node, message, this.#chat.nickname);
      });
    older.hidden = !this.more;
    stands.hidden = !this.#chat.marks.kept;
    for (const [button, on, words] of [[follow, this.stance?.following, "Follow"], [mute, this.stance?.muted, "Mute"]]) {
      button.setAttribute("aria-pressed", on === true);
      setText(button, on ? `${words === "Mute" ? "Muted" : "Following"}` : words);
    }
    if (toEnd) scroll.scrollTop = scroll.scrollHeight;
    this.#read(replies.at(-1)?.seq ?? 0);
  }

  /** What is on the screen is read: that is told once a second, and at the end. */
  #read(seq) {
    if (!this.#chat.marks.kept || seq <= this.#told || document.visibilityState !== "visible") return;
    this.#threads.wasRead(this.room, this.root);
    this.#timer ??= setTimeout(() => this.#mark(), PAUSE);
  }

  #mark() {
    clearTimeout(this.#timer);
    this.#timer = null;
    const before = this.#told, seq = this.#told = this.#replies().at(-1)?.seq ?? 0;
    const marks = [{ room: this.room.name, thread: this.root, seq }];
    this.#chat.link.ask("read", { marks }).catch(() => { this.#told = before; });
  }

  /** It is on the screen no more. */
  leave() { if (this.#timer) this.#mark(); }

  async #stand(to, button) {
    const name = `${button.ariaPressed === "true" ? "un" : ""}${to}_thread`;
    try {
      await this.#chat.link.ask(name, { room: this.room.name, seq: this.root });
      const on = !name.startsWith("un");
      this.stance = { ...this.stance, following: to === "follow" && on, muted: to === "mute" && on };
      this.#threads.stands(this.room, this.root, this.stance);
      this.draw(false);
    } catch (error) {
      setText(this.nodes.problem, error.detail);
    }
  }

  async #reply() {
    const { box, send, problem } = this.nodes;
    const content = clean(box.value).trim();
    if (!content || send.disabled) return;
    if (lengthOf(content) > MOST_CHARS) return setText(problem, `A message has ${MOST_CHARS} characters at most.`);
    send.disabled = true;
    this.nonce ??= newNonce();
    try {
      await this.#chat.link.send({ room: this.room.name, content, thread: this.root, nonce: this.nonce });
      box.value = "";
      this.nonce = null;
      this.stance = { ...this.stance, following: this.stance?.muted !== true };
      setText(problem, "");
      this.draw(true);
    } catch (error) {
      if (!error.unanswered) this.nonce = null; // else the same once more, which stores nothing twice
      setText(problem, `Not sent. ${error.detail}`);
    }
    send.disabled = false;
    box.focus();
  }
}
