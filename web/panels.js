// On a narrow screen the side panels are drawers: one at a time, Escape closes, focus goes in and comes back.
import { $ } from "./dom.js";

const PANELS = { "rooms-panel": "show-rooms", "people-panel": "show-people" };

export function watchPanels() {
  for (const [panel, opener] of Object.entries(PANELS)) $(opener).addEventListener("click", () => openPanel(panel));
  for (const node of document.querySelectorAll("[data-close]")) node.addEventListener("click", () => closePanels(true));
  document.addEventListener("keydown", (event) => { if (event.key === "Escape") closePanels(true); });
  // A window that grew shows the panel in its place again.
  matchMedia("(min-width: 1100px)").addEventListener("change", () => closePanels(false));
}

function openPanel(panel) {
  closePanels(false);
  $(panel).classList.add("open");
  $(PANELS[panel]).setAttribute("aria-expanded", "true");
  $("scrim").classList.add("open");
  $("room").inert = true;
  $(panel).focus();
}

export function closePanels(giveBackFocus) {
  for (const [panel, opener] of Object.entries(PANELS)) {
    if (!$(panel).classList.contains("open")) continue;
    $(panel).classList.remove("open");
    $(opener).setAttribute("aria-expanded", "false");
    $("scrim").classList.remove("open");
    $("room").inert = false;
    if (giveBackFocus) $(opener).focus();
  }
}
