// @ts-check
/** A photo of the guest's own choice, in full resolution, or a PDF, for the desk. */

import { SplitterError } from "../sdk/http.js";

/** @typedef {import("../sdk/types.js").Gateway} Gateway */

const LIMIT_MS = 130_000;
/** @type {Record<string, {types: string[], largest: number}>} */
const KINDS = {
  photo: { types: ["image/jpeg", "image/png"], largest: 15_000_000 },
  pdf: { types: ["application/pdf"], largest: 10_000_000 },
};
const byId = (/** @type {string} */ id) => /** @type {HTMLInputElement} */ (document.getElementById(id));

/** Event: "change" (of `state`). */
export class PhotoSender extends EventTarget {
  #gateway;
  #path;
  #taken;
  /** In a word for `texts.js`: "", "file.sending", "file.sent" or what is wrong. */
  state = "";

  /** @param {Pick<Gateway, "request">} gateway @param {string} callId @param {string[]} files  kinds that the gateway takes */
  constructor(gateway, callId, files) {
    super();
    this.#taken = Object.keys(KINDS).filter((kind) => files.includes(kind));
    byId("photo-file").accept = this.#taken.flatMap((kind) => KINDS[kind].types).join(",");
    this.#gateway = gateway;
    this.#path = `/v1/calls/${encodeURIComponent(callId)}/photos`;
    byId("photo").addEventListener("click", () => byId("photo-file").click());
    byId("photo-file").addEventListener("change", () => this.#chosen());
  }

  get sending() {
    return this.state === "file.sending";
  }

  /** What the button says, in a word for `texts.js`; "": nothing can be sent. */
  get label() {
    return this.#taken.length ? `send.${this.#taken.join("-")}` : "";
  }

  async #chosen() {
    const [file] = byId("photo-file").files ?? [];
    byId("photo-file").value = ""; // the same one may be chosen again
    if (!file || this.sending) return;
    const kind = this.#taken.find((one) => KINDS[one].types.includes(file.type));
    if (!kind) return this.#say(`file.wrong.${this.#taken.join("-")}`);
    if (file.size > KINDS[kind].largest) return this.#say("file.too-large");
    this.#say("file.sending");
    try {
      await this.#gateway.request("POST", this.#path, { body: file, type: file.type, limitMs: LIMIT_MS });
      this.#say("file.sent");
    } catch (error) {
      const { code } = SplitterError.of(error);
      this.#say(["too-large", "no-picture", "no-pdf", "no-room"].includes(code) ? `file.${code}` : "file.failed");
    }
  }

  /** @param {string} state */
  #say(state) {
    this.state = state;
    this.dispatchEvent(new Event("change"));
  }
}
