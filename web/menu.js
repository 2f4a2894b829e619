// What opens over the page at a button: a menu, a picker, a question. The browser closes them by Escape and by a press
// elsewhere, and gives the focus back.
import { $, make } from "./dom.js";

/** Opens the menu of `items` {label, act} at `button`. */
export function openMenu(button, label, items) {
  const entries = items.map(({ label: words, act }) =>
    make("button", { type: "button", role: "menuitem", tabindex: "-1", onclick: () => { menu.hidePopover(); act(); } }, words));
  const menu = make("div.popup.menu", { role: "menu", "aria-label": label, popover: "auto" }, ...entries);
  menu.addEventListener("keydown", (event) => {
    const at = entries.indexOf(document.activeElement);
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: -1 }[event.key];
    if (event.key === "Tab") menu.hidePopover();
    if (to === undefined) return;
    event.preventDefault();
    entries.at(to % entries.length).focus();
  });
  button.setAttribute("aria-expanded", "true");
  open(menu, button, () => button.setAttribute("aria-expanded", "false"));
  entries[0].focus();
}

const COMMON = ["👍", "❤️", "😄", "🎉", "😮", "😢", "🙏", "👀", "✅", "❌", "🚀", "💯"];

/** Asks for an emoji, and gives it to `act`. */
export function openPicker(button, act) {
  const done = (emoji) => { picker.hidePopover(); act(emoji); };
  const field = make("input", { "aria-label": "Another emoji, or its name as :tada:", placeholder: ":tada:", maxlength: "40",
    autocomplete: "off", autocapitalize: "off", spellcheck: "false" });
  const form = make("form.row", { onsubmit: (event) => {
    event.preventDefault();
    const typed = field.value.trim();
    if (typed) done(/^[a-z0-9_+-]+$/i.test(typed) ? `:${typed}:` : typed);
  } }, field, make("button", { type: "submit" }, "React"));
  const picker = make("div.popup.picker", { role: "dialog", "aria-label": "React", popover: "auto" },
    make("div.emoji", {}, ...COMMON.map((emoji) => make("button", { type: "button", onclick: () => done(emoji) }, emoji))), form);
  open(picker, button, () => {});
  picker.querySelector("button").focus();
}

/** Asks before what cannot be undone; whether it is to be. */
export function ask(question, what, yes) {
  return new Promise((answer) => {
    const dialog = make("dialog.question", { "aria-labelledby": "question" },
      make("form", { method: "dialog" },
        make("h2", { id: "question" }, question), make("p", { dir: "auto" }, what),
        make("div.row", {}, make("button", { value: "" }, "Keep it"), make("button.grave", { value: "yes" }, yes))));
    dialog.addEventListener("close", () => { dialog.remove(); answer(dialog.returnValue === "yes"); });
    home().append(dialog);
    dialog.showModal();
  });
}

/** Where it stands in the page: in what can be used now. */
const home = () => $($("room").inert ? "beside" : "room");

function open(popup, button, closed) {
  popup.addEventListener("toggle", ({ newState }) => {
    if (newState !== "closed") return;
    closed();
    popup.remove();
  });
  home().append(popup);
  popup.showPopover();
  place(popup, button);
}

/** Below the button, or above where there is no room; always within the window. */
function place(popup, button) {
  const at = button.getBoundingClientRect(), { width, height } = popup.getBoundingClientRect();
  const below = at.bottom + height + 8 < innerHeight;
  popup.style.left = `${Math.max(8, Math.min(at.right - width, innerWidth - width - 8))}px`;
  popup.style.top = `${Math.max(8, below ? at.bottom + 4 : at.top - height - 4)}px`;
}
