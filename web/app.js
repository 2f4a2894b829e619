// The web client: signing in and out, and what is on the screen around the messages.
import * as api from "./api.js";
import { Around } from "./around.js";
import { Backoff } from "./backoff.js";
import { Banner } from "./banner.js";
import { Beside } from "./beside.js";
import { Chat } from "./chat.js";
import { run } from "./commands.js";
import { draft, setDraft, watchComposer } from "./composer.js";
import { $, make, setText } from "./dom.js";
import { Editing } from "./editing.js";
import { Found } from "./found.js";
import { countText, drawPeople, drawRooms } from "./lists.js";
import { openMenu } from "./menu.js";
import { closePanels, watchPanels } from "./panels.js";
import { Search } from "./search.js";
import { hueOf, isName, isRoom } from "./text.js";
import { Threads } from "./threads.js";
import { Watch } from "./watch.js";

// The session belongs to the tab (two tabs are two people) and outlives a reload; the nickname is remembered.
const KEPT = "discordctl.session";
const NICKNAME = "discordctl.nickname";
// After single sign-on the session is in a cookie that scripts cannot read, and all tabs are one person.
const COOKIE = "discordctl.cookie";
const SIGNED_IN = "#signed-in";

const beside = new Beside();
let chat, editing, found, search, threads, watch, drawing = false;

function begin(identity, fresh) {
  api.use(identity.session_id);
  if (!chat) {
    chat = new Chat();
    watch = new Watch(chat, changed);
    editing = new Editing(chat);
    const around = new Around(beside);
    found = new Found(chat, beside, around);
    search = new Search(chat, beside, around);
    threads = new Threads(chat, beside, {
      menu: (button, message) => chat.acts.menu(button, message),
      react: (message, emoji, given) => chat.acts.react(message, emoji, given), thread: () => {},
      find: (name, seq) => chat.rooms.get(name)?.find(seq), goTo: (name, seq) => chat.goTo(name, seq),
    });
    chat.addEventListener("thread", ({ detail: { room, root, opener } }) => threads.open(room, root, opener));
    new Banner(chat.link);
    chat.addEventListener("changed", changed);
    chat.addEventListener("look-again", () => watch.soon());
    chat.addEventListener("heard", ({ detail }) => announce(detail));
    chat.addEventListener("leaving-view", ({ detail: room }) => { editing.end(); room.draft = draft(); });
    chat.addEventListener("edit", ({ detail }) => {
      if ($("room").inert) beside.close(false); // the box is below it
      editing.begin(detail.room, detail.message);
    });
    chat.addEventListener("unsent", ({ detail: text }) => setDraft(text));
    chat.addEventListener("opened", ({ detail }) => opened(detail));
    chat.addEventListener("search", ({ detail }) => search.open($("input"), detail));
    chat.addEventListener("session-lost", renew);
    chat.restore(identity);
  }
  $("welcome").hidden = true;
  $("chat").hidden = false;
  chat.start(identity, fresh);
  watch.start();
  focusInput();
}

// ── signing in and out ──

function welcome(problem = "") {
  $("chat").hidden = true;
  $("welcome").hidden = false;
  $("nickname").value ||= localStorage.getItem(NICKNAME) ?? "";
  takeInvite();
  setText($("signin-error"), problem);
  document.title = "discordctl";
  $("nickname").focus();
  api.ways().then(({ sign_in }) => {
    $("sign-on").hidden = !sign_in;
    if (sign_in) $("sign-on").href = sign_in;
  }, () => {});
}

/** An invite's address ends with its code, which is not to stay in the browser's history. */
function takeInvite() {
  const code = /^#invite=([0-9a-z-]{1,64})$/i.exec(location.hash)?.[1];
  if (!code) return;
  $("invite").value = code;
  $("registering").open = true;
  history.replaceState(null, "", location.pathname);
}

