// @ts-check
/** What people in a call write to each other. It lives with the call: no event, trace or archive has it. */

import { SplitterError } from "./http.js";

/** @typedef {import("./types.js").Gateway} Gateway */
/** @typedef {{number: number, at: number, sender: "desk"|"caller"|"guest"|"expert", name: string, text: string}} ChatMessage */

const AGAIN_MS = 2_000;

/** The messages of one call. Event: "messages" (of `messages`). */
export class Chat extends EventTarget {
  #gateway;
  #path;
  #count = 0;
  #reading = false;
  #closed = false;

  /** @param {Pick<Gateway, "request">} gateway @param {string} callId @param {string} [calls]  their path in the API */
  constructor(gateway, callId, calls = "/v1/calls") {
    super();
    this.#gateway = gateway;
    this.#path = `${calls}/${encodeURIComponent(callId)}/messages`;
    /** @type {ChatMessage[]} those that are known, the oldest first */
    this.messages = [];
  }

  /** Raises SplitterError: "too-many", "call-ended" … @param {string} text  up to 1000 characters */
  async write(text) {
    const { number } = await (await this.#gateway.request("POST", this.#path, { json: { text } })).json();
    this.follow(number);
  }

  /** So many there are, as the view of the call says: what is not known yet is read. @param {number} count */
  async follow(count) {
    this.#count = Math.max(this.#count, count);
    if (this.#reading || this.#closed || this.#known >= this.#count) return;
    this.#reading = true;
    try {
      const { messages } = await (await this.#gateway.request("GET", `${this.#path}?after=${this.#known}`)).json();
      this.messages = [...this.messages, ...messages];
      if (!messages.length) this.#count = this.#known; // they were forgotten
      this.dispatchEvent(new Event("messages"));
    } catch (error) {
      const { status } = SplitterError.of(error);
      if (status >= 400 && status < 500 && status !== 429) {
        this.#count = this.#known; // it is over, or not ours: not asked again before more is written
        return;
      }
      setTimeout(() => this.follow(0), AGAIN_MS);
      return;
    } finally {
      this.#reading = false;
    }
    this.follow(0);
  }

  close() {
    this.#closed = true;
  }

  get #known() {
    return this.messages.at(-1)?.number ?? 0;
  }
}
