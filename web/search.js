// Finding what was said: a box, filters, and what was found, in the panel beside the room.
import * as api from "./api.js";
import { $, make, reconcile, setText } from "./dom.js";
import { dayName, hueOf, timeOf } from "./text.js";

const BEFORE = 60;   // characters that are shown before what was found first
const SHOWN = 300;   // and in all
const ASKED = 20;    // messages of a page

/** What a press puts into the box, or takes out of it; `open` ones wait for a name or a day. */
const FILTERS = [
  ["From…", "from:", "open"], ["Before…", "before:", "open"], ["After…", "after:", "open"],
  ["With a link", "has:link"], ["Replies", "is:thread"], ["Pinned", "is:pinned"],
];

const HELP = [
  ["two words", "messages that have both"], ["\"two words\"", "these words in this order"],
  ["meet*", "words that begin so"], ["-coffee", "without it"],
  ["from:alice", "of a person"], ["in:general", "in a room"],
  ["before:2026-11-30", "before a day"], ["after:7d", "of the last days, or hours"],
];

export class Search {
  #chat;
  #beside;
  #around;
  #list = null; // {typed, nodes, hits, next, complete, asked}
  #kept = "";   // what was typed last

  /** `around(room, seq, back)` shows a message between others, where the room itself cannot. */
  constructor(chat, beside, around) {
    this.#chat = chat;
    this.#beside = beside;
    this.#around = around;
    chat.link.addEventListener("delete", ({ detail }) => this.#changed(detail, null));
    chat.link.addEventListener("edit", ({ detail }) => this.#changed(detail, detail.deleted ? null : detail.content));
    document.addEventListener("keydown", (event) => this.#keyed(event));
    $("show-search").addEventListener("click", () => this.open($("show-search")));
  }

  /** Ctrl+Shift+F anywhere, and a slash where nothing is written. */
  #keyed(event) {
    if ($("chat").hidden || event.defaultPrevented || event.altKey || document.querySelector("dialog[open], .popup")) return;
    const { target, key, ctrlKey, metaKey, shiftKey } = event;
    const writes = target.closest?.("input, textarea, select, [contenteditable]");
    const slash = key === "/" && !ctrlKey && !metaKey && !writes;
    const everywhere = (ctrlKey || metaKey) && shiftKey && key.toLowerCase() === "f";
    if (!slash && !everywhere) return;
    event.preventDefault();
    this.open(target === document.body ? $("show-search") : target);
  }

  open(opener, typed) {
    if (this.#beside.kind === "search" && typed === undefined) return this.#list.nodes.box.select();
    const nodes = this.#make();
    this.#beside.open("search", "Search", opener, () => { this.#list = null; }).append(...nodes.all);
    this.#list = { nodes, hits: [], next: null, complete: true, asked: 0, typed: "" };
    nodes.box.value = typed ?? this.#kept;
    this.#press();
    nodes.box.focus();
    nodes.box.select();
    if (nodes.box.value) this.#search();
  }

  #make() {
    const box = make("input", { type: "text", enterkeyhint: "search", "aria-label": "What to search for", placeholder: "Words, from:name, in:room…",
      maxlength: "1000", autocomplete: "off", autocapitalize: "off", spellcheck: "false", "aria-describedby": "search-state", oninput: () => this.#press() });
    const here = this.#chat.rooms.current;
    const filters = [...(here ? [["In this room", `in:${here.name}`]] : []), ...FILTERS];
    const chips = filters.map(([label, put, open]) => make("button.chip", { type: "button", "data-put": put,
      "aria-pressed": open ? false : "false", onclick: () => this.#filter(put, open) }, label));
    const form = make("form.search", { role: "search", onsubmit: (event) => { event.preventDefault(); this.#search(); } },
      make("div.row", {}, box, make("button.primary", { type: "submit" }, "Search")),
      make("div.chips", { role: "group", "aria-label": "Filters" }, ...chips));
    const help = make("details.fine", {}, make("summary", {}, "How to search"),
      make("dl", {}, ...HELP.flatMap(([what, finds]) => [make("dt", {}, make("code", {}, what)), make("dd", {}, finds)])));
    const state = make("p.fine", { id: "search-state", role: "status" });
    const items = make("ol.found", { "aria-label": "Messages that were found" });
    const more = make("button.quiet", { type: "button", hidden: true, onclick: () => this.#search(true) }, "Show older ones");
    return { all: [form, help, state, items, more], box, chips, help, state, items, more };
  }

  /** Puts a filter into the box, or takes it out. */
  #filter(put, open) {
    const { box } = this.#list.nodes;
    const words = box.value.split(/\s+/).filter(Boolean);
    if (!open && words.includes(put)) box.value = words.filter((word) => word !== put).join(" ");
    else box.value = [...words, put].join(" ");
    this.#press();
    box.focus();
    box.setSelectionRange(box.value.length, box.value.length);
    if (!open && box.value) this.#search();
  }

  /** Shows which filters are in the box. */
  #press() {
    const { box, chips } = this.#list.nodes;
    const words = box.value.split(/\s+/);
    for (const chip of chips) {
      if (chip.hasAttribute("aria-pressed")) chip.setAttribute("aria-pressed", String(words.includes(chip.dataset.put)));
    }
  }

  async #search(older = false) {
    const list = this.#list, { nodes } = list;
    const typed = older ? list.typed : nodes.box.value.trim();
    if (!typed) { nodes.box.focus(); return; }
    const asked = ++list.asked;
    this.#kept = typed;
    this.#say("Searching…");
    try {
      const { hits, next = null, complete } = await api.search(typed, older ? list.next : null, ASKED);
      if (list !== this.#list || asked !== list.asked) return;
      const first = older ? list.hits.length : 0;
      Object.assign(list, { typed, next, hits: older ? [...list.hits, ...hits] : hits, complete: complete && (!older || list.complete) });
      this.#draw();
      this.#say(this.#told());
      // Where the button was, what it brought.
      if (older && hits.length) nodes.items.children[first]?.querySelector("button").focus();
    } catch (error) {
      if (list === this.#list && asked === list.asked) this.#say(error.detail ?? String(error), true);
    }
  }

  #told() {
    const { hits, next, complete } = this.#list;
    const count = hits.length === 1 ? "1 message" : `${hits.length} messages`;
    const found = hits.length ? `${count} found${next ? ", and there may be more" : ""}, the newest first.`
      : next ? "Nothing was found so far." : "Nothing was found.";
    return complete ? found : `${found} Part of the past could not be looked at.`;
  }

  #say(text, wrong = false) {
    const { state, box } = this.#list.nodes;
    state.classList.toggle("problem", wrong);
    if (wrong) box.setAttribute("aria-invalid", "true"); else box.removeAttribute("aria-invalid");
    setText(state, text);
  }

  #draw() {
    const { nodes, hits, next } = this.#list;
    nodes.more.hidden = next === null;
    nodes.help.open &&= hits.length === 0;
    reconcile(nodes.items, hits.map((hit) => ({ key: String(hit.message.id), hit })),
      ({ hit }) => this.#item(hit),
      (node, { hit }) => {
        if (node.shown === hit) return;
        node.shown = hit;
        node.querySelector(".content").replaceChildren(...excerpt(hit.message.content, hit.ranges));
      });
  }

  #item({ room, message: { seq, number, user, created_at } }) {
    const date = new Date(created_at);
    const when = `${dayName(date)}, ${timeOf(date)}`;
    return make("li", {},
      make("p.meta", {}, make(`bdi.author.${hueOf(user)}`, {}, user), " ", make("bdi.place", {}, room), " ",
        make("time", { datetime: date.toISOString() }, when)),
      make("div.content", { dir: "auto" }),
      make("button.quiet", { type: "button", "aria-label": `Show in its place in ${room}: the message of ${user}, ${when}`,
        onclick: () => this.#goTo(room, seq, number) }, "Show in its place"));
  }

  /** In its room, where one is in that and it is not too far back; else between the messages around it. */
  async #goTo(room, seq, number) {
    const typed = this.#list.typed;
    const apart = () => this.#around.open(room, seq, () => this.open($("show-search"), typed));
    if (!this.#chat.rooms.get(room)?.joined) return apart();
    // What covers the room would be in the way.
    if ($("room").inert) this.#beside.close(false);
    try {
      if (!await this.#chat.goTo(room, seq, number)) apart();
    } catch (error) {
      this.#chat.note(error.detail ?? String(error), "problem");
    }
  }

  /** A message is another now, or gone. */
  #changed({ room, target }, content) {
    const list = this.#list;
    const is = (hit) => hit.message.seq === target && hit.room.toLowerCase() === room.toLowerCase();
    if (!list?.hits.some(is)) return;
    const now = (hit) => ({ ...hit, message: { ...hit.message, content }, ranges: [] });
    list.hits = content === null ? list.hits.filter((hit) => !is(hit)) : list.hits.map((hit) => (is(hit) ? now(hit) : hit));
    this.#draw();
  }
}

/** The part of a text that has what was found first, with all that was found in it marked. Ranges are of code points. */
export function excerpt(text, ranges) {
  const chars = Array.from(text);
  const from = Math.max(0, (ranges[0]?.[0] ?? 0) - BEFORE);
  const to = Math.min(chars.length, from + SHOWN);
  const part = (begin, end) => chars.slice(Math.max(begin, from), Math.min(end, to)).join("");
  const nodes = [from > 0 ? "…" : ""];
  let at = from;
  for (const [begin, end] of ranges) {
    if (begin >= to) break;
    nodes.push(part(at, begin), make("mark", {}, part(begin, end)));
    at = end;
  }
  nodes.push(part(at, to), to < chars.length ? "…" : "");
  return nodes.filter((node) => node !== "");
}
