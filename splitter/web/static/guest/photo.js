// @ts-check
/** A photo of the guest's own choice, in full resolution, for the desk. */

import { SplitterError } from "../sdk/http.js";

/** @typedef {import("../sdk/types.js").Gateway} Gateway */

const LIMIT_MS = 130_000;
const LARGEST_BYTES = 15_000_000;
const KINDS = ["image/jpeg", "image/png"];
const byId = (/** @type {string} */ id) => /** @type {HTMLInputElement} */ (document.getElementById(id));

/** Event: "change" (of `state`). */
export class PhotoSender extends EventTarget {
  #gateway;
  #path;
  /** In a word for `texts.js`: "", "photo.sending", "photo.sent" or what is wrong. */
  state = "";

  /** @param {Pick<Gateway, "request">} gateway @param {string} callId */
  constructor(gateway, callId) {
    super();
    this.#gateway = gateway;
    this.#path = `/v1/calls/${encodeURIComponent(callId)}/photos`;
    byId("photo").addEventListener("click", () => byId("photo-file").click());
    byId("photo-file").addEventListener("change", () => this.#chosen());
  }

  get sending() {
    return this.state === "photo.sending";
  }

  async #chosen() {
    const [file] = byId("photo-file").files ?? [];
    byId("photo-file").value = ""; // the same one may be chosen again
    if (!file || this.sending) return;
    if (!KINDS.includes(file.type)) return this.#say("photo.no-picture");
    if (file.size > LARGEST_BYTES) return this.#say("photo.too-large");
    this.#say("photo.sending");
    try {
      await this.#gateway.request("POST", this.#path, { body: file, type: file.type, limitMs: LIMIT_MS });
      this.#say("photo.sent");
    } catch (error) {
      const { code } = SplitterError.of(error);
      this.#say(["too-large", "no-picture", "no-room"].includes(code) ? `photo.${code}` : "photo.failed");
    }
  }

  /** @param {string} state */
  #say(state) {
    this.state = state;
    this.dispatchEvent(new Event("change"));
  }
}
