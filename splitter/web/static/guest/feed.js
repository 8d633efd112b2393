// @ts-check
/** What becomes of the guest's call: told at once by a socket, and asked for where there is none. */

import { backoffMs, SplitterError } from "../sdk/http.js";

/** @typedef {import("../sdk/types.js").Gateway & {token: string}} Gateway */
/** @typedef {{name: string, state: string, receives: boolean, shown: "none"|"waiting"|"image"|"video"}} Own */
/** @typedef {{call_id: string, state: string, agent: "away"|"connected"|"sends", parties: Own[], messages?: number, recorded?: boolean}} GuestCall */

const ASK_AGAIN_MS = 2_000; // where no socket comes through
const EXPIRED = 4001;

/** Events: "view" (of `view`), "over" (the call has ended), "expired" (the link holds no longer). */
export class Feed extends EventTarget {
  #gateway;
  #path;
  /** @type {WebSocket|null} */
  #socket = null;
  #open = false;
  #tries = 0;
  /** @type {number|undefined} */
  #timer;

  /** @param {Gateway} gateway @param {string} callId */
  constructor(gateway, callId) {
    super();
    this.#gateway = gateway;
    this.#path = `/v1/calls/${encodeURIComponent(callId)}/guest`;
    /** @type {GuestCall|null} */
    this.view = null;
  }

  open() {
    if (this.#open) return;
    this.#open = true;
    this.#listen();
  }

  close() {
    this.#open = false;
    clearTimeout(this.#timer);
    this.#socket?.close();
    this.#socket = null;
  }

  /** The network may be another one: what was told on the old one may be late. */
  again() {
    if (!this.#open) return;
    this.#tries = 0;
    this.#socket?.close();
    this.#socket = null;
    this.#look();
  }

  #listen() {
    if (!this.#open) return;
    const url = new URL(`${this.#path}/events`, this.#gateway.url);
    url.protocol = url.protocol.replace("http", "ws");
    const socket = (this.#socket = new WebSocket(url, ["splitter.guest.v1", `bearer.${this.#gateway.token}`]));
    socket.onmessage = ({ data }) => {
      if (socket !== this.#socket) return;
      this.#tries = 0;
      this.#show(JSON.parse(data));
    };
    socket.onclose = ({ code }) => {
      if (socket !== this.#socket) return;
      this.#socket = null;
      if (code === EXPIRED) return this.#end("expired");
      this.#later();
    };
  }

  #later() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#look(), Math.min(ASK_AGAIN_MS, backoffMs(this.#tries++)));
  }

  /** The socket is gone, or never came: is the call, too? */
  async #look() {
    clearTimeout(this.#timer);
    try {
      this.#show(await (await this.#gateway.request("GET", this.#path)).json());
    } catch (error) {
      const { status, code } = SplitterError.of(error);
      if (status === 404 || code === "call-ended") return this.#end("over");
      if (status === 401 || status === 403) return this.#end("expired");
    }
    if (!this.#socket) this.#listen();
  }

  /** @param {GuestCall} view */
  #show(view) {
    if (!this.#open) return;
    this.view = view;
    if (view.state === "ended") this.#end("over");
    else this.dispatchEvent(new Event("view"));
  }

  /** @param {"over"|"expired"} how */
  #end(how) {
    if (!this.#open) return;
    this.close();
    this.dispatchEvent(new Event(how));
  }
}
