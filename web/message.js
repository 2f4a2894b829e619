// A message on the screen, and what became of it since it was said.
import { make, setText } from "./dom.js";
import { drawReactions } from "./reactions.js";
import { keyOf } from "./rooms.js";
import { hueOf, timeOf, withLinks } from "./text.js";

/** The node of a message, or of one on its way, without its text. */
export function frameOf(user, date, attributes, called) {
  return make("li.message", attributes,
    make(`span.avatar.${hueOf(user)}`, { "aria-hidden": "true" }, [...user][0].toUpperCase()),
    make("div.body", {},
      make("p.meta", {}, make(`bdi.author.${hueOf(user)}`, {}, user), " ",
        ...(called ? [make("bdi.called", {}, called), " "] : []),
        make("time", { datetime: date.toISOString(), title: date.toISOString() }, timeOf(date))),
      make("div.content", { dir: "auto" })));
}

export function setContent(node, content) {
  node.querySelector(".content").replaceChildren(...withLinks(content));
}

/** The node of a message that was committed. `on`: {menu(button, message), react(message, emoji, given), thread(message, opener),
 *  find(room, seq), goTo(room, seq)} */
export function committed(message, date, on) {
  const node = frameOf(message.user, date, { "data-seq": message.seq, "data-id": message.id }, message.display_name);
  node.append(make("button.more", { type: "button", "aria-haspopup": "menu", "aria-expanded": "false",
    "aria-label": `Act on the message of ${message.user}, ${timeOf(date)}`, onclick: ({ currentTarget }) => on.menu(currentTarget, message) }, "⋯"));
  node.toggle = (emoji, given) => on.react(message, emoji, given);
  node.openThread = (opener) => on.thread(message, opener);
  node.answered = { find: () => on.find(message.room, message.reply_to), goTo: () => on.goTo(message.room, message.reply_to) };
  return node;
}

/** Shows a message as it is now, if it is another than what is shown. `thread` is how the thread stands that it begins. */
export function show(node, message, me, thread) {
  const now = `${message.changes ?? 0} ${me} ${thread?.replies} ${thread?.unread}`;
  if (node.now === now) return;
  node.now = now;
  const { user, content, deleted, edited_at, pinned } = message;
  node.classList.toggle("gone", deleted === true);
  setContent(node, deleted ? "deleted" : content);
  node.classList.toggle("mention", !deleted && keyOf(user) !== keyOf(me) && calls(message, me));
  const edited = edited_at ? new Date(edited_at) : null;
  mark(node, "edited", edited && `(edited ${timeOf(edited)})`, edited?.toISOString());
  mark(node, "pinned", pinned && "pinned");
  node.querySelector(".more").hidden = deleted === true;
  drawReactions(node, message.reactions, me, node.toggle);
  link(node, message, thread);
  if (message.reply_to && !deleted && node.answered) answers(node);
}

/** Above the text, what it answers, and the way there. */
function answers(node) {
  if (node.querySelector(".answers")) return;
  const { find, goTo } = node.answered, of = find();
  const words = of && !of.deleted ? `${of.user}: ${of.content}` : "an earlier message";
  const button = make("button.answers", { type: "button", onclick: goTo },
    make("span", { "aria-hidden": "true" }, "↪ "), make("span.unseen", {}, "Answers "), words);
  node.querySelector(".body").insertBefore(button, node.querySelector(".content"));
}

export const repliesText = (count) => `${count} ${count === 1 ? "reply" : "replies"}`;

/** The way to a thread: below the message that it is about, and below its replies. */
function link(node, message, thread) {
  const { replies = 0, unread = 0 } = thread ?? {};
  const words = replies > 0 ? repliesText(replies) + (unread ? `, ${unread} new` : "") : message.thread && "In a thread";
  let button = node.querySelector(".to-thread");
  if (!words || !node.openThread) return button?.remove();
  button ??= node.querySelector(".body").appendChild(make("button.to-thread", { type: "button", onclick: () => node.openThread(button) }));
  button.classList.toggle("unread", unread > 0);
  setText(button, words);
}

/** Whether a message calls the account of this nickname: as the server has it. */
export const calls = ({ mentions = [] }, me) => mentions.some((name) => keyOf(name) === keyOf(me));

/** A word below the text; none where there is nothing to say. */
function mark(node, name, text, title) {
  let place = node.querySelector(`.mark.${name}`);
  if (!text) return place?.remove();
  place ??= node.querySelector(".body").insertBefore(make(`span.mark.${name}`), node.querySelector(".reactions"));
  setText(place, text);
  if (title) place.title = title;
}
