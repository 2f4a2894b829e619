// Message text to nodes. Text stays text; only what looks like a web address becomes a link.

export const MOST_CHARS = 4000;

/** Characters as the server counts them: code points, not UTF-16 units. */
export const lengthOf = (text) => [...text].length;

/** What the server would refuse as control characters never leaves the box. */
export const clean = (text) => text.replace(/\r\n?/g, "\n").replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, "");

/** A room of some people alone, called by the others: `@bob`. */
export const isDirect = (room) => room.startsWith("@");
export const isName = (text, most) => /^[a-z0-9_.-]+$/i.test(text) && lengthOf(text) <= most;

/** The people of a direct room: `@bob` or `@bob+carol`. */
const arePeople = (text) => text.startsWith("@") && text.slice(1).split("+").every((name) => isName(name, 32));

/** `room`, `workspace/room`, or a direct room. */
export function isRoom(text) {
  if (arePeople(text)) return true;
  const [first, second, more] = text.split("/");
  if (second === undefined) return isName(first, 64);
  return isName(first, 32) && isName(second, 64) && more === undefined;
}

export function withLinks(text) {
  const nodes = [];
  let end = 0;
  for (const match of text.matchAll(/https?:\/\/[^\s<>"]+/g)) {
    const address = match[0].replace(/[.,;:!?)\]}'*_]+$/, "");
    if (!URL.canParse(address)) continue;
    const link = document.createElement("a");
    link.href = address;
    link.target = "_blank";
    link.rel = "noopener noreferrer nofollow";
    link.textContent = address;
    nodes.push(text.slice(end, match.index), link);
    end = match.index + address.length;
  }
  nodes.push(text.slice(end));
  return nodes;
}

/** One of twelve colours, the same for a nickname everywhere. */
export function hueOf(nickname) {
  let hash = 7;
  for (const character of nickname.toLowerCase()) hash = (hash * 31 + character.codePointAt(0)) % 65521;
  return `hue-${hash % 12}`;
}

const clock = new Intl.DateTimeFormat(undefined, { timeStyle: "short" });
const day = new Intl.DateTimeFormat(undefined, { weekday: "long", day: "numeric", month: "long" });
const dayWithYear = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "long", year: "numeric" });

export const timeOf = (date) => clock.format(date);

export const dayKey = (date) => `${date.getFullYear()}-${date.getMonth() + 1}-${date.getDate()}`;

export function dayName(date, now = new Date()) {
  if (dayKey(date) === dayKey(now)) return "Today";
  const yesterday = new Date(now);
  yesterday.setDate(now.getDate() - 1);
  if (dayKey(date) === dayKey(yesterday)) return "Yesterday";
  return (date.getFullYear() === now.getFullYear() ? day : dayWithYear).format(date);
}
