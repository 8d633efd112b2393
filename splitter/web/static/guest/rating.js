// @ts-check
/** At the end: how it was, 1 to 5. */

import { text } from "./texts.js";

/** @typedef {import("../sdk/types.js").Gateway} Gateway */

const MOST = 5;
const byId = (/** @type {string} */ id) => /** @type {HTMLElement} */ (document.getElementById(id));

export class Rating {
  #gateway;
  #path;
  #said = false;

  /** @param {Pick<Gateway, "request">} gateway @param {string} callId */
  constructor(gateway, callId) {
    this.#gateway = gateway;
    this.#path = `/v1/calls/${encodeURIComponent(callId)}/guest/rating`;
    byId("rating-title").textContent = text("rating");
    for (let stars = 1; stars <= MOST; stars++) {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = String(stars);
      button.setAttribute("aria-label", text(`rating.${stars}`));
      button.addEventListener("click", () => this.#rate(stars));
      byId("stars").append(button);
    }
  }

  /** @param {boolean} asked */
  draw(asked) {
    byId("rating").hidden = !asked;
    byId("stars").hidden = byId("rating-title").hidden = this.#said;
  }

  /** @param {number} stars */
  async #rate(stars) {
    try {
      await this.#gateway.request("PUT", this.#path, { json: { stars } });
      this.#said = true;
      byId("rating-said").textContent = text("rating.thanks");
      this.draw(true);
    } catch {
      byId("rating-said").textContent = text("rating.failed");
    }
  }
}
