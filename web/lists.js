// The two side panels: rooms with who is online, and people.
import { $, make, reconcile, setText } from "./dom.js";
import { hueOf } from "./text.js";
import { keyOf } from "./rooms.js";

const online = (count) => `${count} online`;

export function drawRooms(rooms, link, on) {
  reconcile($("joined"), rooms.joined.map((room) => ({ key: keyOf(room.name), room })),
    ({ room }) => make("li", {}, make("button.room", { type: "button", "data-room": room.name, onclick: () => on.open(room) },
      make("span.hash", { "aria-hidden": "true" }, "#"), make("bdi.name", {}, room.name),
      make("span.fine.online"), make("span.badge.count"), make("span.badge.calls"))),
    (node, { room }) => {
      const button = node.firstChild, badge = button.querySelector(".badge.count"), called = button.querySelector(".badge.calls");
      const waiting = room.muted ? 0 : room.waiting(link.follows(room));
      if (room === rooms.current) button.setAttribute("aria-current", "true"); else button.removeAttribute("aria-current");
      button.classList.toggle("unread", waiting > 0);
      button.classList.toggle("muted", room.muted);
      mark(button, room);
      setText(button.querySelector(".online"), room.listed ? online(room.facts.online) : "");
      badge.hidden = waiting === 0;
      badge.replaceChildren(countText(waiting), make("span.unseen", {}, " unread"));
      called.hidden = room.mentions === 0;
      called.replaceChildren(make("span", { "aria-hidden": "true" }, "@"), countText(room.mentions), make("span.unseen", {}, room.mentions === 1 ? " mention" : " mentions"));
    });

  reconcile($("others"), rooms.others.map((room) => ({ key: keyOf(room.name), room })),
    ({ room }) => make("li", {}, make("button.room", { type: "button", "data-room": room.name, onclick: () => on.join(room) },
      make("span.hash", { "aria-hidden": "true" }, "#"), make("bdi.name", {}, room.name), make("span.fine.online"),
      make("span.join", {}, "Join"))),
    (node, { room }) => { mark(node.firstChild, room); setText(node.querySelector(".online"), online(room.facts.online)); });
  $("others-more").hidden = !rooms.more;
  $("others-none").hidden = rooms.others.length > 0 || !rooms.joined.some((room) => room.listed);
}

/** A private room has another sign than `#`, and its topic is told by the pointer. */
function mark(button, { muted, facts: { kind, topic } }) {
  setText(button.querySelector(".hash"), kind === "private" ? "◆" : "#");
  button.title = [kind === "private" && "private", muted && "muted", topic].filter(Boolean).join(": ");
}

export function drawPeople(people, more, room, me) {
  const inRoom = (person) => room && (person.rooms ?? []).some((name) => keyOf(name) === keyOf(room.name));
  const sorted = byName(people).sort((a, b) => a.nickname.localeCompare(b.nickname));
  const here = sorted.filter(inRoom), away = sorted.filter((person) => !inRoom(person));
  drawPeopleIn($("here"), here, me);
  drawPeopleIn($("away"), away, me);
  setText($("here-title"), here.length ? `In this room (${here.length})` : "In this room");
  $("people-more").hidden = !more;
  $("away-title").hidden = away.length === 0;
  setText($("away-title"), `Elsewhere (${away.length})`);
}

/** Each once, in all rooms of all its connections: an account may have many. */
function byName(people) {
  const once = new Map();
  for (const person of people) {
    const known = once.get(keyOf(person.nickname));
    const rooms = new Set([...(known?.rooms ?? []), ...(person.rooms ?? [])]);
    once.set(keyOf(person.nickname), { ...person, ...known, rooms: [...rooms] });
  }
  return [...once.values()];
}

function drawPeopleIn(list, people, me) {
  reconcile(list, people.map((person) => ({ key: keyOf(person.nickname), person })),
    ({ person }) => make("li", {}, make(`span.avatar.small.${hueOf(person.nickname)}`, { "aria-hidden": "true" }, [...person.nickname][0].toUpperCase()),
      make("bdi.name", {}, person.nickname), make("bdi.fine.called"), make("span.fine.way")),
    (node, { person }) => {
      setText(node.querySelector(".called"), person.display_name ?? "");
      setText(node.querySelector(".way"), keyOf(person.nickname) === keyOf(me) ? "you" : person.transport ?? "");
      node.title = `${(person.rooms ?? []).join(", ")}${person.instance ? ` · by ${person.transport} on ${person.instance}` : ""}`;
    });
}

export const countText = (count) => (count > 99 ? "99+" : String(count));
