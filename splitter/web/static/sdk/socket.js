// @ts-check
/** The event socket: it stays connected, and goes on where it was without a gap (docs/events.md). */

import { backoffMs, SplitterError } from "./http.js";

/** @typedef {import("./types.js").Connection} Connection */
/** @typedef {import("./types.js").Gateway} Gateway */
/** @typedef {import("./types.js").Me} Me */

// The gateway says something every 15 s. Where another one would do as well it is not waited for twice.
const SILENCE_LIMIT_MS = 40_000;
const SHORT_SILENCE_MS = 20_000;
const PROBE_LIMIT_MS = 2_000;
const WORD = "?"; // the gateway reads nothing into it

/**
 * A socket that connects again by itself.
 *
 * Events: "connection" (of `connection`), "frame" (CustomEvent, what the gateway said), "ready" (all calls are known;
 * `detail`: nothing of before counts), "expired" (the login does not hold any more).
 */
export class EventSocket extends EventTarget {
  #gateway;
  #identify;
  #token = "";
  /** @type {WebSocket|null} */
  #socket = null;
  #epoch = "";
  /** @type {Map<string, number>} of each stream of events the last number that was heard */
  #heard = new Map();
  #whole = false; // all that lives was told
  #anew = false;
  #probing = false;
  #tries = 0;
  /** @type {number|undefined} */
  #timer;
  /** @type {number|undefined} */
  #silence;

