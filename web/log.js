// The messages of the current room on the screen.
import { $, make, reconcile, setText } from "./dom.js";
import { committed, frameOf, setContent, show } from "./message.js";
import { keyOf } from "./rooms.js";
import { dayKey, dayName, timeOf } from "./text.js";

const SAME_BREATH = 5 * 60000; // messages of one author this close together are one group
const MOST_PAGES = 20;         // that are loaded on the way to a message
const LONG_PAGE = 200;
const NEAR = 48;               // pixels from the end that still count as "at the end"

export class Log {
  #rooms;
  #outbox;
  #on;
  #shown = null;
  #stick = true;
  #seen = 0;
  #due = false;
  #height = 0;

  /** `on`: {older(room, limit), retry(item), discard(item), nickname(), menu(button, message), react(message, emoji, given), thread(message, opener)} */
  constructor(rooms, outbox, on) {
    this.#rooms = rooms;
    this.#outbox = outbox;
    this.#on = on;
    $("scroller").addEventListener("scroll", () => this.#scrolled(), { passive: true });
    $("to-newest").addEventListener("click", () => { this.toEnd(); $("input").focus(); });
    $("to-first").addEventListener("click", () => this.#toFirstNew());
    $("log").addEventListener("keydown", (event) => this.#keyed(event));
    new ResizeObserver(() => this.#resized()).observe($("scroller"));
  }

  get atEnd() { return this.#stick; }

  toEnd() { this.#stick = true; this.#end(); this.draw(); }

  /** Draws soon; many calls in one go cost one drawing. */
  draw() {
    if (this.#due) return;
    this.#due = true;
    setTimeout(() => { this.#due = false; this.#draw(); });
  }

  #draw() {
    const room = this.#rooms.current ?? this.#rooms.lobby;
    const scroller = $("scroller"), log = $("log");
    if (room !== this.#shown) {
      log.replaceChildren();
      this.#shown = room;
      this.#stick = true;
    }
    if (this.#stick) this.#seen = room.last;
    const anchor = this.#stick ? null : this.#firstVisible();
    reconcile(log, this.#items(room), (item) => this.#create(item), (node, item) => this.#update(node, item));
    if (this.#stick) this.#end();
    else if (anchor?.node.isConnected) scroller.scrollTop += anchor.node.getBoundingClientRect().top - anchor.top;
    this.#pill(room);
    this.#offerFirstNew(room);
    if (this.#wantsOlder(room)) this.#on.older(room);
  }

  /** T at a message opens its thread. */
  #keyed(event) {
    const node = event.target.closest(".message[data-seq]");
    if (!node || event.key.toLowerCase() !== "t" || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    node.openThread(node.querySelector(".more"));
  }

  #pill(room) {
    const fresh = room.messages.filter((m) => m.seq > this.#seen).length;
    $("to-newest").hidden = this.#stick;
    setText($("to-newest"), fresh ? `${fresh} new ${fresh === 1 ? "message" : "messages"} ↓` : "To the newest ↓");
  }

  /** A way to the first message that was not read, while that is above what is in sight. */
  #offerFirstNew(room) {
    const line = $("log").querySelector(".divider.new");
    const above = line !== null && line.getBoundingClientRect().bottom < $("scroller").getBoundingClientRect().top;
    $("to-first").hidden = !above;
  }

  async #toFirstNew() {
    const room = this.#shown;
    this.#stick = false;
    for (let pages = 0; pages < MOST_PAGES && room.hasMore && (room.messages[0]?.number ?? 0) > room.divider + 1; pages++) {
      if (await this.#on.older(room) === 0) break;
    }
    await new Promise((drawn) => setTimeout(drawn));
    const line = $("log").querySelector(".divider.new");
    if (room !== this.#shown || !line) return;
    $("scroller").scrollTop += line.getBoundingClientRect().top - $("scroller").getBoundingClientRect().top;
    line.focus({ preventScroll: true });
    this.#pill(room);
  }

  /** Brings a message into sight, loading what is between; false where that is too much. */
  async goTo(room, seq, number) {
    const [oldest] = room.messages;
    if (oldest?.number - number > MOST_PAGES * LONG_PAGE) return false;
    const drawn = () => { this.draw(); return new Promise((done) => setTimeout(done)); };
    await drawn();
    this.#stick = false;
    const before = () => !room.find(seq) && room.hasMore && !(room.first && room.first < seq);
    for (let pages = 0; pages < MOST_PAGES && before(); pages++) {
      if (await this.#on.older(room, LONG_PAGE) === 0) break;
    }
    await drawn();
    const node = room === this.#shown ? $("log").querySelector(`.message[data-seq="${seq}"]`) : null;
    if (!node) return false;
    node.scrollIntoView({ block: "center" });
    node.tabIndex = -1;
    node.focus({ preventScroll: true });
    return true;
  }

  #firstVisible() {
    const edge = $("scroller").getBoundingClientRect().top;
    // Only a message stays where it is when older ones come before it; a day's line moves up with the day.
    for (const node of $("log").querySelectorAll(".message")) {
      const { top, bottom } = node.getBoundingClientRect();
      if (bottom > edge) return { node, top };
    }
    return null;
  }

  #end() { $("scroller").scrollTop = $("scroller").scrollHeight; }

  #resized() {
    this.#height = $("scroller").clientHeight;
    if (this.#stick) this.#end();
  }

  #scrolled() {
    // A scroll because the box below grew is nobody's wish to leave the end.
    if ($("scroller").clientHeight !== this.#height) this.#resized();
    const { scrollTop, scrollHeight, clientHeight } = $("scroller");
    const stick = scrollHeight - scrollTop - clientHeight < NEAR;
    if (stick !== this.#stick) {
      this.#stick = stick;
      if (stick) this.#seen = this.#shown?.last ?? 0;
      this.#pill(this.#shown);
    }
    if (this.#shown) this.#offerFirstNew(this.#shown);
    if (this.#shown && this.#wantsOlder(this.#shown)) this.#on.older(this.#shown);
  }

  /** The start of what we have is in sight, and there may be more. */
  #wantsOlder(room) {
    return room.hasMore && !room.loading && !room.stuck && !room.beginning && $("scroller").scrollTop < 300;
  }

  #items(room) {
    const items = [{ key: "top", kind: "top", room }];
    const notes = [...room.notes];
    let before = null, today = null, divided = room.divider === null;
    const day = (date) => {
      if (dayKey(date) === today) return;
      today = dayKey(date);
      items.push({ key: `day ${today}`, kind: "day", date });
      before = null;
    };
    const notesAfter = (seq) => {
      while (notes.length && notes[0].after <= seq) {
        const note = notes.shift();
        items.push({ key: `note ${note.id}`, kind: "note", note });
        before = null;
      }
    };
    for (const message of room.messages) {
      notesAfter(message.seq - 1);
      const date = new Date(message.created_at);
      day(date);
      if (!divided && (message.number ?? message.seq) > room.divider) {
        divided = true;
        items.push({ key: "new", kind: "new" });
        before = null;
      }
      const head = !before || before.user !== message.user || date - new Date(before.created_at) > SAME_BREATH;
      // A seq that was given again is another message.
      items.push({ key: `m${room.begun} ${message.seq}`, kind: "message", message, date, head });
      before = message;
    }
    notesAfter(Infinity);
    const me = this.#on.nickname();
    for (const item of this.#outbox.of(room)) {
      const date = new Date(item.since);
      if (before === null || today !== dayKey(date)) day(date);
      items.push({ key: item.nonce, kind: "pending", item, date, head: before === null || keyOf(before.user) !== keyOf(me) });
      before = { user: me };
    }
    return items;
  }

  #create({ kind, message, item, note, date }) {
    switch (kind) {
      case "top":
        return make("li.top", {}, make("p"), make("button.quiet", {
          type: "button", onclick: () => { this.#shown.stuck = false; this.#on.older(this.#shown); },
        }, "Load older messages"));
      case "day": return make("li.divider.day", {}, make("span", {}, dayName(date)));
      case "new": return make("li.divider.new", { tabindex: "-1" }, make("span", {}, "New"));
      case "note": return make(`li.note.${note.kind}${note.text.includes("\n") ? ".lines" : ""}`, {},
        make("p", { dir: "auto" }, note.text), make("time", { datetime: note.time.toISOString(), title: note.time.toISOString() }, timeOf(note.time)));
      case "message": return committed(message, date, this.#on);
      case "pending": {
        const node = frameOf(this.#on.nickname(), date, { "data-nonce": item.nonce });
        setContent(node, item.content);
        node.querySelector(".body").append(make("p.delivery", {}, make("span.reason"),
          make("button.retry", { type: "button", onclick: () => this.#on.retry(item) }, "Retry"),
          make("button.quiet.discard", { type: "button", onclick: () => this.#on.discard(item) }, "Discard")));
        return node;
      }
    }
  }

  #update(node, { kind, head, room, item, message }) {
    if (kind === "message" || kind === "pending") node.classList.toggle("head", head);
    if (kind === "message") show(node, message, this.#on.nickname(), this.#shown.threads.get(message.seq));
    if (kind === "pending") {
      const failed = item.state === "failed";
      node.classList.toggle("pending", !failed);
      node.classList.toggle("failed", failed);
      setText(node.querySelector(".reason"), failed ? `Not sent. ${item.reason}` : "Sending…");
      for (const button of node.querySelectorAll("button")) button.hidden = !failed;
    }
    if (kind === "top") {
      const more = room.hasMore && !room.beginning;
      setText(node.firstChild, room.loading ? "Loading…" : room.stuck ? "Older messages could not be loaded."
        : room.name === "" ? "No room is open. Pick one from the list, or create one."
        : more ? "" : room.beginning ? `This is the beginning of ${room.name}.` : "Older messages are no longer kept here.");
      node.lastChild.hidden = !more || room.loading;
    }
  }
}
