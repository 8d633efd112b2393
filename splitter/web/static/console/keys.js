// @ts-check
/** Keys that act at once, which people may switch off (WCAG 2.1.4); and what a browser keeps for its user. */

import { KEYS } from "./actions.js";
import { dialogOpen } from "./dialogs.js";

const SINGLE_KEYS = "splitter.keys";

/** @param {string} key */
export function stored(key) {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

/** @param {string} key @param {string} value */
export function store(key, value) {
  try {
    localStorage.setItem(key, value);
  } catch {
    // then it lasts as long as the page
  }
}

export function singleKeys() {
  return stored(SINGLE_KEYS) !== "off";
}

/** @param {boolean} single */
export function useSingleKeys(single) {
  store(SINGLE_KEYS, single ? "on" : "off");
  document.body.dataset.keys = single ? "on" : "off";
}

/**
 * Wire the keys; once.
 * @param {(action: string) => void} act
 * @param {(number: number) => boolean} tab  the call of this tab is shown, if there is one
 */
export function setUpKeys(act, tab) {
  useSingleKeys(singleKeys());
  document.addEventListener("keydown", (event) => {
    const target = /** @type {HTMLElement} */ (event.target);
    if (event.ctrlKey || event.metaKey || event.altKey || event.repeat || dialogOpen()) return;
    if (target.closest("input, textarea, select, [contenteditable]") || !singleKeys()) return;
    // By what is on the key; by its place where an input method has taken the letter.
    const key = event.key.length === 1 ? event.key.toUpperCase() : event.code.replace("Key", "");
    const action = Object.keys(KEYS).find((name) => KEYS[name] === key);
    if (/^[1-9]$/.test(key) && tab(Number(key))) event.preventDefault();
    else if (action) {
      act(action);
      event.preventDefault();
    }
  });
}