  /**
   * @param {Gateway} gateway
   * @param {(me: Me) => Promise<void>} identify  is told whose login it is, before anything else; sets `gateway.client`
   */
  constructor(gateway, identify) {
    super();
    this.#gateway = gateway;
    this.#identify = identify;
    /** @type {Connection} */
    this.connection = { state: "signed-out", reason: "", retryAt: 0 };
    globalThis.addEventListener("offline", this.#onOffline);
  }

  /** Which life of a gateway tells of its calls. @param {string} node  of several; empty where there is one */
  epochOf(node) {
    const stream = node && [...this.#heard.keys()].find((name) => name.startsWith(`${node}.`));
    return stream || this.#epoch;
  }

  /** Nothing of before counts: the next connection begins with all calls. */
  forget() {
    this.#heard.clear();
  }

  /** Something does not work as it should: is the gateway still there? A network that swallows everything does not say. */
  async doubt() {
    if (this.#probing || this.connection.state !== "online") return;
    this.#probing = true;
    const socket = this.#socket;
    // Whoever has taken over the gateway's address does not know this connection, and its system says so at once.
    if (socket?.readyState === 1) socket.send(WORD);
    try {
      await this.#gateway.request("GET", "/v1/me", { limitMs: PROBE_LIMIT_MS });
    } catch (error) {
      if (this.#socket === socket && socket && !SplitterError.of(error).status) {
        this.#hang();
        this.#again("lost", 0);
      }
    } finally {
      this.#probing = false;
    }
  }

  /** @param {string} token */
  open(token) {
    this.#token = token;
    this.#tries = 0;
    this.#connect();
  }

  /** Try again now, without waiting for the next attempt. Also after "replaced". */
  retry() {
    if (!this.#token || this.connection.state === "online" || this.connection.state === "connecting") return;
    this.#tries = 0;
    this.#connect();
  }

  /** @param {string} reason  why one is signed out */
  close(reason) {
    this.#hang();
    this.#token = "";
    this.#say("signed-out", reason);
  }

  async #connect() {
    this.#hang();
    const token = this.#token;
    this.#say("connecting");
    try {
      // A socket that is refused does not say why; this does.
      const me = await (await this.#gateway.request("GET", "/v1/me")).json();
      if (token !== this.#token || !token) return;
      await this.#identify(me);
    } catch (error) {
      if (token !== this.#token || !token) return;
      // Another gateway of the cluster may do as well, and at once; after all of them were tried there is a pause.
      const { code, status } = SplitterError.of(error);
      const moved = (status === 0 || status >= 500) && this.#gateway.moveOn?.();
      this.#again(code, moved ? 0 : undefined);
      return;
    }
    if (token === this.#token && !this.#socket) this.#listen(token);
  }

  /** @param {string} token */
  #listen(token) {
    const url = new URL("/v1/events", this.#gateway.url);
    url.protocol = url.protocol === "http:" ? "ws:" : "wss:";
    url.searchParams.set("client", this.#gateway.client);
    if (this.#heard.size) url.searchParams.set("after", [...this.#heard].map((place) => place.join(":")).join(","));
    const socket = new WebSocket(url, ["splitter.v1", `bearer.${token}`]);
    this.#socket = socket;
    socket.onmessage = (event) => this.#socket === socket && this.#onFrame(JSON.parse(event.data));
    socket.onclose = (event) => this.#socket === socket && this.#onClosed(event.code);
    this.#watch();
  }

  /** @param {any} frame */
  #onFrame(frame) {
    this.#watch();
    if (this.connection.state === "offline") this.#say("online"); // the browser was wrong about it
    this.#keep(frame);
    if (frame.type === "hello") {
      this.#epoch = frame.epoch;
      this.#anew = !frame.resumed;
    }
    this.dispatchEvent(new CustomEvent("frame", { detail: frame }));
    if (frame.type !== "ready") return;
    this.#tries = 0;
    this.#say("online");
    this.dispatchEvent(new CustomEvent("ready", { detail: this.#anew }));
  }

  /** Keep from where to resume: on this gateway, or any other. @param {any} frame */
  #keep(frame) {
    if (frame.type === "hello") this.#whole = frame.resumed;
    if (frame.type === "ready") this.#whole = true;
    if (frame.stream && this.#whole) this.#heard.set(frame.stream, frame.seq);
    if (typeof frame.after !== "string") return;
    const told = new Map(frame.after.split(",").filter(Boolean).map((/** @type {string} */ place) => readPlace(place)));
    for (const [stream, seq] of told) told.set(stream, Math.max(seq, this.#whole ? (this.#heard.get(stream) ?? 0) : 0));
    this.#heard = told;
  }

  /** @param {number} code */
  #onClosed(code) {
    this.#hang();
    if (code === 4001) this.dispatchEvent(new Event("expired"));
    else if (code === 4009) this.#say("replaced", "replaced");
    else this.#again(code === 1012 ? "restarting" : code === 1001 ? "ending" : "lost", code === 4008 ? 0 : undefined);
  }

  /** @param {string} reason @param {number} [delayMs] */
  #again(reason, delayMs) {
    const wait = delayMs ?? backoffMs(this.#tries);
    this.#tries++;
    this.#say(navigator.onLine ? "waiting" : "offline", reason, Date.now() + wait);
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#connect(), wait);
  }

  #hang() {
    clearTimeout(this.#timer);
    clearTimeout(this.#silence);
    const socket = this.#socket;
    this.#socket = null;
    socket?.close();
  }

  /** A network that swallows everything closes no socket: silence does. */
  #watch() {
    clearTimeout(this.#silence);
    this.#silence = setTimeout(() => {
      this.#hang();
      this.#again("lost", 0);
    }, this.#gateway.several ? SHORT_SILENCE_MS : SILENCE_LIMIT_MS);
  }

  #onOffline = () => {
    if (this.connection.state === "waiting" || this.connection.state === "online") {
      this.#say("offline", "offline", this.connection.retryAt);
    }
  };

  /** @param {Connection["state"]} state @param {string} [reason] @param {number} [retryAt] */
  #say(state, reason = "", retryAt = 0) {
    this.connection = { state, reason, retryAt };
    this.dispatchEvent(new Event("connection"));
  }
}

/** @param {string} place  such as "a.7k3m:17" @returns {[string, number]} */
function readPlace(place) {
  const at = place.lastIndexOf(":");
  return [place.slice(0, at), Number(place.slice(at + 1))];
}
