// @ts-check
/** Elements of the page: found, made, and said in the language of now. */

import { t, tag } from "./texts.js";

/** The element with this id. @param {string} id @returns {any} */
export function byId(id) {
  const found = document.getElementById(id);
  if (!found) throw new Error(`the page has no #${id}`);
  return found;
}

/**
 * A new element; attributes that begin with "on" are listeners, `text` is its text.
 * @param {string} name @param {Record<string, any>} [attributes] @param {...Node} children @returns {any}
 */
export function make(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (key === "text") element.textContent = value;
    else element.setAttribute(key, String(value));
  }
  element.append(...children);
  return element;
}

/** Set the text, where it is another one. @param {Element} element @param {string} text */
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Say everything that stands in the page itself in the language of now. */
export function translatePage() {
  document.documentElement.lang = tag();
  document.title = t("title");
  for (const element of document.querySelectorAll("[data-text]")) {
    say(element, t(/** @type {string} */ (element.getAttribute("data-text"))));
  }
  for (const element of document.querySelectorAll("[data-label]")) {
    element.setAttribute("aria-label", t(/** @type {string} */ (element.getAttribute("data-label"))));
  }
  byId("language").lang = tag() === "en" ? "zh-CN" : "en";
}