/** As the person that the browser's cookie is of, if it still is. */
async function comeBack() {
  history.replaceState(null, "", location.pathname);
  try {
    const { nickname } = await api.me();
    localStorage.setItem(COOKIE, "yes");
    begin({ nickname, cookie: true }, true);
  } catch (error) {
    localStorage.removeItem(COOKIE);
    welcome(error.sessionLost ? "" : error.detail);
  }
}

/** Comes in by `ask(nickname, password)`; what is refused is said, at the field that it is about. */
async function comeIn(ask) {
  const nickname = $("nickname").value.trim();
  const password = $("password").value;
  const refuse = (why, field = "nickname") => {
    setText($("signin-error"), why);
    $(field).setAttribute("aria-invalid", "true");
    $(field).focus();
  };
  for (const field of ["nickname", "password"]) $(field).removeAttribute("aria-invalid");
  if (!isName(nickname, 32)) return refuse("A nickname is 1 to 32 letters, digits, _ - or a full stop.");
  const buttons = [$("enter"), $("register")];
  buttons.forEach((button) => { button.disabled = true; });
  try {
    const identity = await ask(nickname, password);
    setText($("signin-error"), "");
    $("password").value = $("invite").value = "";
    localStorage.setItem(NICKNAME, identity.nickname);
    begin(identity, true);
  } catch (error) {
    const ofPassword = ["wrong_credentials", "bad_password", "nickname_registered", "account_needed"];
    refuse(error.detail, ofPassword.includes(error.code) ? "password" : "nickname");
  } finally {
    buttons.forEach((button) => { button.disabled = false; });
  }
}

$("signin").addEventListener("submit", (event) => {
  event.preventDefault();
  comeIn((nickname, password) => (password ? api.login(nickname, password) : api.connect(nickname)));
});
$("register").addEventListener("click", () => {
  comeIn((nickname, password) => api.register(nickname, password, $("invite").value.trim()));
});

/** The server does not know our session any more: ask for another one under the same nickname. */
let renewing = false;
async function renew() {
  if (renewing) return;
  renewing = true;
  chat.sessionLost();
  const backoff = new Backoff(1000);
  api.use(null);
  while (renewing) {
    try {
      begin(await api.connect(chat.nickname), true);
      break;
    } catch (error) {
      if (!error.passing) { watch.stop(); sessionStorage.removeItem(KEPT); welcome(error.detail); break; }
      await new Promise((wake) => setTimeout(wake, backoff.next(error.retryAfter)));
    }
  }
  renewing = false;
}

async function signOut() {
  const { session_id } = chat.save();
  watch.stop();
  chat.stop();
  sessionStorage.removeItem(KEPT);
  localStorage.removeItem(COOKIE);
  await api.disconnect(session_id).catch(() => {});
  location.reload(); // nothing of the conversation stays in memory
}

// ── the screen ──

function opened({ room, from }) {
  // What was typed while no room was open, as in one that is gone, comes along.
  setDraft([room?.draft, from ? "" : draft()].filter(Boolean).join("\n"));
  closePanels(false);
  if (room) threads.look(room);
  if (!["mentions", "search", "around"].includes(beside.kind)) beside.close(false); // the others are of the room that was open
  focusInput();
}

/** Not on a touch screen, where focus opens the keyboard over the messages. */
function focusInput() {
  if (matchMedia("(pointer: fine)").matches || !matchMedia("(pointer: coarse)").matches) $("input").focus();
}

function announce(text) {
  $("announce").append(make("p", {}, text));
  while ($("announce").children.length > 5) $("announce").firstChild.remove();
}

function changed() {
  if (drawing) return;
  drawing = true;
  setTimeout(() => { drawing = false; draw(); });
}

