// A message on the screen, and what became of it since it was said.
import { make, setText } from "./dom.js";
import { keyOf } from "./rooms.js";
import { hueOf, mentions, timeOf, withLinks } from "./text.js";

/** The node of a message, or of one on its way, without its text. */
export function frameOf(user, date, attributes) {
  return make("li.message", attributes,
    make(`span.avatar.${hueOf(user)}`, { "aria-hidden": "true" }, [...user][0].toUpperCase()),
    make("div.body", {},
      make("p.meta", {}, make(`bdi.author.${hueOf(user)}`, {}, user), " ",
        make("time", { datetime: date.toISOString(), title: date.toISOString() }, timeOf(date))),
      make("div.content", { dir: "auto" })));
}

export function setContent(node, content) {
  node.querySelector(".content").replaceChildren(...withLinks(content));
}

/** Shows a message as it is now, if it is another than what is shown. */
export function show(node, message, me) {
  if (node.changes === (message.changes ?? 0)) return;
  node.changes = message.changes ?? 0;
  const { user, content, deleted, edited_at, pinned } = message;
  node.classList.toggle("gone", deleted === true);
  setContent(node, deleted ? "deleted" : content);
  node.classList.toggle("mention", !deleted && keyOf(user) !== keyOf(me) && calls(message, me));
  const edited = edited_at ? new Date(edited_at) : null;
  mark(node, "edited", edited && `(edited ${timeOf(edited)})`, edited?.toISOString());
  mark(node, "pinned", pinned && "pinned");
}

const calls = ({ content, mentions: named }, me) => (named ?? []).some((name) => keyOf(name) === keyOf(me)) || mentions(content, me);

/** A word below the text; none where there is nothing to say. */
function mark(node, name, text, title) {
  let place = node.querySelector(`.mark.${name}`);
  if (!text) return place?.remove();
  place ??= node.querySelector(".body").appendChild(make(`span.mark.${name}`));
  setText(place, text);
  if (title) place.title = title;
}
