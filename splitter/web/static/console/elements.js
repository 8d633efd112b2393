// @ts-check
/** Elements of the page: found, made, and filled anew without losing the focus. */

import { t } from "./texts.js";

const SVG = "http://www.w3.org/2000/svg";

/** The element with this id. @param {string} id @returns {any} */
export function byId(id) {
  const found = document.getElementById(id);
  if (!found) throw new Error(`the page has no #${id}`);
  return found;
}

/**
 * A new element. Attributes that begin with "on" are listeners; `text` is its text; null leaves one out.
 * @param {string} tag
 * @param {Record<string, any>} [attributes]
 * @param {...(Node|string|null)} children
 * @returns {any}
 */
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "text") element.textContent = value;
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children.filter((child) => child !== null));
  return element;
}

/** One of the page's symbols. @param {string} name */
export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS(SVG, "use");
  use.setAttribute("href", `#i-${name}`);
  svg.append(use);
  return svg;
}

/** Set the text, where it is another one: what reads the page aloud is told of every change. @param {Element} element @param {string} text */
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** @type {WeakMap<Element, string>} */
const shown = new WeakMap();

/**
 * Fill an element anew, but only where what it shows has changed; the focus stays on the child of the same data-key.
 * @param {Element} element
 * @param {unknown} what  compared with that of the last time
 * @param {() => Node[]} build
 */
export function fill(element, what, build) {
  const key = JSON.stringify([document.documentElement.lang, what]);
  if (shown.get(element) === key) return;
  shown.set(element, key);
  const focused = element.contains(document.activeElement) ? document.activeElement?.getAttribute("data-key") : null;
  element.replaceChildren(...build());
  if (!focused) return;
  const again = /** @type {HTMLElement|null} */ (element.querySelector(`[data-key="${CSS.escape(focused)}"]`));
  (again ?? (element.hasAttribute("tabindex") ? /** @type {HTMLElement} */ (element) : null))?.focus(); // never on another button: it may be pressed twice
}

/** Say everything that stands in the page itself in the language of now. */
export function translatePage() {
  for (const element of document.querySelectorAll("[data-text]")) {
    say(element, t(/** @type {string} */ (element.getAttribute("data-text"))));
  }
  for (const element of document.querySelectorAll("[data-label]")) {
    const label = t(/** @type {string} */ (element.getAttribute("data-label")));
    element.setAttribute("aria-label", label);
    if (element.tagName === "BUTTON") element.setAttribute("title", label);
  }
}
