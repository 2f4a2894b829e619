// The reactions below a message: one button for each emoji, pressed where one's own is among them.
import { make, reconcile, setText } from "./dom.js";
import { keyOf } from "./rooms.js";

/** `toggle(emoji, given)` gives a reaction, or takes it back. */
export function drawReactions(node, reactions = {}, me, toggle) {
  const items = Object.entries(reactions).map(([key, of]) => ({ key, ...of }));
  let list = node.querySelector(".reactions");
  if (items.length === 0) return list?.remove();
  list ??= node.querySelector(".body").appendChild(make("ul.reactions", { "aria-label": "Reactions" }));
  reconcile(list, items,
    ({ key }) => {
      const button = make("button", { type: "button", onclick: () => toggle(key, button.ariaPressed !== "true") },
        make("span", { "aria-hidden": "true" }, key), " ", make("span.count", { "aria-hidden": "true" }));
      return make("li", {}, button);
    },
    (item, { key, count, users }) => {
      const button = item.firstChild;
      setText(button.lastChild, String(count));
      const others = count - users.length;
      const who = users.join(", ") + (others > 0 ? ` and ${others} more` : "");
      button.title = who;
      button.setAttribute("aria-label", `${key}, ${count}: ${who}`);
      button.setAttribute("aria-pressed", users.some((name) => keyOf(name) === keyOf(me)));
    });
}
