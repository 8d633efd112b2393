// @ts-check
/** The connection of a desk to its gateway: login, and the calls that are this desk's. */

import { Api } from "./api.js";
import { CallHandle } from "./call.js";
import { ignore, SplitterError } from "./http.js";
import { claimClient } from "./identity.js";
import { EventSocket } from "./socket.js";
import { Desk } from "./sources.js";

/** @typedef {import("./types.js").CallView} CallView */
/** @typedef {import("./types.js").Connection} Connection */
/** @typedef {import("./types.js").GatewayState} GatewayState */
/** @typedef {import("./types.js").Me} Me */
/** @typedef {import("./types.js").Notice} Notice */
/** @typedef {import("./types.js").UnboundCalls} UnboundCalls */

/** @type {UnboundCalls} */
const NONE = { calls: [], more: 0 };

/**
 * The connection of a desk to its gateway.
 *
 * Events (CustomEvent, see `detail`):
 *   "connection"  {Connection}
 *   "added"       {call: CallHandle}   a call is there that was not: once for each;
 *   "call"        {call: CallHandle, before: CallView|null, gone: boolean, lost: boolean}   something of a call changed;
 *                 gone: it is this desk's no more; lost: the gateway that comes back does not know it
 *   "notice"      {notice: Notice, call: CallHandle|undefined, at: number}  people should be told this now
 *   "gateway"     {GatewayState}                                           it takes no new calls, or takes them again
 *   "unbound"     {UnboundCalls}                                           calls that nobody has, as they are now
 *   "desk"        {desk: object}                                           only with the scope calls:read
 */
export class Splitter extends Api {
  #events;
  /** @type {Set<string>|null} calls of the snapshot that is coming in */
  #snapshot = null;
  #replaying = false;
  #clockOffsetMs = 0;
  #autojoin;
  #givenClient;
  #givenIceServers;
  /** @type {{release: () => void}|null} */
  #claim = null;
  /** @type {Array<{resolve: () => void, reject: (error: unknown) => void}>} */
  #waiting = [];

