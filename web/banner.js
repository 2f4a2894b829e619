// Says when the connection is lost, counts down to the next try, and says when it is back.
import { $, setText } from "./dom.js";

const GOOD_NEWS_FOR = 4000;

export class Banner {
  #lost = false;
  #been = false; // connected, ever
  #timer = null;
  #retryAt = null;

  constructor(link) {
    link.addEventListener("state", ({ detail }) => this.#state(detail, link));
    $("try-now").addEventListener("click", () => link.tryNow());
    window.addEventListener("online", () => link.tryNow());
    window.addEventListener("offline", () => this.#count());
  }

  #state({ state, retryAt }, link) {
    clearInterval(this.#timer);
    this.#retryAt = retryAt;
    setText($("link-state"), { open: link.byStreams ? "connected by streams" : "connected", idle: "signed out" }[state] ?? "not connected");
    $("link-state").dataset.state = state;
    if (state === "open") this.#back();
    else if (state === "waiting") {
      if (!this.#lost && this.#been) setText($("announce-state"), "Connection lost. Reconnecting.");
      this.#lost = true;
      this.#show("lost");
      this.#count();
      this.#timer = setInterval(() => this.#count(), 250);
    } else if (state === "connecting" && this.#lost) this.#count();
    else if (state === "idle") { this.#lost = false; $("banner").hidden = true; }
  }

  #count() {
    if (!this.#lost) return;
    const seconds = this.#retryAt ? Math.ceil((this.#retryAt - Date.now()) / 1000) : 0;
    const why = !navigator.onLine ? "You are offline." : this.#been ? "Connection lost." : "No connection yet.";
    setText($("banner-text"), seconds > 0 ? `${why} Trying again in ${seconds} s.` : `${why} Connecting…`);
  }

  #back() {
    const back = this.#lost && this.#been;
    this.#lost = false;
    this.#been = true;
    if (!back) { $("banner").hidden = true; return; }
    this.#show("back");
    setText($("banner-text"), "Connected again.");
    setText($("announce-state"), "Connected again.");
    this.#timer = setTimeout(() => { $("banner").hidden = true; }, GOOD_NEWS_FOR);
  }

  #show(state) {
    $("banner").hidden = false;
    $("banner").dataset.state = state;
    $("try-now").hidden = state !== "lost";
  }
}
