// @ts-check
/** Those who are seen in streams of their own, on the transport that a place has. */

import { SplitterError } from "./http.js";

/** @typedef {import("./transport.js").Transport} Transport */

const AGAIN_MS = 1_000;

/** Asks for the streams that are wanted until they are there. Event: "streams" (of `streams`). */
export class Streams extends EventTarget {
  /** @type {Map<string, MediaStream>} by the name of who is seen */
  streams = new Map();
  /** @type {Transport|null} */
  #transport = null;
  /** @type {string[]} */
  #wanted = [];
  #asked = "[]";
  /** @type {number|undefined} */
  #timer;

  /** The transport is this one now: what was seen on another is gone with it. @param {Transport|null} transport */
  on(transport) {
    clearTimeout(this.#timer);
    this.#transport = transport;
    this.#asked = "[]";
    if (this.streams.size) this.#show(new Map());
    this.want(this.#wanted);
  }

  /** See these, and no others. @param {string[]} sources */
  want(sources) {
    this.#wanted = [...sources].sort();
    if (JSON.stringify(this.#wanted) !== this.#asked) this.#ask();
  }

  async #ask() {
    const [transport, asked] = [this.#transport, JSON.stringify(this.#wanted)];
    clearTimeout(this.#timer);
    if (!transport) return;
    this.#asked = asked;
    const stands = () => transport === this.#transport && asked === this.#asked;
    try {
      const tracks = await transport.watch(this.#wanted);
      if (stands()) this.#show(tracks);
    } catch (error) {
      if (!stands()) return;
      const { status, code } = SplitterError.of(error);
      const passing = status === 0 || status >= 500 || status === 429 || code === "ice-changed";
      if (passing) this.#timer = setTimeout(() => this.#ask(), AGAIN_MS);
    }
  }

  /** @param {Map<string, MediaStreamTrack>} tracks */
  #show(tracks) {
    const before = this.streams;
    const kept = (/** @type {string} */ source, /** @type {MediaStreamTrack} */ track) => {
      const stream = before.get(source);
      return stream?.getTracks()[0] === track ? stream : new MediaStream([track]);
    };
    this.streams = new Map([...tracks].map(([source, track]) => [source, kept(source, track)]));
    this.dispatchEvent(new Event("streams"));
  }
}