  /**
   * @param {{url?: string, autojoin?: boolean, streams?: boolean, client?: string, iceServers?: RTCIceServer[]}} [options]
   *   url: of the gateway, this page's own where it is left out. autojoin: join calls of this desk's extension once
   *   they are answered (true). streams: see everybody in the video, each in a stream of its own (false).
   *   client: this desk's own id, 1–64 of A–Z a–z 0–9 . : @ _ -; one that is kept over reloads is made where it is left out.
   */
  constructor(options = {}) {
    super(new URL(options.url ?? globalThis.location.origin));
    this.#autojoin = options.autojoin ?? true;
    this.#givenClient = options.client ?? "";
    this.#givenIceServers = options.iceServers;
    this.iceServers = options.iceServers ?? [];
    this.streams = options.streams ?? false;
    this.client = "";
    /** @type {Me|null} */
    this.me = null;
    /** @type {GatewayState} how the gateway itself is */
    this.gateway = { state: "running" };
    /** @type {UnboundCalls} answered calls that nobody has, as far as this desk may see them: `takeCall` takes one by its id */
    this.unbound = NONE;
    /** @type {Map<string, CallHandle>} the calls that live, by id */
    this.calls = new Map();
    this.desk = new Desk();
    this.#events = new EventSocket(this, (me) => this.#onMe(me));
    this.#events.addEventListener("connection", () => this.#emit("connection", this.connection));
    this.#events.addEventListener("frame", (event) => this.#onFrame(/** @type {CustomEvent} */ (event).detail));
    this.#events.addEventListener("ready", (event) => this.#onReady(/** @type {CustomEvent} */ (event).detail));
    this.#events.addEventListener("expired", () => this.#signedOut(new SplitterError(401, "expired", "the login has expired")));
    globalThis.addEventListener("online", this.#onOnline);
    document.addEventListener("visibilitychange", this.#onOnline);
  }

  /** @returns {Connection} */
  get connection() {
    return this.#events.connection;
  }

  /** Seconds since the Unix epoch, by the gateway's clock: desks' own clocks are often wrong. */
  now() {
    return (Date.now() + this.#clockOffsetMs) / 1000;
  }

  /**
   * Connect, and stay connected until `close`. Resolves once all calls are known; rejects only where the token does
   * not hold: whatever else is wrong is tried again.
   * @param {{token?: string}} [options]
   */
  async connect(options = {}) {
    if (options.token !== undefined) this.token = options.token.trim();
    if (!/^[\w.~+/=-]+$/.test(this.token)) throw new SplitterError(401, "no-token", "log in first");
    const online = new Promise((resolve, reject) => this.#waiting.push({ resolve: () => resolve(undefined), reject }));
    this.#events.open(this.token);
    await online;
  }

  /** Leave the calls' video and disconnect. The calls themselves go on. */
  close() {
    for (const call of this.calls.values()) call._drop();
    this.calls.clear();
    this.unbound = NONE;
    this.desk.close();
    this.#claim?.release();
    this.#claim = null;
    this.token = this.client = "";
    this.me = null;
    this.#events.forget();
    this.#settle(new SplitterError(0, "closed", "disconnected"));
    this.#events.close("closed");
  }

  /** Try again now, without waiting for the next attempt. Also after "replaced". */
  retry() {
    this.#events.retry();
  }

  // ---- what can be asked ----

  /**
   * Take a call by its id, short code or caller's number, in any spelling; it is this desk's from then on, and joined.
   * @param {string} reference
   * @returns {Promise<CallHandle>}
   */
  async takeCall(reference) {
    const path = `/v1/calls/${encodeURIComponent(reference.trim())}/desk`;
    /** @type {CallView} */
    const view = await (await this.request("PUT", path, { json: {} })).json();
    const call = this.#learn(view);
    if (call.media.state === "out") call.join().catch(ignore);
    return call;
  }

  /**
   * Ask to be let into a call that is another desk's. Once that desk admits this one, the call comes and is joined; a
   * notice tells of it: "join-admitted", "join-denied" or "join-unanswered".
   * @param {string} reference  its id, short code or caller's number
   */
  async askIn(reference) {
    await this.request("POST", `/v1/calls/${encodeURIComponent(reference.trim())}/admissions`);
  }

  /** True for a call that is this desk's own: it may end it, and say who else comes in. @param {CallView} view */
  owns(view) {
    return Boolean(this.me?.extension) && view.extension === this.me?.extension;
  }

  /** True for another desk's call into which this login comes as a supervisor: it sees, and is not seen. @param {CallView} view */
  looksOn(view) {
    const own = this.owns(view) || (view.admitted ?? []).includes(this.me?.extension ?? "");
    return Boolean(this.me?.scopes.includes("calls:supervise")) && view.extension !== "" && !own;
  }

  // ---- what the gateway tells ----

  /** Something of a call's media does not work. */
  _doubt() {
    this.#events.doubt();
  }

  /** Whose login it is. Somebody else than before: nothing of before is theirs. @param {Me} me */
  async #onMe(me) {
    this._others(me.gateways ?? []);
    this.iceServers = this.#givenIceServers ?? me.ice_servers ?? [];
    if (this.me?.name !== me.name) {
      for (const call of [...this.calls.values()]) this.#forget(call, { gone: true });
      this.#events.forget();
      this.client = "";
    }
    this.me = me;
    if (this.client) return;
    this.client = this.#givenClient || (await this.#identify(me.name));
  }

  /** One id per tab: kept over reloads, taken up again by whoever comes after a tab that was killed. @param {string} name */
  async #identify(name) {
    this.#claim?.release();
    const claim = await claimClient(name);
    this.#claim = claim;
    return claim.client;
  }

  /** @param {any} frame */
  #onFrame(frame) {
    switch (frame.type) {
      case "hello":
        this.me = { ...this.me, ...frame.me }; // which says less than /v1/me
        this.#replaying = frame.resumed;
        this.#snapshot = frame.resumed ? null : new Set();
        this.#onGateway({ state: "running" }); // if it is not, it says so next
        this.#onUnbound(NONE); // and so with these
        break;
      case "unbound":
        this.#onUnbound({ calls: frame.unbound.calls, more: frame.unbound.count - frame.unbound.calls.length });
        break;
      case "gateway":
        this.#onGateway(frame.gateway);
        break;
      case "ready":
        this.#forgetLost();
        break;
      case "call":
        this.#synchronise(frame.at);
        this.#onCall(frame.call, frame.gone === true, frame.stream);
        break;
      case "notice":
        this.#synchronise(frame.at);
        this.#onNotice(frame.notice, frame.at);
        break;
      case "desk":
        this.#emit("desk", { desk: frame.desk });
    }
  }

  /** All calls are known: those that were not told are not there any more. */
  #forgetLost() {
    const present = this.#snapshot;
    this.#snapshot = null;
    this.#replaying = false;
    if (!present) return;
    for (const call of [...this.calls.values()]) if (!present.has(call.id)) this.#forget(call, { lost: true });
  }

