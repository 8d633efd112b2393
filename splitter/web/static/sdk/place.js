// @ts-check
/** A place in a call's video: it is joined, kept and left; a desk's and a guest's alike. */

import { backoffMs, ignore, ignoreGone, SplitterError } from "./http.js";
import { play } from "./playback.js";
import { Streams } from "./streams.js";
import { Transport, USUAL } from "./transport.js";

/** @typedef {import("./sources.js").Desk} Desk */
/** @typedef {import("./types.js").Gateway} Gateway */
/** @typedef {import("./types.js").Limits} Limits */
/** @typedef {import("./types.js").Media} Media */

const RESTART_AFTER_MS = 1_000; // "disconnected" often mends itself
const RESTART_LIMIT_MS = 8_000; // then the whole transport is made anew
const GIVEN_UP_AFTER_MS = 5_000;
const PATH_LIMIT_MS = 8_000; // a path that is not found by then is closed by a firewall, as a rule

/**
 * A place in the video of one call, and its transport.
 *
 * Once joined it stays joined until `leave`, until somebody removes it, or until the call ends: a transport that is cut
 * is repaired (ICE restart), one that cannot be is made anew in the same place.
 *
 * Events: "media" (of `media`), "admitted" (there is a new transport; of `party` and `limits`), "sent" (what is sent is
 * another track, or none), "streams" (of `streams`).
 */
export class Place extends EventTarget {
  #gateway;
  #path;
  #desk;
  #bound;
  #givenUpAfterMs;
  #consent;
  /** @type {Transport|null} */
  #transport = null;
  #wanted = false;
  #left = false;
  #tries = 0;
  #generation = 0;
  #joinedEpoch = "";
  #listed = false; // the gateway has listed it since we joined
  #brokenAt = 0;
  /** @type {number|undefined} */
  #timer;
  /** @type {number|undefined} */
  #pathless;
  /** @type {SplitterError|null} */
  #noPath = null;
  /** @type {Limits} */
  #told = USUAL;
  /** @type {HTMLVideoElement|null} */
  #element = null;
  #streams = new Streams();

  /**
   * @param {Gateway} gateway
   * @param {string} callId
   * @param {Desk} desk  what is sent
   * @param {{bound?: (told: Limits) => Limits, givenUpAfterMs?: number, consent?: () => string}} [options]  bound: what may be sent, of what the
   *   gateway told. givenUpAfterMs: a place that is lost sooner after its transport was cut was removed by somebody;
   *   later, the gateway may have given it up. consent: the version of the text that a guest has agreed to.
   */
  constructor(gateway, callId, desk, options = {}) {
    super();
    this.#gateway = gateway;
    this.#path = `/v1/calls/${encodeURIComponent(callId)}/parties`;
    this.#desk = desk;
    this.#bound = options.bound ?? ((told) => told);
    this.#consent = options.consent ?? (() => "");
    this.#givenUpAfterMs = options.givenUpAfterMs ?? GIVEN_UP_AFTER_MS;
    /** @type {Media} */
    this.media = { state: "out", code: "", message: "", status: 0 };
    /** Its name in the call, such as "desk-1"; empty where it is not in it. */
    this.party = "";
    /** Which life of the gateway the calls are of; an owner who knows says so. */
    this.epoch = "";
    /** What the gateway sends. The same object always. */
    this.remoteStream = new MediaStream();
    this.#streams.addEventListener("streams", () => this.dispatchEvent(new Event("streams")));
  }

  /** Of those who are seen in streams of their own, by name. */
  get streams() {
    return this.#streams.streams;
  }

  /** It is to be in the call, and comes back by itself. */
  get wanted() {
    return this.#wanted;
  }

  /** It left by its own wish, or was removed: it does not come back by itself. */
  get left() {
    return this.#left;
  }

  /** What may be sent. @returns {Limits} */
  get limits() {
    return this.#bound(this.#told);
  }

  /** Join. Resolves once the gateway has answered; `media` tells how the transport fares. */
  async join() {
    this.#wanted = true;
    this.#left = false;
    this.#tries = 0;
    await this.#connect();
  }

  /** Leave; the call goes on. */
  async leave() {
    const party = this.party;
    this.#left = true;
    this.close();
    if (party) await this.remove(party);
  }

