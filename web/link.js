// The connection that keeps us up to date.
//
// One WebSocket carries every room. With Server-Sent Events each room needs a connection of its own, and a
// browser opens only six to one host over HTTP/1.1, over all tabs; so streams (streams.js) are the fall-back
// for places where a proxy lets no WebSocket through.
//
// Events: "state" {state, retryAt}, "session-lost", and by their names, each with the server's data, those of NEWS.
import * as api from "./api.js";
import { ApiError, fromFrame, lostConnection } from "./api.js";
import { Backoff } from "./backoff.js";
import { NEWS } from "./news.js";
import { Streams } from "./streams.js";

const REPLY_DEADLINE = 15000;
const HELLO_DEADLINE = 10000;

export class Link extends EventTarget {
  #socket = null;
  #streams = null;
  #session; // its secret; without one the browser's cookie stands for it
  #on = false;
  #where;
  #backoff = new Backoff();
  #waiting = new Map(); // ref -> {resolve, reject, timer}
  #ref = 0;
  #timer = null;
  #everOpened = false;
  #failures = 0;
  state = "idle";

  /** `where()` gives `rooms`, the last seq seen of each joined room, most recently used room first, and
   *  `epoch`, which past those are of, if that is known. */
  constructor(where) { super(); this.#where = where; }

  get byStreams() { return this.#streams !== null; }

  /** Would a message go out now? */
  get ready() { return this.#streams ? this.state !== "idle" : this.state === "open"; }

  /** Does this room's news come to us as it happens? */
  follows(room) { return this.#streams ? this.#streams.follows(room.name) : true; }

  start(session) {
    this.stop();
    this.#session = session;
    this.#on = true;
    this.#open();
  }

  stop() {
    clearTimeout(this.#timer);
    this.#on = false;
    this.#streams?.close();
    this.#streams = null;
    this.#drop();
    this.#tell("idle");
  }

  /** Somebody does not want to wait for the countdown, or the network came back. */
  tryNow() {
    if (this.#streams) this.#streams.tryNow();
    else if (this.state === "waiting") this.#open();
  }

  /** What we have is stale although the socket looks alive: start over. */
  restart() {
    if (this.#streams) this.#streams.restart();
    else if (this.#on && this.state === "open") { this.#drop(); this.#later(0); }
  }

  roomsChanged() { this.#streams?.follow(); }

  command(text) {
    if (this.#streams) return this.#guard(api.command(this.#session, text));
    return this.#ask({ type: "command", command: text });
  }

  send(message) {
    if (this.#streams) return this.#guard(api.message(this.#session, message));
    return this.#ask({ type: "message", ...message });
  }

  /** Asks for what the table of requests has under this name. */
  ask(name, fields) {
    if (this.#streams) return this.#guard(api.ask(this.#session, name, fields));
    return this.#ask({ type: name, ...fields });
  }

  #guard(promise) {
    return promise.catch((error) => {
      if (error.sessionLost) this.#emit("session-lost");
      throw error;
    });
  }

  #ask(frame) {
    if (this.state !== "open") return Promise.reject(lostConnection());
    const ref = ++this.#ref;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiting.delete(ref);
        reject(new ApiError({ code: "no_answer", detail: "The server did not answer in time.", passing: true }));
      }, REPLY_DEADLINE);
      this.#waiting.set(ref, { resolve, reject, timer });
      this.#socket.send(JSON.stringify({ ...frame, ref }));
    });
  }

  #open() {
    clearTimeout(this.#timer);
    this.#drop();
    this.#tell("connecting");
    const url = new URL("/api/ws", location.href);
    url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
    const socket = this.#socket = new WebSocket(url);
    const hello = setTimeout(() => { if (this.#socket === socket) this.#lost(0); }, HELLO_DEADLINE);
    socket.onopen = () => {
      this.#everOpened = true;
      const { rooms, epoch } = this.#where();
      socket.send(JSON.stringify({
        type: "connect", session_id: this.#session, rooms: Object.fromEntries(rooms), epoch,
      }));
    };
    socket.onmessage = ({ data }) => { if (this.#socket === socket) this.#take(JSON.parse(data), hello); };
    socket.onclose = ({ code }) => { clearTimeout(hello); if (this.#socket === socket) this.#lost(code); };
  }

  #take(frame, hello) {
    switch (frame.type) {
      case "connected":
        clearTimeout(hello);
        this.#backoff.reset();
        this.#failures = 0;
        this.#tell("open");
        return this.#emit("connected", frame);
      case "reply":
        return this.#settle(frame.ref, frame.success === false ? fromFrame(frame) : frame);
      case "error": {
        const error = fromFrame(frame);
        if (frame.ref != null) this.#settle(frame.ref, error);
        if (error.sessionLost) this.#emit("session-lost");
        else if (this.state !== "open") this.#lost(0, error.retryAfter);
        else if (frame.ref == null) this.#emit("system", { text: error.detail });
        return;
      }
      default:
        if (NEWS.includes(frame.type)) this.#emit(frame.type, frame);
    }
  }

  #settle(ref, outcome) {
    const asked = this.#waiting.get(ref);
    if (!asked) return;
    this.#waiting.delete(ref);
    clearTimeout(asked.timer);
    if (outcome instanceof ApiError) asked.reject(outcome); else asked.resolve(outcome);
  }

  /** Forgets the socket; whoever waits for a reply learns that none will come. */
  #drop() {
    const socket = this.#socket;
    this.#socket = null;
    socket?.close();
    for (const ref of [...this.#waiting.keys()]) this.#settle(ref, lostConnection());
  }

  async #lost(code, retryAfter = 0) {
    this.#drop();
    this.#failures++;
    // 1012: the server restarts on purpose. Everybody was told at once, so come back spread out, and soon.
    const delay = code === 1012 ? 200 + Math.random() * 1800 : this.#backoff.next(retryAfter);
    this.#later(delay);
    if (this.#everOpened || this.#failures < 2) return;
    // No WebSocket has ever opened. If plain HTTP gets through, something in between does not let it pass.
    const reachable = await api.rooms().then(() => true, () => false);
    if (reachable && this.#on && this.state === "waiting") this.#fallBack();
  }

  #later(delay) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#open(), delay);
    this.#tell("waiting", Date.now() + delay);
  }

  #fallBack() {
    clearTimeout(this.#timer);
    this.#streams = new Streams(this.#session, this.#where, {
      event: (type, data) => this.#emit(type, data),
      state: (state, retryAt) => {
        const resumed = state === "open" && this.state !== "open";
        this.#tell(state, retryAt);
        if (resumed) this.#emit("connected", {});
      },
    });
    this.#streams.follow();
  }

  #tell(state, retryAt = null) {
    this.state = state;
    this.#emit("state", { state, retryAt });
  }

  #emit(type, detail = {}) { this.dispatchEvent(new CustomEvent(type, { detail })); }
}