  /** @param {boolean} anew */
  #onReady(anew) {
    this.#settle();
    for (const call of this.calls.values()) call._onReconnected(anew);
  }

  /** @param {CallView} view @param {boolean} gone @param {string} epoch */
  #onCall(view, gone, epoch) {
    this.#snapshot?.add(view.call_id);
    if (view.state === "ended" || gone) {
      const call = this.calls.get(view.call_id);
      if (call) {
        const before = call.view;
        call._update(view, epoch);
        this.#forget(call, { gone: gone && view.state !== "ended" }, before);
      }
      return;
    }
    const call = this.#learn(view, epoch);
    const own = this.owns(view) || view.admitted?.includes(this.me?.extension ?? "");
    if (this.#autojoin && own && view.state === "connected") call._autojoin();
  }

  /** @param {CallView} view @param {string} [epoch]  which life of its gateway tells so @returns {CallHandle} */
  #learn(view, epoch = this.#events.epochOf(view.node ?? "")) {
    const known = this.calls.get(view.call_id);
    const before = known?.view ?? null;
    const call = known ?? new CallHandle(this, view);
    this.calls.set(view.call_id, call);
    call._update(view, epoch);
    if (!known) this.#emit("added", { call });
    this.#emit("call", { call, before, gone: false, lost: false });
    return call;
  }

  /** @param {CallHandle} call @param {{gone?: boolean, lost?: boolean}} why @param {CallView} [before] */
  #forget(call, { gone = false, lost = false }, before = call.view) {
    this.calls.delete(call.id);
    call._drop();
    this.#emit("call", { call, before, gone, lost });
  }

  /** @param {Notice} notice @param {number} at */
  #onNotice(notice, at) {
    const call = this.calls.get(notice.call_id);
    this.#emit("notice", { notice, call, at });
    call?._onNotice(notice);
  }

  /** @param {GatewayState} state */
  #onGateway(state) {
    if (state.state === this.gateway.state) return;
    this.gateway = state;
    this.#emit("gateway", state);
  }

  /** @param {UnboundCalls} told */
  #onUnbound(told) {
    if (told === this.unbound) return;
    this.unbound = told;
    this.#emit("unbound", told);
  }

  /** A request was refused, or had no answer. @param {SplitterError} error @param {boolean} login */
  _refused(error, login) {
    if (error.status === 401 && !login) this.#signedOut(error);
    if (error.status === 0) this.#events.doubt();
  }

  /** The login does not hold any more. @param {unknown} error */
  #signedOut(error) {
    this.token = "";
    this.#events.close("expired");
    this.#settle(error);
  }

  /** @param {unknown} [error] */
  #settle(error) {
    for (const waiter of this.#waiting.splice(0)) error ? waiter.reject(error) : waiter.resolve();
  }

  #onOnline = () => {
    if (document.visibilityState === "hidden" || !navigator.onLine) return;
    if (this.connection.state === "waiting" || this.connection.state === "offline") this.retry();
    for (const call of this.calls.values()) call._onNetwork();
  };

  /** @param {number} at */
  #synchronise(at) {
    if (!this.#replaying && typeof at === "number") this.#clockOffsetMs = at * 1000 - Date.now();
  }

  /** @param {string} type @param {unknown} detail */
  #emit(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}
