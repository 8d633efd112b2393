// @ts-check
/** The waiting picture instead of a desk whose camera is off. */

import { ignore, SplitterError } from "./http.js";
import { hasVideo } from "./views.js";

/** @typedef {import("./call.js").CallHandle} CallHandle */

const COVERED_AFTER_MS = 300; // a frame under way ends first, for which the gateway waits 100 ms

/**
 * Asks for the waiting picture when nothing comes from this desk any more: at once, rather than a frame that stands still
 * until the gateway has waited long enough.
 *
 * The choice is the gateway's again once this desk really sends nothing, or has video again: it shows this desk with its
 * next frame, and whoever else begins to send.
 */
export class Cover {
  #call;
  #covered = ""; // who is shown the waiting picture because this desk's camera is off

  /** @param {CallHandle} call */
  constructor(call) {
    this.#call = call;
  }

  /** Nothing comes from this desk now. */
  async put() {
    const { viewer, party, view } = this.#call;
    if (this.#covered || !party || this.#call.showing !== party || !hasVideo(view) || this.#othersSend) return;
    this.#covered = viewer;
    try {
      await this.#call.show("slate", viewer);
      await this.#watch(viewer, party);
    } finally {
      this.#covered = "";
    }
  }

  /** This desk leaves the call's video. */
  lift() {
    if (this.#covered) this.#giveBack(this.#covered).catch(ignore);
    this.#covered = "";
  }

  /** The call is over: nothing is asked any more. */
  drop() {
    this.#covered = "";
  }

  /** Until nothing old can come from here any more. @param {string} viewer @param {string} party */
  async #watch(viewer, party) {
    for (let tries = 0; this.#covered && this.#call.party === party; tries++) {
      await new Promise((resolve) => setTimeout(resolve, COVERED_AFTER_MS * 2 ** Math.min(tries, 3)));
      if (!this.#covered || !["slate", party].includes(this.#call.showing)) return; // somebody has chosen meanwhile
      const sends = this.#call.view.parties.some((one) => one.name === party && one.sends);
      const nothing = !this.#call.splitter.desk.track;
      if (sends && nothing && !this.#othersSend) continue; // what it sends can only be an old frame
      if (await this.#giveBack(viewer)) return;
    }
  }

  /** Give the choice back. Returns whether that is done, or cannot be. @param {string} viewer */
  async #giveBack(viewer) {
    try {
      await this.#call.show("", viewer);
    } catch (error) {
      return error instanceof SplitterError && [403, 404, 409].includes(error.status); // no video is left
    }
    return true;
  }

  get #othersSend() {
    const { view, party } = this.#call;
    const host = (/** @type {import("./types.js").PartyView} */ one) => ["sip", "webrtc"].includes(one.kind) && (!one.extension || one.extension === view.extension);
    return view.parties.some((one) => one.name !== party && one.sends && host(one));
  }
}
