// @ts-check
/** The voice of a call: phones that are invited into it, and who is heard. */

import { ignoreGone } from "./http.js";

/** @typedef {import("./connection.js").Splitter} Splitter */

/** What can be done with the voices of one call; `view.phones` and `view.muted` say how they are. */
export class Voices {
  #splitter;
  #path;

  /** @param {Splitter} splitter @param {string} callId */
  constructor(splitter, callId) {
    this.#splitter = splitter;
    this.#path = `/v1/calls/${encodeURIComponent(callId)}`;
  }

  /**
   * Have a number called, and connect it with those who talk.
   * @param {string|undefined} number  this desk's own extension where it is left out
   * @param {{part?: "talks"|"listens"|"whispers", video?: boolean}} [options]  video: its picture is wanted as well
   * @returns {Promise<string>}  its name, such as "phone-1"
   */
  async invite(number, options = {}) {
    const response = await this.#splitter.request("POST", `${this.#path}/phones`, { json: { number, ...options } });
    return (await response.json()).name;
  }

  /** Let a phone talk, only listen, or whisper to the agent. @param {string} phone @param {"talks"|"listens"|"whispers"} part */
  async setPart(phone, part) {
    await this.#splitter.request("PUT", `${this.#path}/phones/${encodeURIComponent(phone)}`, { json: { part } });
  }

  /** Ask a phone that is in the call for its picture, or let it go back to its voice. @param {string} phone @param {boolean} [wanted] */
  async setVideo(phone, wanted = true) {
    await this.#splitter.request(wanted ? "POST" : "DELETE", `${this.#path}/phones/${encodeURIComponent(phone)}/video`);
  }

  /** Remove a phone, or call it no longer. @param {string} phone */
  async remove(phone) {
    await this.#splitter.request("DELETE", `${this.#path}/phones/${encodeURIComponent(phone)}`).catch(ignoreGone);
  }

  /** The agent's phone leaves the call, and the others go on without it. */
  async leave() {
    await this.#splitter.request("DELETE", `${this.#path}/voices/centre`);
  }

  /** Let nobody hear a voice, or all again. @param {string} voice  a phone, "caller" or "centre" @param {boolean} [muted] */
  async mute(voice, muted = true) {
    await this.#splitter.request("PUT", `${this.#path}/voices/${encodeURIComponent(voice)}`, { json: { muted } });
  }
}
