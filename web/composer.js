// The message box: Enter sends, the limit is said before it is reached, drafts stay with their room.
import { $ } from "./dom.js";
import { MOST_CHARS, clean, lengthOf } from "./text.js";

const WARN_FROM = MOST_CHARS - 400;
const COMMANDS = [
  ["/help", "the commands"], ["/nick <name>", "change your nickname"], ["/list", "who is connected"],
  ["/rooms", "every room"], ["/create <room>", "make a room and join it"], ["/join <room>", "join a room"],
  ["/leave [room]", "leave a room"], ["/history [n]", "older messages"], ["/quit", "sign out"],
];

/** `submit(text)` is called with what was written. */
export function watchComposer(submit) {
  const input = $("input");
  input.addEventListener("input", () => refresh());
  input.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      $("composer").requestSubmit();
    }
  });
  $("composer").addEventListener("submit", (event) => {
    event.preventDefault();
    const text = clean(input.value);
    input.focus();
    if (!text.trim() || lengthOf(text) > MOST_CHARS) return;
    setDraft("");
    submit(text);
  });
}

export const draft = () => $("input").value;

export function setDraft(text) {
  $("input").value = text;
  refresh();
}

function refresh() {
  const input = $("input");
  const left = MOST_CHARS - lengthOf(clean(input.value));
  // The box grows with a hidden copy of its text (see .grow in the style sheet).
  input.parentNode.dataset.copy = input.value;
  $("count").textContent = left < 0 ? `${-left} characters too many` : left <= MOST_CHARS - WARN_FROM ? `${left} characters left` : "";
  $("count").classList.toggle("over", left < 0);
  input.setAttribute("aria-invalid", left < 0);
  $("send").disabled = left < 0;

  const word = /^\/[a-z]*/.exec(input.value)?.[0];
  const fitting = word && !input.value.includes("\n") ? COMMANDS.filter(([usage]) => usage.split(" ")[0].startsWith(word)) : [];
  $("hint").hidden = fitting.length === 0;
  $("hint").textContent = fitting.map(([usage, what]) => `${usage}  ${what}`).join("\n");
}