  /** Give everything up without a word: the call is over, or somebody else's. */
  close() {
    this.#shut();
    this.#set("out");
  }

  /** Remove a party, this one or another. @param {string} party */
  async remove(party) {
    await this.#gateway.request("DELETE", `${this.#path}/${encodeURIComponent(party)}`).catch(ignoreGone);
  }

  /**
   * Show what comes in this element, muted: the voice is on the phone.
   * @param {HTMLVideoElement} element
   */
  attach(element) {
    this.#element = element;
    play(element, this.remoteStream);
  }

  /**
   * Tell the desks how the own camera is: they do not see why there is no picture.
   * @param {string} state  see `camera` of a party
   */
  async tellCamera(state) {
    const path = `${this.#path}/${encodeURIComponent(this.party)}/camera`;
    await this.#gateway.request("PUT", path, { json: { state } });
  }

  /** What the browser counts; null where there is no transport, or another one meanwhile. */
  async stats() {
    const transport = this.#transport;
    const report = await transport?.stats().catch(() => null);
    return report && this.#transport === transport ? report : null;
  }

  /** Send what the desk has now, as large as may be. */
  async send() {
    await this.#transport?.send(this.#desk.track, this.limits, this.#desk.sharing).catch(ignore);
  }

  /**
   * See these parties in streams of their own beside what the gateway sends by itself, and no others. What cannot be had
   * now is tried again.
   * @param {string[]} sources
   */
  watch(sources) {
    this.#streams.want(sources);
  }

  // ---- what its owner hears ----

