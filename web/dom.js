// The few lines of DOM help that everything here needs.

export const $ = (id) => document.getElementById(id);

/** `make("li.note", {title: "x", hidden: true, onclick: f}, ...children)`; strings become text, never markup. */
export function make(what, attributes = {}, ...children) {
  const [tag, ...classes] = what.split(".");
  const node = document.createElement(tag);
  node.classList.add(...classes);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value === true) node.setAttribute(name, "");
    else if (value !== false && value != null) node.setAttribute(name, value);
  }
  node.append(...children);
  return node;
}

/** Makes the children of `parent` the nodes for `items`, reusing those that are there by key. */
export function reconcile(parent, items, create, update) {
  const old = new Map([...parent.children].map((node) => [node.dataset.key, node]));
  let place = parent.firstElementChild;
  for (const item of items) {
    let node = old.get(item.key);
    if (node) old.delete(item.key);
    else {
      node = create(item);
      node.dataset.key = item.key;
    }
    update(node, item);
    if (node === place) place = place.nextElementSibling;
    else parent.insertBefore(node, place);
  }
  for (const node of old.values()) node.remove();
}

export const setText = (node, text) => { if (node.textContent !== text) node.textContent = text; };