function draw() {
  const { rooms, link, nickname } = chat;
  const room = rooms.current;
  drawRooms(rooms, link, { open: (other) => chat.open(other), join: (other) => attempt(chat.join(other.name)) });
  drawPeople(watch.people, watch.morePeople, room, nickname);
  chat.typing.draw();
  setText($("me-name"), nickname);
  setText($("me-avatar"), [...nickname][0]?.toUpperCase() ?? "");
  $("me-avatar").className = `avatar small ${hueOf(nickname)}`;

  setText($("room-name"), room?.name ?? "No room open");
  setText($("room-facts"), room?.listed ? factsOf(room.facts) : "");
  $("leave").hidden = $("room-menu").hidden = !room;
  $("leave").setAttribute("aria-label", `Leave ${room?.name ?? ""}`);
  $("input").placeholder = room ? `Message ${room.name}` : "/join a room";

  const replies = room ? Threads.waiting(room) : 0;
  $("replies").hidden = replies === 0;
  $("replies").replaceChildren(countText(replies), make("span.unseen", {}, replies === 1 ? " unread reply" : " unread replies"));
  const called = rooms.joined.reduce((sum, { mentions }) => sum + mentions, 0);
  $("show-mentions").hidden = !chat.marks.kept;
  $("called").hidden = called === 0;
  $("called").replaceChildren(countText(called), make("span.unseen", {}, " unread"));
  const waiting = rooms.joined.map((other) => other.calling(link.follows(other)));
  const total = waiting.reduce((sum, count) => sum + count, 0);
  document.title = `${total ? `(${countText(total)}) ` : ""}${room ? `${room.name} · ` : ""}discordctl`;
  $("elsewhere").hidden = total === 0;
  setText($("elsewhere"), countText(total));
  if (!renewing) sessionStorage.setItem(KEPT, JSON.stringify(chat.save()));
}

/** What is said of a room under its name. */
function factsOf({ topic, kind, online, members }) {
  const counted = `${online} online, ${members} ${members === 1 ? "member" : "members"}`;
  return [kind === "private" && "private", counted, topic].filter(Boolean).join(" · ");
}

/** Runs what a button started; its failure is said in the conversation. */
async function attempt(promise) {
  try { await promise; } catch (error) { chat.note(error.detail ?? String(error), "problem"); }
}

$("show-mentions").addEventListener("click", () => {
  closePanels(false);
  found.mentions($("show-mentions"));
});
$("room-menu").addEventListener("click", ({ currentTarget: button }) => {
  const room = chat.rooms.current;
  if (!room) return;
  const items = [
    { label: "Threads", act: () => threads.list(room, button) },
    { label: "Pinned messages", act: () => found.pins(room, button) },
  ];
  if (chat.marks.kept) items.push({ label: room.muted ? "Unmute this room" : "Mute this room", act: () => attempt(chat.mute(room, !room.muted)) });
  openMenu(button, `The room ${room.name}`, items);
});
$("leave").addEventListener("click", () => { if (chat.rooms.current) attempt(chat.leave(chat.rooms.current)); });
$("signout").addEventListener("click", signOut);
$("create").addEventListener("submit", async (event) => {
  event.preventDefault();
  const name = $("new-room").value.trim();
  const refuse = (why) => { setText($("create-error"), why); if (why) $("new-room").focus(); };
  if (!isRoom(name)) return refuse("1 to 64 letters, digits, _ - or a full stop; workspace/name; or @person.");
  try {
    // What cannot be made may be there, and one with people alone is there for each.
    const there = (error) => {
      if (!["room_exists", "forbidden"].includes(error.code)) throw error;
      return chat.join(name);
    };
    await (name.startsWith("@") ? chat.join(name) : chat.create(name).catch(there));
    $("new-room").value = "";
    refuse("");
  } catch (error) {
    refuse(error.detail);
  }
});
watchPanels();
watchComposer((text) => {
  if (!editing.takes(text, (room, message, now) => chat.acts.edit(room, message, now))) run(chat, text, signOut);
});

let kept = null;
try { kept = JSON.parse(sessionStorage.getItem(KEPT)); } catch { /* as good as none */ }
if (location.hash === SIGNED_IN) comeBack();
else if (kept?.session_id || kept?.cookie) begin(kept, false);
else if (localStorage.getItem(COOKIE)) comeBack();
else welcome();