  /** Whether the gateway lists it. @param {boolean} present */
  listed(present) {
    if (!this.party || !this.#wanted) return;
    if (present) this.#listed = true;
    else if (this.#listed) {
      this.#listed = false;
      if (this.#removed) this.#onRemoved();
      else this.#rejoin(0);
    }
  }

  /** The gateway has lost its transport. */
  lost() {
    if (this.#wanted) this.#rejoin(0);
  }

  /** The gateway is another one than before, or was started again, and does not list it, or only as cut off. */
  unknown() {
    if (this.#wanted && this.epoch !== this.#joinedEpoch && this.media.state === "connected") this.#rejoin(0);
    else this.mend();
  }

  /** The network may be another one: try at once. */
  mend() {
    if (!this.#wanted || this.media.state !== "interrupted") return;
    if (this.#transport?.asking) return; // of two that are on their way the gateway may take the older one last
    this.#tries = 0;
    this.repair();
  }

  /** ICE restart; where that does not help in time, the whole transport anew. */
  async repair() {
    const transport = this.#transport;
    clearTimeout(this.#timer);
    if (!transport?.usable) return this.#rejoin(0);
    this.#timer = setTimeout(() => this.#rejoin(0), RESTART_LIMIT_MS);
    try {
      await transport.restart();
      if (this.#transport === transport && this.media.state === "connected") clearTimeout(this.#timer); // it never broke
    } catch (error) {
      if (this.#transport !== transport || this.media.state === "connected") return;
      const fault = SplitterError.of(error);
      if (fault.code === "no-such-party" && this.#removed) this.#onRemoved();
      else this.#rejoin(fault.status ? 0 : undefined);
    }
  }

  // ---- inner ----

  async #connect() {
    const generation = ++this.#generation;
    clearTimeout(this.#timer);
    this.#transport?.close();
    this.#transport = null;
    this.#streams.on(null);
    if (!this.#brokenAt) this.#set("joining");
    this.#desk.addEventListener("track", this.#onTrack);
    try {
      const admitted = await this.#newTransport().open();
      if (generation !== this.#generation) {
        if (this.#left) await this.remove(admitted.party).catch(ignore); // it was left before it was entered
        return;
      }
      this.party = admitted.party;
      this.#told = admitted.limits ?? USUAL;
      this.#joinedEpoch = this.epoch;
      this.#listed = false;
      this.dispatchEvent(new Event("admitted"));
      this.#pathless ??= setTimeout(() => this.#onNoPath(), PATH_LIMIT_MS);
      await this.send();
      this.#streams.on(this.#transport);
    } catch (error) {
      if (generation !== this.#generation) return;
      this.#onRefused(SplitterError.of(error));
      throw error;
    }
  }

  #newTransport() {
    const consent = this.#consent() && `&consent=${encodeURIComponent(this.#consent())}`;
    const path = `${this.#path}?client=${encodeURIComponent(this.#gateway.client)}${consent}`;
    const transport = new Transport(this.#gateway, path, this.#desk.track);
    transport.ontrack = (track) => this.#receive(track);
    transport.onstate = (state) => this.#transport === transport && this.#onState(state);
    transport.onstill = () => this.#transport === transport && this.dispatchEvent(new Event("still"));
    this.#transport = transport;
    return transport;
  }

  /** @param {SplitterError} error */
  #onRefused(error) {
    const passing = error.status === 0 || error.status >= 500 || error.status === 429 || ["client-taken", "replaced"].includes(error.code);
    if (passing && !["no-h264", "no-webrtc"].includes(error.code)) {
      this.#set("interrupted", error);
      this.#rejoin();
      return;
    }
    this.#shut();
    this.#set("failed", error);
  }

  /** @param {RTCPeerConnectionState} state */
  #onState(state) {
    if (state === "connected") {
      this.#tries = this.#brokenAt = 0;
      clearTimeout(this.#timer);
      this.#findPath();
      this.#set("connected");
    } else if (state === "disconnected" || state === "failed") {
      this.#brokenAt ||= Date.now();
      this.#set("interrupted", new SplitterError(0, state, ""));
      clearTimeout(this.#timer);
      if (state === "failed") this.#rejoin(0);
      else this.#timer = setTimeout(() => this.repair(), RESTART_AFTER_MS);
    }
  }

  /** @param {number} [delayMs] */
  #rejoin(delayMs) {
    if (!this.#wanted) return;
    this.#brokenAt ||= Date.now();
    const most = backoffMs(this.#tries++);
    const wait = Math.max(delayMs ?? 0, this.#tries > 1 || delayMs === undefined ? most : 0);
    if (this.media.state === "connected") this.#set("interrupted", new SplitterError(0, "lost", ""));
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#connect().catch(ignore), wait);
  }

  /** Whoever loses its place while its transport stood was removed; else the gateway gave the place up meanwhile. */
  get #removed() {
    const standing = !this.#brokenAt || Date.now() - this.#brokenAt < this.#givenUpAfterMs;
    return standing && this.epoch === this.#joinedEpoch;
  }

  #onRemoved() {
    this.#left = true;
    this.#shut();
    this.#set("removed", new SplitterError(0, "removed", ""));
  }

  /** There is one, or nobody wants one. */
  #findPath() {
    clearTimeout(this.#pathless);
    this.#pathless = undefined;
    this.#noPath = null;
  }

  /** It goes on trying, and says meanwhile why there is nothing. */
  #onNoPath() {
    const where = this.#transport?.candidates.join(", ") ?? "";
    this.#noPath = new SplitterError(0, "no-path", where);
    this.#brokenAt ||= Date.now();
    this.#set("interrupted");
  }

  #shut() {
    this.#findPath();
    this.#wanted = false;
    this.#generation++;
    this.#brokenAt = 0;
    this.#listed = false;
    this.party = "";
    clearTimeout(this.#timer);
    this.#transport?.close();
    this.#transport = null;
    this.#streams.on(null);
    for (const track of this.remoteStream.getTracks()) this.remoteStream.removeTrack(track);
    this.#desk.removeEventListener("track", this.#onTrack);
  }

  #onTrack = async () => {
    await this.send();
    this.dispatchEvent(new Event("sent"));
  };

  /** @param {MediaStreamTrack} track */
  #receive(track) {
    for (const old of this.remoteStream.getTracks()) this.remoteStream.removeTrack(old);
    this.remoteStream.addTrack(track);
    if (this.#element?.srcObject === this.remoteStream) play(this.#element, this.remoteStream);
  }

  /** @param {Media["state"]} state @param {SplitterError} [why] */
  #set(state, why) {
    const { code = "", message = "", status = 0 } = (state === "interrupted" && this.#noPath) || (why ?? {});
    if (this.media.state === state && this.media.code === code) return;
    this.media = { state, code, message, status };
    this.dispatchEvent(new Event("media"));
  }
}
