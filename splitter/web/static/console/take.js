// @ts-check
/** The form of an idle desk that takes a call by its number or code, and asks to be let into another desk's. */

import { byId } from "./elements.js";
import { fault, t } from "./texts.js";

/** @typedef {import("../sdk/splitter.js").Splitter} Splitter */

/**
 * Wire it; once.
 * @param {Splitter} splitter
 * @param {(call: import("../sdk/splitter.js").CallHandle) => void} open  what was taken is shown
 * @param {() => void} update
 */
export function setUpTake(splitter, open, update) {
  byId("take-form").addEventListener("submit", async (event) => {
    event.preventDefault();
    const reference = byId("take").value.trim();
    sayTake("");
    if (!reference) return;
    try {
      open(await splitter.takeCall(reference));
      byId("take").value = "";
    } catch (error) {
      sayTake(fault(error), /** @type {any} */ (error).code === "bound-already");
    }
    update();
  });
  byId("take-ask").addEventListener("click", async () => {
    try {
      await splitter.askIn(byId("take").value);
      sayTake(t("take.asked"), false, false);
    } catch (error) {
      sayTake(fault(error));
    }
    update();
  });
  byId("take").addEventListener("input", () => sayTake(""));
}

/**
 * What came of taking a call; `ask`: whether this desk may ask to be let in; `fault`: it did not succeed.
 * @param {string} text @param {boolean} [ask] @param {boolean} [fault]
 */
export function sayTake(text, ask = false, fault = true) {
  byId("take-fault").textContent = text;
  byId("take-fault").className = fault ? "fault" : "muted";
  byId("take-ask").hidden = !ask;
}
