// @ts-check
/**
 * The agent's desk of the splitter: calls, events and video in a browser. One ES module, nothing else is needed.
 *
 *   Splitter     the connection to a gateway: login, the event socket, the calls that are this desk's
 *   CallHandle   one call: its view, its picture (WHIP, RFC 9725) and everything that can be done with it
 *   Desk         this desk's camera and screen; what is sent to every call that it has joined
 *
 * The voice is on the agent's phone and never passes here: nothing in this module can end or disturb it but `hangUp`.
 * See README.md beside it.
 */

/** @typedef {{width: number, height: number, frame_rate: number, bitrate_kbps: number}} Limits */
/** @typedef {{name: string, kind: "sip"|"webrtc"|"guest", extension: string, client: string,
 *   state: "joining"|"connected"|"interrupted"|"left", sends: boolean, showing: string}} PartyView */
/** @typedef {{state: "off"|"asking"|"on"|"dropping", outcome: string, reason: string, supported: boolean|null,
 *   limits: Limits|null, sends: boolean}} VideoView */
/** @typedef {{access_network: string, latitude: number|null, longitude: number|null, radius_m: number|null,
 *   civic_address: string, charging_id: string, location_uri: string, video_capable: boolean|null,
 *   private: boolean}} CallerFacts */
/** @typedef {{call_id: string, short_code: string, state: "routing"|"ringing"|"connected"|"ended", caller: string,
 *   called: string, started_at: number, answered_at: number|null, ended_at: number|null, end_reason: string,
 *   end_status: number, route: string, showing: string, legs: object[], facts: CallerFacts, parties: PartyView[],
 *   video: VideoView, extension: string, bound_by: string, strangers: object[], asking: string[],
 *   admitted: string[]}} CallView  Times are seconds since the Unix epoch. `asking`: desks that ask to be let in, `admitted`: those that may.
 */
/** @typedef {{call_id: string, code: string, text: string, party: string, extension: string}} Notice */
/** @typedef {{name: string, extension: string, scopes: string[], expires_at: number|null}} Me */
/** @typedef {{id: string, name: string, width: number, height: number, call_id: string}} Picture */
/** @typedef {{blob: Blob, takenAt: number, location: string}} Snapshot  `takenAt`: seconds since the Unix epoch. */
/** @typedef {{link: string, expires_at: number, sent: boolean, reason: string}} Invitation */
/** @typedef {{state: "signed-out"|"connecting"|"online"|"waiting"|"offline"|"replaced", reason: string,
 *   retryAt: number}} Connection  `retryAt`: milliseconds as of Date.now(), 0 where nothing is planned. */
/** @typedef {{state: "out"|"joining"|"connected"|"interrupted"|"removed"|"failed", code: string,
 *   message: string}} Media  Where this desk's own video transport in the call stands. */
/** @typedef {{level: Level, lossPercent: number, fps: number, kbps: number, width: number, height: number,
 *   freezes: number}} Direction */
/** @typedef {"good"|"fair"|"poor"|"unknown"|"none"} Level  unknown: pictures flow, but were not measured yet. */
/** @typedef {{level: Level, rttMs: number|null, received: Direction, sent: Direction}} Quality */
/** @typedef {{wanted: boolean, state: "off"|"starting"|"on"|"trouble", trouble: string, deviceId: string,
 *   label: string}} Camera  `trouble`: no-camera, denied, in-use, unplugged, muted, insecure-context or failed. */

const REQUEST_LIMIT_MS = 12_000;
const SILENCE_LIMIT_MS = 40_000; // the gateway says something every 15 s
const RETRY_FIRST_MS = 500;
const RETRY_MOST_MS = 10_000;
const GATHER_LIMIT_MS = 0; // the gateway learns our addresses from our checks; candidates are sent after the offer
const ASKING_MS = 3_000; // without an answer for longer, asking anew is better than waiting
const RESTART_AFTER_MS = 1_000; // "disconnected" often mends itself
const RESTART_LIMIT_MS = 8_000; // then the whole transport is made anew
const QUALITY_EVERY_MS = 2_000;
const COVERED_AFTER_MS = 300; // a picture under way ends first, for which the gateway waits 100 ms
const TAKEN_OUT_WITHIN_MS = 5_000; // a place lost sooner after its transport was taken, not given up
const PICTURE_BYTES = 8_000_000;
const PICTURE_SIDE = 1920;
/** @type {Limits} */
const WIDE = { width: 1280, height: 720, frame_rate: 30, bitrate_kbps: 2000 }; // any shape can be cut out of it
/** @type {Limits} */
const USUAL = { width: 640, height: 480, frame_rate: 30, bitrate_kbps: 960 };
const FRAGMENT = "application/trickle-ice-sdpfrag";

/** Anything that did not work. `code` is stable, for programs: "no-such-call", "unreachable", "denied". */
export class SplitterError extends Error {
  /**
   * @param {number} status of HTTP; 0 where there was no answer
   * @param {string} code
   * @param {string} message
   */
  constructor(status, code, message) {
    super(message);
    this.name = "SplitterError";
    this.status = status;
    this.code = code;
  }
}

// ---- the connection ------------------------------------------------------------------------------------------------

/**
 * The connection of a desk to its gateway.
 *
 * Events (CustomEvent, see `detail`):
 *   "connection"  {Connection}
 *   "call"        {call: CallHandle, before: CallView|null, gone: boolean, lost: boolean}   something of a call changed;
 *                 gone: it is this desk's no more; lost: the gateway that comes back does not know it
 *   "notice"      {notice: Notice, call: CallHandle|undefined, at: number}  people should be told this now
 *   "desk"        {desk: object}                                           only with the scope calls:read
 */
export class Splitter extends EventTarget {
  #token = "";
  /** @type {WebSocket|null} */
  #socket = null;
  #epoch = "";
  #after = 0;
  #tries = 0;
  /** @type {number|undefined} */
  #timer;
  /** @type {number|undefined} */
  #silence;
  /** @type {Set<string>|null} calls of the snapshot that is coming in */
  #snapshot = null;
  #replaying = false;
  #clockOffsetMs = 0;
  #autojoin;
  #givenClient;
  /** @type {{release: () => void}|null} */
  #claim = null;
  /** @type {Array<{resolve: () => void, reject: (error: unknown) => void}>} */
  #waiting = [];

  /**
   * @param {{url?: string, autojoin?: boolean, client?: string, iceServers?: RTCIceServer[]}} [options]
   *   url: of the gateway, this page's own where it is left out. autojoin: join calls of this desk's extension once
   *   they are answered (true). client: this desk's own id, 1–64 of A–Z a–z 0–9 . : @ _ -; one that is kept over
   *   reloads is made where it is left out.
   */
  constructor(options = {}) {
    super();
    this.url = new URL(options.url ?? globalThis.location.origin);
    this.#autojoin = options.autojoin ?? true;
    this.#givenClient = options.client ?? "";
    this.iceServers = options.iceServers ?? [];
    this.client = "";
    /** @type {Me|null} */
    this.me = null;
    /** @type {Map<string, CallHandle>} the calls that live, by id */
    this.calls = new Map();
    this.desk = new Desk();
    /** @type {Connection} */
    this.connection = { state: "signed-out", reason: "", retryAt: 0 };
    globalThis.addEventListener("online", this.#onOnline);
    globalThis.addEventListener("offline", this.#onOffline);
    document.addEventListener("visibilitychange", this.#onOnline);
  }

  get token() {
    return this.#token;
  }

  /** For `request` alone, without the event socket; `connect` takes one itself. */
  set token(token) {
    this.#token = token;
  }

  /** Seconds since the Unix epoch, by the gateway's clock: desks' own clocks are often wrong. */
  now() {
    return (Date.now() + this.#clockOffsetMs) / 1000;
  }

  /**
   * Log in with the user and password of an account.
   * @param {string} user
   * @param {string} password
   * @returns {Promise<{token: string, expires_at: number, user: string, extension: string, name: string}>}
   */
  async login(user, password) {
    this.#token = "";
    const response = await this.request("POST", "/v1/login", { json: { user, password } });
    const granted = await response.json();
    this.#token = granted.token;
    return granted;
  }

  /**
   * Connect, and stay connected until `close`. Resolves once all calls are known; rejects only where the token does
   * not hold: whatever else is wrong is tried again.
   * @param {{token?: string}} [options]
   */
  async connect(options = {}) {
    if (options.token !== undefined) this.#token = options.token.trim();
    if (!/^[\w.~+/=-]+$/.test(this.#token)) throw new SplitterError(401, "no-token", "log in first");
    this.#tries = 0;
    const online = new Promise((resolve, reject) =>
      this.#waiting.push({ resolve: () => resolve(undefined), reject }),
    );
    this.#open();
    await online;
  }

  /** Leave the calls' pictures and disconnect. The calls themselves go on. */
  close() {
    for (const call of this.calls.values()) call._drop();
    this.calls.clear();
    this.desk.close();
    this.#hangSocket();
    this.#claim?.release();
    this.#claim = null;
    this.#token = this.#epoch = this.client = "";
    this.me = null;
    this.#settle(new SplitterError(0, "closed", "disconnected"));
    this.#say("signed-out", "closed");
  }

  /** Try again now, without waiting for the next attempt. Also after "replaced". */
  retry() {
    if (!this.#token || this.connection.state === "online" || this.connection.state === "connecting") return;
    this.#tries = 0;
    this.#open();
  }

  // ---- what can be asked ----

  /**
   * Live calls, or those that ended (`ended`), the newest first.
   * @param {{ended?: boolean, number?: string, extension?: string, limit?: number, before?: number}} [query]
   * @returns {Promise<CallView[]>}
   */
  async list(query = {}) {
    const words = new URLSearchParams();
    for (const [name, value] of Object.entries(query)) if (value) words.set(name, value === true ? "1" : String(value));
    return (await (await this.request("GET", `/v1/calls?${words}`)).json()).calls;
  }

  /**
   * Take a call by its id, short code or caller's number; it is this desk's from then on, and joined.
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

  /**
   * Stills that callers may be shown: those for all calls, and those of one.
   * @param {string} [callId]
   * @returns {Promise<Picture[]>}
   */
  async pictures(callId = "") {
    const query = callId ? `?call=${encodeURIComponent(callId)}` : "";
    return (await (await this.request("GET", `/v1/pictures${query}`)).json()).pictures;
  }

  /**
   * The image of a still, for an <img> by URL.createObjectURL.
   * @param {string} id
   * @returns {Promise<Blob>}
   */
  async pictureImage(id) {
    return (await this.request("GET", `/v1/pictures/${encodeURIComponent(id)}`)).blob();
  }

  /**
   * Put up a still. Other kinds than PNG and JPEG, and those that are too large, are converted first.
   * @param {Blob} file
   * @param {{name?: string, callId?: string}} [options]  callId: for this call alone
   * @returns {Promise<Picture>}
   */
  async uploadPicture(file, options = {}) {
    const image = await fitPicture(file);
    const query = new URLSearchParams();
    const name = options.name ?? ("name" in file ? String(file.name) : "");
    if (name) query.set("name", name.slice(0, 100));
    if (options.callId) query.set("call", options.callId);
    const body = { body: image, type: image.type, limitMs: 60_000 };
    return (await this.request("POST", `/v1/pictures?${query}`, body)).json();
  }

  /**
   * Any request of the API; see /v1/openapi.json.
   * @param {string} method
   * @param {string} path
   * @param {{json?: unknown, body?: BodyInit, type?: string, headers?: Record<string, string>, limitMs?: number}}
   *   [options]
   * @returns {Promise<Response>}
   */
  async request(method, path, options = {}) {
    /** @type {Record<string, string>} */
    const headers = { ...options.headers };
    if (this.#token) headers.Authorization = `Bearer ${this.#token}`;
    let body = options.body;
    if (options.json !== undefined) {
      body = JSON.stringify(options.json);
      headers["Content-Type"] = "application/json";
    } else if (options.type) headers["Content-Type"] = options.type;
    const signal = AbortSignal.timeout(options.limitMs ?? REQUEST_LIMIT_MS);
    let response;
    try {
      response = await fetch(new URL(path, this.url), { method, headers, body, signal, credentials: "omit" });
    } catch (error) {
      const late = error instanceof DOMException && error.name === "TimeoutError";
      throw late
        ? new SplitterError(0, "timeout", "the gateway did not answer in time")
        : new SplitterError(0, "unreachable", "the gateway cannot be reached");
    }
    if (response.ok) return response;
    const fault = await refusalOf(response);
    if (fault.status === 401 && path !== "/v1/login") this.#signedOut("expired", fault);
    throw fault;
  }

  // ---- the event socket ----

  async #open() {
    this.#hangSocket();
    const token = this.#token;
    this.#say("connecting");
    try {
      // A socket that is refused does not say why; this does.
      const me = await (await this.request("GET", "/v1/me")).json();
      if (token !== this.#token || !token) return;
      if (this.me?.name !== me.name) this.#begin(me);
      if (!this.client) await this.#identify();
    } catch (error) {
      if (token === this.#token && token) this.#again(error instanceof SplitterError ? error.code : "failed");
      return;
    }
    if (token !== this.#token || this.#socket) return;
    const url = new URL("/v1/events", this.url);
    url.protocol = url.protocol === "http:" ? "ws:" : "wss:";
    url.searchParams.set("client", this.client);
    if (this.#epoch) {
      url.searchParams.set("after", String(this.#after));
      url.searchParams.set("epoch", this.#epoch);
    }
    const socket = new WebSocket(url, ["splitter.v1", `bearer.${token}`]);
    this.#socket = socket;
    socket.onmessage = (event) => this.#socket === socket && this.#onFrame(JSON.parse(event.data));
    socket.onclose = (event) => this.#socket === socket && this.#onClosed(event.code);
    this.#watch();
  }

  /** Somebody else than before: nothing of before is theirs. @param {Me} me */
  #begin(me) {
    for (const call of [...this.calls.values()]) this.#forget(call, { gone: true });
    this.#epoch = this.client = "";
    this.me = me;
  }

  /** One id per tab: kept over reloads, taken up again by whoever comes after a tab that was killed. */
  async #identify() {
    if (this.#givenClient) {
      this.client = this.#givenClient;
      return;
    }
    this.#claim?.release();
    const claim = await claimClient(this.me?.name ?? "");
    this.#claim = claim;
    this.client = claim.client;
  }

  /** @param {any} frame */
  #onFrame(frame) {
    this.#watch();
    if (this.connection.state === "offline") this.#say("online"); // the browser was wrong about it
    if (typeof frame.seq === "number") this.#after = frame.seq;
    switch (frame.type) {
      case "hello":
        this.#epoch = frame.epoch;
        this.me = frame.me ?? this.me;
        this.#replaying = frame.resumed;
        this.#snapshot = frame.resumed ? null : new Set();
        break;
      case "ready":
        this.#onReady();
        break;
      case "call":
        this.#synchronise(frame.at);
        this.#onCall(frame.call, frame.gone === true);
        break;
      case "notice":
        this.#synchronise(frame.at);
        this.#onNotice(frame.notice, frame.at);
        break;
      case "desk":
        this.#emit("desk", { desk: frame.desk });
    }
  }

  #onReady() {
    const present = this.#snapshot;
    this.#snapshot = null;
    this.#replaying = false;
    this.#tries = 0;
    if (present) {
      for (const call of [...this.calls.values()]) if (!present.has(call.id)) this.#forget(call, { lost: true });
    }
    this.#say("online");
    this.#settle();
    for (const call of this.calls.values()) call._onReconnected(present !== null);
  }

  /** @param {CallView} view @param {boolean} gone */
  #onCall(view, gone) {
    this.#snapshot?.add(view.call_id);
    if (view.state === "ended" || gone) {
      const call = this.calls.get(view.call_id);
      if (call) {
        const before = call.view;
        call._update(view, this.#epoch);
        this.#forget(call, { gone: gone && view.state !== "ended" }, before);
      }
      return;
    }
    const call = this.#learn(view);
    const own = this.owns(view) || view.admitted?.includes(this.me?.extension ?? "");
    if (this.#autojoin && own && view.state === "connected") call._autojoin();
  }

  /** @param {CallView} view @returns {CallHandle} */
  #learn(view) {
    const known = this.calls.get(view.call_id);
    const before = known?.view ?? null;
    const call = known ?? new CallHandle(this, view);
    this.calls.set(view.call_id, call);
    call._update(view, this.#epoch);
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

  /** @param {number} code */
  #onClosed(code) {
    this.#hangSocket();
    if (code === 4001) this.#signedOut("expired", new SplitterError(401, "expired", "the login has expired"));
    else if (code === 4009) this.#say("replaced", "replaced");
    else this.#again(code === 1001 ? "restarting" : "lost", code === 4008 ? 0 : undefined);
  }

  /** @param {string} reason @param {number} [delayMs] */
  #again(reason, delayMs) {
    const most = Math.min(RETRY_MOST_MS, RETRY_FIRST_MS * 2 ** this.#tries++);
    const wait = delayMs ?? most * (0.5 + Math.random() / 2);
    this.#say(navigator.onLine ? "waiting" : "offline", reason, Date.now() + wait);
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#open(), wait);
  }

  /** @param {string} reason @param {unknown} error */
  #signedOut(reason, error) {
    this.#hangSocket();
    this.#token = "";
    this.#say("signed-out", reason);
    this.#settle(error);
  }

  /** @param {unknown} [error] */
  #settle(error) {
    for (const waiter of this.#waiting.splice(0)) error ? waiter.reject(error) : waiter.resolve();
  }

  #hangSocket() {
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
      this.#hangSocket();
      this.#again("lost", 0);
    }, SILENCE_LIMIT_MS);
  }

  #onOnline = () => {
    if (document.visibilityState === "hidden" || !navigator.onLine) return;
    if (this.connection.state === "waiting" || this.connection.state === "offline") this.retry();
    for (const call of this.calls.values()) call._onNetwork();
  };

  #onOffline = () => {
    if (this.connection.state === "waiting" || this.connection.state === "online") {
      this.#say("offline", "offline", this.connection.retryAt);
    }
  };

  /** @param {number} at */
  #synchronise(at) {
    if (!this.#replaying && typeof at === "number") this.#clockOffsetMs = at * 1000 - Date.now();
  }

  /** @param {Connection["state"]} state @param {string} [reason] @param {number} [retryAt] */
  #say(state, reason = "", retryAt = 0) {
    this.connection = { state, reason, retryAt };
    this.#emit("connection", this.connection);
  }

  /** @param {string} type @param {unknown} detail */
  #emit(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}

// ---- one call ------------------------------------------------------------------------------------------------------

/**
 * One call. Events: "change" (of `view`), "media" (of `media`), "quality" (of `quality`), "notice" {Notice}.
 *
 * Once joined it stays joined until `leave`, until somebody takes this desk out, or until the call ends: a transport
 * that is cut is repaired (ICE restart), one that cannot be is made anew in the same place.
 */
export class CallHandle extends EventTarget {
  /** @type {Transport|null} */
  #transport = null;
  #wanted = false;
  #left = false; // by its own wish, or taken out: it does not come back by itself
  #closed = false;
  #tries = 0;
  #generation = 0;
  #epoch = "";
  #joinedEpoch = "";
  #listed = false; // the view has had our party since we joined
  #brokenAt = 0;
  /** @type {number|undefined} */
  #timer;
  /** @type {number|undefined} */
  #ticker;
  /** @type {Limits} */
  #told = USUAL;
  #measured = silence();
  /** @type {Flows} */
  #flowing = { received: false, sent: false };
  /** @type {HTMLVideoElement|null} */
  #element = null;
  #covered = ""; // who is shown the waiting picture because this desk's camera is off

  /**
   * @param {Splitter} splitter
   * @param {CallView} view
   */
  constructor(splitter, view) {
    super();
    this.splitter = splitter;
    this.view = view;
    /** @type {Media} */
    this.media = { state: "out", code: "", message: "" };
    /** This desk's own name in the call, such as "desk-1"; empty where it is not in it. */
    this.party = "";
    /** What the gateway sends this desk: the caller's picture. The same object for the call's whole life. */
    this.remoteStream = new MediaStream();
    this._onDesk = () => this.#onDesk();
  }

  get id() {
    return this.view.call_id;
  }

  get #path() {
    return `/v1/calls/${encodeURIComponent(this.id)}`;
  }

  /** What may be sent to the caller. @returns {Limits} */
  get limits() {
    return this.view.video.limits ?? this.#told;
  }

  /** Through whose eyes the caller sees: "caller", the phone, or the name of the caller's own browser. */
  get viewer() {
    return viewerOf(this.view)?.name ?? "caller";
  }

  /** What the caller sees: "none", "slate", a party's name, or "picture:ID". */
  get showing() {
    return showingOf(this.view);
  }

  /** How well the pictures flow. @returns {Quality} */
  get quality() {
    return between(this.#measured, this.#flows);
  }

  // ---- this desk's video ----

  /** Join the call's pictures. Resolves once the gateway has answered; `media` tells how the transport fares. */
  async join() {
    if (this.#closed) throw new SplitterError(409, "call-ended", "the call has ended");
    this.#wanted = true;
    this.#left = false;
    this.#tries = 0;
    await this.#connect();
  }

  /** Leave the call's pictures; the call goes on. */
  async leave() {
    const party = this.party;
    this.#left = true;
    this.#shut();
    this.#set("out");
    if (party) await this.splitter.request("DELETE", `${this.#path}/parties/${party}`).catch(ignoreGone);
  }

  /**
   * Show the caller's picture in this element, muted: the voice is on the phone.
   * @param {HTMLVideoElement} element
   */
  attach(element) {
    this.#element = element;
    play(element, this.remoteStream);
  }

  /** @param {boolean|string} choice  on, off, or the id of a camera */
  setCamera(choice) {
    return this.splitter.desk.setCamera(choice);
  }

  /** Send a screen, window or tab instead of the camera, until `stopSharing` or the browser's own bar ends it. */
  share() {
    return this.splitter.desk.share();
  }

  stopSharing() {
    this.splitter.desk.stopSharing();
  }

  // ---- what can be done with a call ----

  /** Let the caller see a still instead of this desk. @param {string} id */
  showPicture(id) {
    return this.show(`picture:${id}`);
  }

  /** Let the caller see this desk again. */
  showCamera() {
    return this.show(this.party);
  }

  /**
   * @param {string} source  a party's name, "slate", "picture:ID", or "" for what the gateway chooses
   * @param {string} [viewer]  the caller, where it is left out
   */
  async show(source, viewer = this.viewer) {
    await this.splitter.request("PUT", `${this.#path}/display`, { json: { source, viewer } });
  }

  /** @param {Blob} file @param {string} [name] @returns {Promise<Picture>} */
  uploadPicture(file, name) {
    return this.splitter.uploadPicture(file, { name, callId: this.id });
  }

  /** Ask the caller for video. What comes of it are notices, and `view.video`. */
  async raiseVideo() {
    await this.splitter.request("POST", `${this.#path}/video`);
  }

  /** Back to voice alone; takes the question back while the caller is being asked. */
  async dropVideo() {
    await this.splitter.request("DELETE", `${this.#path}/video`);
  }

  /**
   * A still of what a party sends, as the gateway decodes it (PNG).
   * @param {string} [of]  the caller, where it is left out
   * @returns {Promise<Snapshot>}
   */
  async snapshot(of = this.viewer) {
    const query = of === "caller" ? "" : `?of=${encodeURIComponent(of)}`;
    const response = await this.splitter.request("POST", `${this.#path}/snapshots${query}`);
    const takenAt = Number(response.headers.get("Splitter-Taken-At")) || this.splitter.now();
    return { blob: await response.blob(), takenAt, location: response.headers.get("Location") ?? "" };
  }

  /** Take a party out of the call. @param {string} party */
  async remove(party) {
    await this.splitter.request("DELETE", `${this.#path}/parties/${encodeURIComponent(party)}`).catch(ignoreGone);
  }

  /** Let another desk into this call, whether it has asked or not. @param {string} extension */
  async admit(extension) {
    await this.splitter.request("PUT", `${this.#path}/admissions/${encodeURIComponent(extension)}`);
  }

  /** Say no to a desk that asks, or take back what it was allowed. @param {string} extension */
  async deny(extension) {
    await this.splitter.request("DELETE", `${this.#path}/admissions/${encodeURIComponent(extension)}`).catch(ignoreGone);
  }

  /** End the whole call, voice included. */
  async hangUp() {
    await this.splitter.request("DELETE", this.#path);
  }

  /** Bind the call to this desk. */
  take() {
    return this.splitter.takeCall(this.id);
  }

  /**
   * Make a link that lets the caller show video from a browser, and have it sent.
   * @param {string} [number]  the caller's own where it is left out
   * @returns {Promise<Invitation>}
   */
  async invite(number) {
    const json = number ? { number } : {};
    return (await this.splitter.request("POST", `${this.#path}/invitations`, { json })).json();
  }

  // ---- what Splitter tells ----

  /** @param {CallView} view @param {string} epoch */
  _update(view, epoch) {
    this.view = view;
    this.#epoch = epoch;
    this.#checkPlace();
    this.#need();
    this.#followFlows();
    const { track, camera } = this.splitter.desk;
    if (track === null && camera.state !== "starting") this.#cover().catch(ignore);
    this.dispatchEvent(new Event("change"));
  }

  _autojoin() {
    if (!this.#wanted && !this.#left && this.media.state === "out") this.join().catch(ignore);
  }

  /** @param {Notice} notice */
  _onNotice(notice) {
    if (notice.code === "media-lost" && this.party && notice.party === this.party && this.#wanted) this.#rejoin(0);
    this.dispatchEvent(new CustomEvent("notice", { detail: notice }));
  }

  /** The event socket is back. @param {boolean} anew  nothing of before counts */
  _onReconnected(anew) {
    if (!this.#wanted) return;
    const lost = anew && this.#epoch !== this.#joinedEpoch && !this.#present;
    if (lost && this.media.state === "connected") this.#rejoin(0);
    else this._onNetwork();
  }

  /** The network may be another one. */
  _onNetwork() {
    if (!this.#wanted || this.media.state !== "interrupted") return;
    if (this.#transport?.asking) return; // of two that are on their way the gateway may take the older one last
    this.#tries = 0;
    if (this.#transport?.usable) this.#repair();
    else this.#rejoin(0);
  }

  /** The call is over, or no longer this desk's. */
  _drop() {
    this.#closed = true;
    this.#shut();
    this.#set("out");
  }

  // ---- joining and staying ----

  get #present() {
    return this.view.parties.some((party) => party.name === this.party && party.state !== "left");
  }

  async #connect() {
    const generation = ++this.#generation;
    clearTimeout(this.#timer);
    this.#transport?.close();
    this.#transport = null;
    if (!this.#brokenAt) this.#set("joining");
    this.splitter.desk.addEventListener("track", this._onDesk);
    this.#need();
    try {
      const transport = this.#newTransport();
      const admitted = await transport.open();
      if (generation !== this.#generation) {
        if (this.#left) await this.remove(admitted.party).catch(ignore); // it was left before it was entered
        return;
      }
      this.party = admitted.party;
      this.#told = admitted.limits ?? USUAL;
      this.#joinedEpoch = this.#epoch;
      this.#listed = this.#present;
      this.#need();
      await this.#send();
      this.#tick();
    } catch (error) {
      if (generation !== this.#generation) return;
      this.#onRefused(error instanceof SplitterError ? error : new SplitterError(0, "failed", String(error)));
      throw error;
    }
  }

  #newTransport() {
    const path = `${this.#path}/parties?client=${encodeURIComponent(this.splitter.client)}`;
    const transport = new Transport(this.splitter, path, this.splitter.desk.track);
    transport.ontrack = (track) => this.#receive(track);
    transport.onstate = (state) => this.#transport === transport && this.#onState(state);
    this.#transport = transport;
    return transport;
  }

  /** @param {SplitterError} error */
  #onRefused(error) {
    const passing = error.status === 0 || error.status >= 500 || error.status === 429 || ["client-taken", "replaced"].includes(error.code);
    if (passing && !["no-h264", "no-webrtc"].includes(error.code)) {
      this.#set("interrupted", error.code, error.message);
      this.#rejoin();
      return;
    }
    this.#wanted = false;
    this.#shut();
    this.#set("failed", error.code, error.message);
  }

  /** @param {RTCPeerConnectionState} state */
  #onState(state) {
    if (state === "connected") {
      this.#tries = this.#brokenAt = 0;
      clearTimeout(this.#timer);
      this.#set("connected");
    } else if (state === "disconnected" || state === "failed") {
      this.#brokenAt ||= Date.now();
      this.#set("interrupted", state);
      clearTimeout(this.#timer);
      if (state === "failed") this.#rejoin(0);
      else this.#timer = setTimeout(() => this.#repair(), RESTART_AFTER_MS);
    }
  }

  /** ICE restart; where that does not help in time, the whole transport anew. */
  async #repair() {
    const transport = this.#transport;
    clearTimeout(this.#timer);
    if (!transport?.usable) return this.#rejoin(0);
    this.#timer = setTimeout(() => this.#rejoin(0), RESTART_LIMIT_MS);
    try {
      await transport.restart();
    } catch (error) {
      if (this.#transport !== transport || this.media.state === "connected") return;
      const fault = error instanceof SplitterError ? error : new SplitterError(0, "failed", String(error));
      if (fault.code === "no-such-party" && this.#takenOut) this.#onTakenOut();
      else this.#rejoin(fault.status ? 0 : undefined);
    }
  }

  /** @param {number} [delayMs] */
  #rejoin(delayMs) {
    if (!this.#wanted || this.#closed) return;
    this.#brokenAt ||= Date.now();
    const most = Math.min(RETRY_MOST_MS, RETRY_FIRST_MS * 2 ** this.#tries++);
    const wait = Math.max(delayMs ?? 0, this.#tries > 1 || delayMs === undefined ? most * (0.5 + Math.random() / 2) : 0);
    if (this.media.state === "connected") this.#set("interrupted", "lost");
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#connect().catch(ignore), wait);
  }

  /** Whoever loses its place while its transport stood was taken out; else the place was given up meanwhile. */
  get #takenOut() {
    const standing = !this.#brokenAt || Date.now() - this.#brokenAt < TAKEN_OUT_WITHIN_MS;
    return standing && this.#epoch === this.#joinedEpoch;
  }

  #checkPlace() {
    if (!this.party || !this.#wanted || this.view.state === "ended") return;
    if (this.#present) this.#listed = true;
    else if (this.#listed) {
      this.#listed = false;
      if (this.#takenOut) this.#onTakenOut();
      else this.#rejoin(0);
    }
  }

  #onTakenOut() {
    this.#left = true;
    this.#shut();
    this.#set("removed", "removed");
  }

  #shut() {
    if (this.#covered && !this.#closed) this.#uncover(this.#covered).catch(ignore);
    this.#covered = "";
    this.#wanted = false;
    this.#generation++;
    this.#brokenAt = 0;
    this.#listed = false;
    this.party = "";
    clearTimeout(this.#timer);
    clearInterval(this.#ticker);
    this.#transport?.close();
    this.#transport = null;
    for (const track of this.remoteStream.getTracks()) this.remoteStream.removeTrack(track);
    this.splitter.desk.removeEventListener("track", this._onDesk);
    this.#need();
    this.#measured = silence();
  }

  // ---- media ----

  /** The camera is open while a call that this desk has joined has video, or is being asked for it. */
  #need() {
    const { state, limits } = this.view.video;
    const asked = state === "asking" && limits === null; // what its phone takes is not known before it says yes
    const seen = asked || hasVideo(this.view);
    this.splitter.desk.need(this, this.#wanted && seen, asked ? null : this.limits);
  }

  /** What flows between people: the waiting picture, and one that is only made ready, are none of theirs. @returns {Flows} */
  get #flows() {
    const joined = this.media.state === "connected";
    const sent = hasVideo(this.view) && this.splitter.desk.track !== null;
    return { received: joined && hasPicture(this.view), sent: joined && sent };
  }

  async #onDesk() {
    await this.#send();
    this.#followFlows();
    if (this.splitter.desk.track === null) await this.#cover().catch(ignore);
  }

  /**
   * Nothing comes from here any more: rather the waiting picture, at once, than a picture that stands still until the
   * gateway has waited long enough. The choice is the gateway's again once this desk really sends nothing, or has a
   * picture again: it shows this desk with its next picture, and whoever else begins to send.
   */
  async #cover() {
    const { viewer, party } = this;
    if (this.#covered || !party || this.showing !== party || !this.#wanted || !hasVideo(this.view)) return;
    if (this.#othersSend) return;
    this.#covered = viewer;
    try {
      await this.show("slate", viewer);
      for (let tries = 0; this.#covered && this.party === party; tries++) {
        await new Promise((resolve) => setTimeout(resolve, COVERED_AFTER_MS * 2 ** Math.min(tries, 3)));
        if (this.#closed || !["slate", party].includes(this.showing)) return; // somebody has chosen meanwhile
        const sends = this.view.parties.some((one) => one.name === party && one.sends);
        if (sends && !this.splitter.desk.track && !this.#othersSend) continue; // what it sends can only be an old picture
        if (await this.#uncover(viewer)) return;
      }
    } finally {
      this.#covered = "";
    }
  }

  /** Give the choice back. Returns whether that is done, or cannot be. @param {string} viewer */
  async #uncover(viewer) {
    try {
      await this.show("", viewer);
    } catch (error) {
      return error instanceof SplitterError && [403, 404, 409].includes(error.status); // no video is left
    }
    return true;
  }

  get #othersSend() {
    return this.view.parties.some((one) => one.name !== this.party && one.kind !== "guest" && one.sends);
  }

  async #send() {
    await this.#transport?.send(this.splitter.desk.track, this.limits, this.splitter.desk.sharing).catch(ignore);
  }

  /** @param {MediaStreamTrack} track */
  #receive(track) {
    for (const old of this.remoteStream.getTracks()) this.remoteStream.removeTrack(old);
    this.remoteStream.addTrack(track);
    if (this.#element?.srcObject === this.remoteStream) play(this.#element, this.remoteStream);
  }

  #tick() {
    clearInterval(this.#ticker);
    const tick = async () => {
      const transport = this.#transport;
      if (!transport) return;
      const quality = await transport.measure(this.#flows).catch(() => null);
      if (!quality || this.#transport !== transport) return;
      this.#measured = quality;
      this.dispatchEvent(new Event("quality"));
      await this.#send(); // a shared window may have another size by now
    };
    this.#ticker = setInterval(tick, QUALITY_EVERY_MS);
    tick();
  }

  /** What begins to flow is measured from then on. */
  #followFlows() {
    const [before, now] = [this.#flowing, this.#flows];
    this.#flowing = now;
    if ((now.received && !before.received) || (now.sent && !before.sent)) this.#tick();
  }

  /** @param {Media["state"]} state @param {string} [code] @param {string} [message] */
  #set(state, code = "", message = "") {
    if (this.media.state === state && this.media.code === code) return;
    this.media = { state, code, message };
    this.#followFlows();
    this.dispatchEvent(new Event("media"));
  }
}

/** Pictures may come and go: of the phone, or of the caller's own browser. @param {CallView} view */
export function hasVideo(view) {
  return view.video.state === "on" || view.parties.some((party) => party.kind === "guest" && party.state !== "left");
}

/** What the caller sees: "none", "slate", a party's name, or "picture:ID". @param {CallView} view */
export function showingOf(view) {
  return viewerOf(view)?.showing ?? view.showing;
}

/** The caller's own browser, where the phone itself has no video. @param {CallView} view */
function viewerOf(view) {
  if (view.video.state === "on") return undefined;
  return view.parties.find((party) => party.kind === "guest" && party.state !== "left");
}

/** A picture of the caller comes now. @param {CallView} view */
export function hasPicture(view) {
  const phone = view.video.state === "on" && view.video.sends;
  return phone || view.parties.some((party) => party.kind === "guest" && party.sends && party.state === "connected");
}

// ---- one transport -------------------------------------------------------------------------------------------------

/** One RTCPeerConnection with its resource at the gateway (WHIP, RFC 9725). */
export class Transport {
  #pc;
  #sender;
  #path;
  #splitter;
  #location = "";
  #etag = "";
  #closed = false;
  #restarting = false;
  #askedAt = 0;
  /** @type {string[]} */
  #late = [];
  /** @type {number|undefined} */
  #timer;
  #meter = new Meter();
  #tuned = "";
  /** @type {Promise<void>} */
  #sending = Promise.resolve();
  /** @type {{track: MediaStreamTrack|null, limits: Limits, screen: boolean}} */
  #wish = { track: null, limits: USUAL, screen: false };

  /**
   * @param {Splitter} splitter
   * @param {string} path
   * @param {MediaStreamTrack|null} track
   */
  constructor(splitter, path, track) {
    this.#splitter = splitter;
    this.#path = path;
    /** @type {(track: MediaStreamTrack) => void} */
    this.ontrack = () => {};
    /** @type {(state: RTCPeerConnectionState) => void} */
    this.onstate = () => {};
    this.#pc = connection({ iceServers: splitter.iceServers, bundlePolicy: "max-bundle" });
    this.#pc.ontrack = (event) => this.ontrack(event.track);
    this.#pc.onconnectionstatechange = () => this.#closed || this.onstate(this.#pc.connectionState);
    this.#pc.onicecandidate = (event) => this.#onCandidate(event.candidate);
    // Always both ways: a camera that comes later needs no new offer.
    const transceiver = this.#pc.addTransceiver(track ?? "video", { direction: "sendrecv" });
    this.#sender = transceiver.sender;
    preferH264(transceiver);
  }

  /** It stands at the gateway, and can be repaired. */
  get usable() {
    return !this.#closed && this.#location !== "" && this.#pc.connectionState !== "failed";
  }

  /** The gateway was asked for it a moment ago, and has not answered yet. */
  get asking() {
    return !this.#closed && Date.now() - this.#askedAt < ASKING_MS;
  }

  /** @returns {Promise<{party: string, limits: Limits|null}>} */
  async open() {
    await this.#pc.setLocalDescription(await this.#pc.createOffer());
    this.#askedAt = Date.now();
    await this.#gathered();
    const body = /** @type {string} */ (this.#pc.localDescription?.sdp);
    const asked = this.#splitter.request("POST", this.#path, { body, type: "application/sdp" });
    const response = await asked.finally(() => (this.#askedAt = 0));
    this.#location = new URL(response.headers.get("Location") ?? "", this.#splitter.url).pathname;
    this.#etag = response.headers.get("ETag") ?? "";
    const party = decodeURIComponent(this.#location.split("/").pop() ?? "");
    if (this.#closed) return { party, limits: null };
    await this.#pc.setRemoteDescription({ type: "answer", sdp: await response.text() });
    this.#flush();
    return { party, limits: limitsOf(response.headers.get("Splitter-Limits")) };
  }

  /** ICE restart (RFC 9725 §4.3.2): new credentials both ways; the pictures flow on the old path meanwhile. */
  async restart() {
    if (this.#restarting) return;
    this.#restarting = true;
    try {
      if (this.#pc.signalingState === "have-local-offer") await this.#pc.setLocalDescription({ type: "rollback" });
      await this.#pc.setLocalDescription(await this.#pc.createOffer({ iceRestart: true }));
      this.#late = [];
      await this.#gathered();
      const body = fragmentOf(this.#pc.localDescription?.sdp ?? "");
      const headers = { "If-Match": "*" };
      const response = await this.#splitter.request("PATCH", this.#location, { body, type: FRAGMENT, headers });
      if (this.#closed) return;
      if (response.status !== 200) throw new SplitterError(response.status, "no-restart", "ICE was not restarted");
      this.#etag = response.headers.get("ETag") ?? "";
      const former = this.#pc.currentRemoteDescription?.sdp ?? "";
      await this.#pc.setRemoteDescription({ type: "answer", sdp: withIce(former, await response.text()) });
    } finally {
      this.#restarting = false;
    }
    this.#flush();
  }

  /**
   * Send this track from now on, or nothing (null). Of several wishes at a time the newest is carried out last.
   * @param {MediaStreamTrack|null} track
   * @param {Limits} limits
   * @param {boolean} screen
   */
  send(track, limits, screen) {
    this.#wish = { track, limits, screen };
    this.#sending = this.#sending.catch(ignore).then(() => this.#tune());
    return this.#sending;
  }

  /** Where there is no track the encodings are switched off as well: Firefox would send its last picture for ever. */
  async #tune() {
    const { track, limits, screen } = this.#wish;
    if (this.#closed) return;
    if (track && this.#sender.track !== track) await this.#sender.replaceTrack(track);
    await this.#encode(track, limits, screen);
    if (!track && this.#sender.track) await this.#sender.replaceTrack(null);
  }

  /** @param {MediaStreamTrack|null} track @param {Limits} limits @param {boolean} screen */
  async #encode(track, limits, screen) {
    if (this.#closed || !this.#location) return;
    const { width = limits.width, height = limits.height } = track?.getSettings() ?? {};
    const tuned = JSON.stringify([track !== null, limits, width, height, screen]);
    if (tuned === this.#tuned) return;
    const parameters = this.#sender.getParameters();
    if (!parameters.encodings?.length) return;
    for (const encoding of parameters.encodings) {
      encoding.active = track !== null;
      encoding.scaleResolutionDownBy = Math.max(1, width / limits.width, height / limits.height);
      encoding.maxBitrate = Math.round(limits.bitrate_kbps * 950); // b=AS counts the headers too
      encoding.maxFramerate = limits.frame_rate;
    }
    // Not yet in the types: of the browsers' own.
    Object.assign(parameters, { degradationPreference: screen ? "maintain-resolution" : "balanced" });
    await this.#sender.setParameters(parameters);
    this.#tuned = tuned;
  }

  /** @param {Flows} flows @returns {Promise<Quality>} */
  async measure(flows) {
    return this.#meter.read(await this.#pc.getStats(), flows);
  }

  close() {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#pc.close();
  }

  /** Until all candidates are known, or for a moment. */
  #gathered() {
    return new Promise((resolve) => {
      const done = () => {
        this.#pc.removeEventListener("icegatheringstatechange", check);
        resolve(undefined);
      };
      const check = () => this.#pc.iceGatheringState === "complete" && done();
      this.#pc.addEventListener("icegatheringstatechange", check);
      setTimeout(done, GATHER_LIMIT_MS);
      check();
    });
  }

  /** @param {RTCIceCandidate|null} candidate */
  #onCandidate(candidate) {
    if (!candidate?.candidate) return;
    this.#late.push(candidate.candidate);
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#flush(), 100);
  }

  /** Candidates that the gateway was not told with the offer. */
  async #flush() {
    const sdp = this.#pc.localDescription?.sdp ?? "";
    if (this.#closed || this.#restarting || !this.#location || !this.#late.length) return;
    this.#late = [];
    const headers = { "If-Match": this.#etag };
    // What is known already is told again: it does no harm, and nothing is missed.
    await this.#splitter.request("PATCH", this.#location, { body: fragmentOf(sdp), type: FRAGMENT, headers }).catch(ignore);
  }
}

/** Whether this browser can do video at all: some have no WebRTC, or have it switched off. */
export function hasWebRtc() {
  return typeof globalThis.RTCPeerConnection?.prototype?.addTransceiver === "function";
}

/** @param {RTCConfiguration} configuration */
function connection(configuration) {
  const cannot = () => new SplitterError(0, "no-webrtc", "this browser has no WebRTC: use Chrome, Edge, Safari or Firefox");
  if (!hasWebRtc()) throw cannot();
  try {
    return new RTCPeerConnection(configuration);
  } catch (error) {
    // What is wrong with the configuration is said as it is.
    throw error instanceof DOMException && ["SyntaxError", "InvalidAccessError"].includes(error.name) ? error : cannot();
  }
}

/** @param {RTCRtpTransceiver} transceiver */
function preferH264(transceiver) {
  if (!globalThis.RTCRtpReceiver?.getCapabilities || !transceiver.setCodecPreferences) return; // the gateway chooses
  const codecs = RTCRtpReceiver.getCapabilities("video")?.codecs ?? [];
  const h264 = codecs.filter((codec) => codec.mimeType.toLowerCase() === "video/h264");
  if (!h264.length) throw new SplitterError(406, "no-h264", "this browser has no H.264 video");
  h264.sort((a, b) => rank(b.sdpFmtpLine ?? "") - rank(a.sdpFmtpLine ?? ""));
  transceiver.setCodecPreferences(h264);
}

/** Constrained baseline goes first, then baseline; whole frames over many packets before single ones. @param {string} fmtp */
function rank(fmtp) {
  const profile = /profile-level-id=(....)/i.exec(fmtp)?.[1].toLowerCase();
  const baseline = profile === "42e0" ? 4 : profile === "4200" ? 2 : 0;
  return baseline + (/packetization-mode=1/.test(fmtp) ? 1 : 0);
}

/** Our side of ICE as a fragment (RFC 8840 §9). @param {string} sdp */
function fragmentOf(sdp) {
  const lines = sdp.split(/\r?\n/);
  const one = (/** @type {string} */ start) => lines.filter((line) => line.startsWith(start)).slice(0, 1);
  const candidates = lines.filter((line) => line.startsWith("a=candidate:"));
  const head = [...one("a=ice-ufrag:"), ...one("a=ice-pwd:"), ...one("m=video"), ...one("a=mid:")];
  return [...head, ...candidates, ""].join("\r\n");
}

/** An answer with the ICE of a fragment. @param {string} sdp @param {string} fragment */
function withIce(sdp, fragment) {
  const fresh = fragment.split(/\r?\n/).filter((line) => /^a=(ice-ufrag|ice-pwd|candidate|end-of-candidates)/.test(line));
  const kept = sdp.split(/\r?\n/).filter((line) => line && !/^a=(ice-ufrag|ice-pwd|candidate|end-of-candidates)/.test(line));
  // Behind the first line that is in use, and before the next m=.
  const start = kept.findIndex((line) => line.startsWith("m="));
  const next = kept.findIndex((line, index) => index > start && line.startsWith("m="));
  kept.splice(next < 0 ? kept.length : next, 0, ...fresh);
  return [...kept, ""].join("\r\n");
}

/** @param {string|null} header  such as "width=640;height=480;frame-rate=30;bitrate-kbps=960" @returns {Limits|null} */
function limitsOf(header) {
  const found = Object.fromEntries((header ?? "").split(";").map((word) => word.trim().split("=")));
  const limits = {
    width: Number(found.width),
    height: Number(found.height),
    frame_rate: Number(found["frame-rate"]),
    bitrate_kbps: Number(found["bitrate-kbps"]),
  };
  return Object.values(limits).every((value) => value > 0) ? limits : null;
}

// ---- quality -------------------------------------------------------------------------------------------------------

/** @typedef {{received: boolean, sent: boolean}} Flows */

/** Reads getStats; what it says are differences since it was read last. */
export class Meter {
  /** @type {Map<string, number>} */
  #before = new Map();
  #received = new Judge();
  #sent = new Judge();

  /** @param {RTCStatsReport} report @param {Flows} flows @returns {Quality} */
  read(report, flows) {
    /** @type {any} */ let received;
    /** @type {any} */ let sent;
    /** @type {any} */ let source;
    /** @type {any} */ let told;
    /** @type {any} */ let pair;
    report.forEach((/** @type {any} */ one) => {
      if (one.type === "inbound-rtp" && one.kind === "video") received = one;
      else if (one.type === "outbound-rtp" && one.kind === "video") sent = one;
      else if (one.type === "media-source" && one.kind === "video") source = one;
      else if (one.type === "remote-inbound-rtp" && one.kind === "video") told = one;
      else if (one.type === "candidate-pair" && one.nominated && one.state === "succeeded") pair = one;
    });
    const rtt = told?.roundTripTime ?? pair?.currentRoundTripTime;
    const rttMs = rtt === undefined ? null : Math.round(rtt * 1000);
    const inbound = this.#read(received, rttMs, flows.received);
    const outbound = this.#write(sent, source, told, rttMs, flows.sent);
    return { level: worst(inbound.level, outbound.level), rttMs, received: inbound, sent: outbound };
  }

  /** @param {any} one @param {number|null} rttMs @param {boolean} flows @returns {Direction} */
  #read(one, rttMs, flows) {
    if (!one) return nothing();
    const [ms, bytes, frames] = this.#since(one, ["timestamp", "bytesReceived", "framesDecoded"], "in");
    const [lost, packets, frozenS] = this.#since(one, ["packetsLost", "packetsReceived", "totalFreezesDuration"], "in");
    const found = direction(one, ms, bytes, frames, percent(lost, lost + packets), one.freezeCount ?? 0);
    return { ...found, level: this.#received.of(found, flows, { ms, rttMs, frozenS, source: Infinity }) };
  }

  /** @param {any} one @param {any} source @param {any} told @param {number|null} rttMs @param {boolean} flows @returns {Direction} */
  #write(one, source, told, rttMs, flows) {
    if (!one) return nothing();
    const [ms, bytes, frames] = this.#since(one, ["timestamp", "bytesSent", "framesEncoded"], "out");
    const found = direction(one, ms, bytes, frames, (told?.fractionLost ?? 0) * 100, 0);
    // A shared window in which nothing moves has hardly any pictures: that is no fault.
    const offered = source?.framesPerSecond ?? Infinity;
    return { ...found, level: this.#sent.of(found, flows, { ms, rttMs, frozenS: 0, source: offered }) };
  }

  /** @param {any} one @param {string[]} names @param {string} scope @returns {number[]} */
  #since(one, names, scope) {
    return names.map((name) => {
      const key = `${scope}.${name}`;
      const value = Number(one[name] ?? 0);
      const before = this.#before.get(key) ?? value;
      this.#before.set(key, value);
      return Math.max(0, value - before);
    });
  }
}

const RECENT = 8; // readings that tell what is usual
const WORSE_AFTER = 2; // readings in a row
const BETTER_AFTER = 3;
const SHORT_MS = 1_000; // a reading over less says nothing

/** @typedef {{ms: number, rttMs: number|null, frozenS: number, source: number}} Signs  `source`: pictures/s to be had */

/** How good one direction is, against what is usual for it; it does not waver. */
class Judge {
  /** @type {Array<{fps: number, frozenS: number}>} */
  #recent = [];
  /** @type {Level} */
  #level = "unknown";
  /** @type {Level[]} */
  #other = []; // the readings in a row that say better, or worse
  #flowed = false;

  /** @param {Direction} found @param {boolean} flows @param {Signs} signs @returns {Level} */
  of(found, flows, signs) {
    const flowed = this.#flowed;
    this.#flowed = flows;
    if (!flows || !flowed) {
      // A reading over the begin tells of the waiting picture too.
      [this.#recent, this.#level, this.#other] = [[], "unknown", []];
      return "unknown";
    }
    if (signs.ms < SHORT_MS) return this.#level;
    if (found.fps === 0 && found.kbps === 0) return "none";
    this.#recent = [...this.#recent, { fps: found.fps, frozenS: signs.frozenS }].slice(-RECENT);
    return this.#steady(this.#now(found, signs));
  }

  /** @param {Direction} found @param {Signs} signs @returns {Level} */
  #now({ fps, lossPercent: loss }, { rttMs, source }) {
    const usual = Math.min(source, median(this.#recent.map((one) => one.fps)));
    const overS = (Math.max(this.#recent.length, RECENT / 2) * QUALITY_EVERY_MS) / 1000; // one of them is none
    const frozen = this.#recent.reduce((sum, one) => sum + one.frozenS, 0) / overS;
    const slow = (/** @type {number} */ least, /** @type {number} */ part) => fps < Math.min(least, source) || fps < usual * part;
    const rtt = rttMs ?? 0;
    if (loss > 8 || rtt > 700 || frozen > 0.3 || slow(4, 0.3)) return "poor";
    if (loss > 2 || rtt > 300 || frozen > 0.1 || slow(8, 0.6)) return "fair";
    return "good";
  }

  /** @param {Level} now @returns {Level} */
  #steady(now) {
    if (this.#level === "unknown" || now === this.#level) {
      [this.#level, this.#other] = [now, []];
      return now;
    }
    const worse = worst(now, this.#level) === now;
    const same = this.#other.filter((one) => (worst(one, this.#level) === one) === worse);
    this.#other = [...same, now];
    if (this.#other.length >= (worse ? WORSE_AFTER : BETTER_AFTER)) {
      // The mildest change that all of them bear out.
      this.#level = this.#other.reduce((one, other) => (worse === (worst(one, other) === one) ? other : one));
      this.#other = [];
    }
    return this.#level;
  }
}

/**
 * @param {any} one @param {number} ms @param {number} bytes @param {number} frames @param {number} lossPercent
 * @param {number} freezes @returns {Direction}
 */
function direction(one, ms, bytes, frames, lossPercent, freezes) {
  const perSecond = (/** @type {number} */ value) => (ms > 0 ? (value * 1000) / ms : 0);
  return {
    level: "unknown",
    lossPercent: Math.round(lossPercent * 10) / 10,
    fps: Math.round(perSecond(frames)),
    kbps: Math.round(perSecond(bytes * 8) / 1000),
    width: one.frameWidth ?? 0,
    height: one.frameHeight ?? 0,
    freezes,
  };
}

/** What was measured, of what flows now. @param {Quality} quality @param {Flows} flows @returns {Quality} */
function between(quality, flows) {
  const of = (/** @type {Direction} */ found, /** @type {boolean} */ flow) => (flow ? found : { ...found, level: /** @type {Level} */ ("none") });
  const [received, sent] = [of(quality.received, flows.received), of(quality.sent, flows.sent)];
  return { ...quality, level: worst(received.level, sent.level), received, sent };
}

/** @param {Level} one @param {Level} other @returns {Level} */
function worst(one, other) {
  const order = /** @type {Level[]} */ (["poor", "fair", "good", "unknown", "none"]);
  return order[Math.min(order.indexOf(one), order.indexOf(other))];
}

/** @param {number[]} values  at least one */
function median(values) {
  return [...values].sort((one, other) => one - other)[values.length >> 1];
}

/** @param {number} part @param {number} whole */
function percent(part, whole) {
  return whole > 0 ? (part / whole) * 100 : 0;
}

/** @returns {Direction} */
function nothing() {
  return { level: "unknown", lossPercent: 0, fps: 0, kbps: 0, width: 0, height: 0, freezes: 0 };
}

/** @returns {Quality} */
function silence() {
  return { level: "unknown", rttMs: null, received: nothing(), sent: nothing() };
}

// ---- the desk's own picture ----------------------------------------------------------------------------------------

/**
 * This desk's camera and screen. Events: "camera" (of `camera` or `sharing`), "track" (of `track`).
 *
 * The camera is open only while it is wanted and a call needs it, so that its light is off between calls.
 */
export class Desk extends EventTarget {
  /** @type {MediaStreamTrack|null} */
  #cameraTrack = null;
  /** @type {MediaStreamTrack|null} */
  #screenTrack = null;
  /** @type {Map<object, Limits|null>} those that need a picture, and what they can take as far as that is known */
  #calls = new Map();
  #opening = 0;
  /** @type {Limits} */
  #limits = WIDE;

  constructor() {
    super();
    /** @type {Camera} */
    this.camera = { wanted: true, state: "off", trouble: "", deviceId: "", label: "" };
    /** The own picture, for an element of the page: what is sent. The same object always. */
    this.preview = new MediaStream();
    this.#watchDevices();
  }

  /** What is sent: the screen while it is shared, else the camera; null for nothing. */
  get track() {
    return this.#screenTrack ?? this.#cameraTrack;
  }

  get sharing() {
    return this.#screenTrack !== null;
  }

  /** The cameras there are; their labels are known once one was open. @returns {Promise<MediaDeviceInfo[]>} */
  async cameras() {
    const devices = (await navigator.mediaDevices?.enumerateDevices()) ?? [];
    return devices.filter((device) => device.kind === "videoinput");
  }

  /** @param {boolean|string} choice  on, off, or the id of a camera */
  async setCamera(choice) {
    const { camera } = this;
    camera.wanted = choice !== false;
    if (typeof choice === "string" && choice !== camera.deviceId) {
      camera.deviceId = choice;
      this.#stopCamera();
    }
    camera.trouble = "";
    await this.#adjust();
  }

  /** Raises SplitterError: "share-refused" where the user did not want to, "insecure-context", "failed". */
  async share() {
    if (!navigator.mediaDevices?.getDisplayMedia) throw troubleError("insecure-context");
    let stream;
    try {
      stream = await navigator.mediaDevices.getDisplayMedia({ audio: false, video: this.#screenConstraints() });
    } catch (error) {
      const code = error instanceof DOMException && error.name === "NotAllowedError" ? "share-refused" : "failed";
      throw new SplitterError(0, code, String(error));
    }
    const [track] = stream.getVideoTracks();
    track.contentHint = "detail";
    this.#screenTrack?.stop();
    this.#screenTrack = track;
    track.addEventListener("ended", () => this.#screenTrack === track && this.stopSharing());
    this.#changed();
  }

  stopSharing() {
    const track = this.#screenTrack;
    this.#screenTrack = null;
    track?.stop();
    if (track) this.#changed();
  }

  /**
   * A call needs this desk's picture, or no longer does.
   * @param {object} call
   * @param {boolean} needs
   * @param {Limits|null} [limits]  what it can take; null while that is not known
   */
  need(call, needs, limits = null) {
    const before = JSON.stringify([this.#calls.has(call), this.#calls.get(call) ?? null]);
    if (needs) this.#calls.set(call, limits);
    else this.#calls.delete(call);
    if (before === JSON.stringify([needs, needs ? limits : null])) return;
    this.#limit();
    this.#adjust();
  }

  close() {
    this.#calls.clear();
    this.stopSharing();
    this.#adjust();
  }

  // ---- inner ----

  /** Open or close the camera, as it is wanted and needed. */
  async #adjust() {
    const { camera } = this;
    if (!camera.wanted || !this.#calls.size) {
      this.#opening++;
      const was = this.#cameraTrack !== null || camera.state !== "off";
      this.#stopCamera();
      camera.state = "off";
      if (!this.#calls.size) this.stopSharing();
      if (was) this.#changed();
      else this.dispatchEvent(new Event("camera"));
      return;
    }
    if (this.#cameraTrack || camera.state === "starting") return;
    const opening = ++this.#opening;
    camera.state = "starting";
    this.dispatchEvent(new Event("camera"));
    try {
      const track = await this.#openCamera();
      if (opening !== this.#opening) {
        track.stop();
        return;
      }
      this.#takeCamera(track);
    } catch (error) {
      const code = troubleOf(error);
      // The one that was there was pulled out: that says more.
      if (opening === this.#opening) this.#trouble(code === "no-camera" && camera.trouble === "unplugged" ? "unplugged" : code);
    }
  }

  async #openCamera() {
    if (!navigator.mediaDevices?.getUserMedia) throw troubleError("insecure-context");
    const { deviceId } = this.camera;
    const wish = this.#cameraConstraints();
    try {
      const video = deviceId ? { ...wish, deviceId: { exact: deviceId } } : wish;
      return (await navigator.mediaDevices.getUserMedia({ video, audio: false })).getVideoTracks()[0];
    } catch (error) {
      const gone = error instanceof DOMException && ["OverconstrainedError", "NotFoundError"].includes(error.name);
      if (!deviceId || !gone) throw error;
      return (await navigator.mediaDevices.getUserMedia({ video: wish, audio: false })).getVideoTracks()[0];
    }
  }

  /** @param {MediaStreamTrack} track */
  #takeCamera(track) {
    this.#cameraTrack = track;
    track.contentHint = "motion";
    track.addEventListener("ended", () => this.#cameraTrack === track && this.#trouble("unplugged"));
    const mute = () => this.#cameraTrack === track && this.#onMuted(track.muted);
    track.addEventListener("mute", mute);
    track.addEventListener("unmute", mute);
    Object.assign(this.camera, { state: "on", trouble: "", label: track.label });
    this.#limit();
    this.#changed();
  }

  /** @param {boolean} muted */
  #onMuted(muted) {
    Object.assign(this.camera, muted ? { state: "trouble", trouble: "muted" } : { state: "on", trouble: "" });
    this.dispatchEvent(new Event("camera"));
  }

  /** @param {string} code */
  #trouble(code) {
    this.#stopCamera();
    Object.assign(this.camera, { state: "trouble", trouble: code });
    this.#changed();
  }

  #stopCamera() {
    const track = this.#cameraTrack;
    this.#cameraTrack = null;
    if (this.camera.state === "starting") this.#opening++;
    if (track || this.camera.state === "starting") this.camera.state = "off";
    track?.stop();
  }

  #changed() {
    for (const old of this.preview.getTracks()) this.preview.removeTrack(old);
    if (this.track) this.preview.addTrack(this.track);
    this.dispatchEvent(new Event("camera"));
    this.dispatchEvent(new Event("track"));
  }

  /** What every call can take. */
  #limit() {
    const known = [...this.#calls.values()].filter((limits) => limits !== null);
    const all = known.length ? known : [WIDE];
    const least = (/** @type {keyof Limits} */ name) => Math.min(...all.map((limits) => limits[name]));
    this.#limits = {
      width: least("width"),
      height: least("height"),
      frame_rate: least("frame_rate"),
      bitrate_kbps: least("bitrate_kbps"),
    };
    this.#cameraTrack?.applyConstraints(this.#cameraConstraints()).catch(ignore);
    this.#screenTrack?.applyConstraints(this.#screenConstraints()).catch(ignore);
  }

  /** @returns {MediaTrackConstraints} */
  #cameraConstraints() {
    const { width, height, frame_rate: rate } = this.#limits;
    return { width: { ideal: width }, height: { ideal: height }, frameRate: { ideal: rate, max: rate } };
  }

  /** The browser makes a screen smaller, in its own proportions, where it is larger. @returns {MediaTrackConstraints} */
  #screenConstraints() {
    const { width, height, frame_rate: rate } = this.#limits;
    return { width: { max: width }, height: { max: height }, frameRate: { max: Math.min(rate, 15) } };
  }

  /** What was wrong with the camera may be over: try it again. */
  #watchDevices() {
    const again = (/** @type {string[]} */ codes) => {
      if (this.camera.state === "trouble" && codes.includes(this.camera.trouble)) this.#adjust();
    };
    navigator.mediaDevices?.addEventListener("devicechange", () => again(["no-camera", "unplugged", "in-use", "failed"]));
    // Firefox does not know this permission.
    navigator.permissions?.query({ name: /** @type {PermissionName} */ ("camera") }).then(
      (permission) => permission.addEventListener("change", () => permission.state === "granted" && again(["denied"])),
      ignore,
    );
  }
}

/** @param {unknown} error */
function troubleOf(error) {
  if (error instanceof SplitterError) return error.code;
  const name = error instanceof DOMException || error instanceof Error ? error.name : "";
  /** @type {Record<string, string>} */
  const codes = {
    NotFoundError: "no-camera",
    OverconstrainedError: "no-camera",
    NotAllowedError: "denied",
    SecurityError: "denied",
    NotReadableError: "in-use",
    AbortError: "in-use",
  };
  return codes[name] ?? "failed";
}

/** @param {string} code */
function troubleError(code) {
  return new SplitterError(0, code, "this page was not loaded over https: browsers give it no camera");
}

// ---- elements, pictures, identity ----------------------------------------------------------------------------------

/**
 * Play a stream without sound, whatever the browser's rules for playing by itself are.
 * @param {HTMLVideoElement} element
 * @param {MediaStream} stream
 */
export function play(element, stream) {
  element.muted = true;
  element.playsInline = true;
  element.autoplay = true;
  if (element.srcObject !== stream) element.srcObject = stream;
  element.play().catch(() => {
    const again = () => element.srcObject === stream && element.play().catch(ignore);
    setTimeout(again, 500);
    document.addEventListener("pointerdown", again, { once: true });
    document.addEventListener("keydown", again, { once: true });
  });
}

/** A still as the gateway takes it: PNG or JPEG, and not too large. @param {Blob} file @returns {Promise<Blob>} */
async function fitPicture(file) {
  const taken = file.type === "image/png" || file.type === "image/jpeg";
  if (taken && file.size <= PICTURE_BYTES) return file;
  let image;
  try {
    image = await createImageBitmap(file);
  } catch {
    throw new SplitterError(415, "no-picture", "this file is no picture that the browser knows");
  }
  const scale = Math.min(1, PICTURE_SIDE / Math.max(image.width, image.height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(image.width * scale));
  canvas.height = Math.max(1, Math.round(image.height * scale));
  canvas.getContext("2d")?.drawImage(image, 0, 0, canvas.width, canvas.height);
  image.close();
  return new Promise((resolve, reject) =>
    canvas.toBlob(
      (blob) => (blob ? resolve(blob) : reject(new SplitterError(415, "no-picture", "it could not be converted"))),
      "image/jpeg",
      0.9,
    ),
  );
}

/** @param {Response} response @returns {Promise<SplitterError>} */
async function refusalOf(response) {
  try {
    const { error } = await response.json();
    return new SplitterError(response.status, String(error.code), String(error.message));
  } catch {
    return new SplitterError(response.status, `http-${response.status}`, response.statusText);
  }
}

/**
 * The id of this tab. A reload keeps it, and whoever comes after a tab that died takes its id up, and so its place in
 * the call; two tabs that live never have the same one, even where one was made as a copy of the other.
 * @param {string} name
 * @returns {Promise<{client: string, release: () => void}>}
 */
async function claimClient(name) {
  const [mine, pool] = [`splitter.client.${name}`, `splitter.clients.${name}`];
  const own = stored("sessionStorage", mine);
  const known = (stored("localStorage", pool) ?? "").split(" ").filter(Boolean);
  const candidates = own ? [own, ...known.filter((id) => id !== own)] : known;
  for (const id of [...candidates, randomId()]) {
    const release = await hold(id, id === own ? 500 : 0); // the page before a reload may take a moment to go
    if (!release) continue;
    store("sessionStorage", mine, id);
    store("localStorage", pool, [id, ...known.filter((other) => other !== id)].slice(0, 8).join(" "));
    return { client: id, release };
  }
  return { client: randomId(), release: () => {} };
}

/** @param {string} id @param {number} waitMs @returns {Promise<(() => void)|null>} */
function hold(id, waitMs) {
  const { locks } = navigator;
  if (!locks) return Promise.resolve(() => {}); // no secure context: then a tab is what its storage says
  return new Promise((resolve) => {
    const options = waitMs ? { signal: AbortSignal.timeout(waitMs) } : { ifAvailable: true };
    const held = (/** @type {Lock|null} */ lock) =>
      lock
        ? new Promise((release) => resolve(() => release(undefined)))
        : resolve(null);
    locks.request(`splitter.${id}`, options, held).catch(() => resolve(null));
  });
}

function randomId() {
  return Array.from(crypto.getRandomValues(new Uint8Array(8)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** @param {"localStorage"|"sessionStorage"} where @param {string} key */
function stored(where, key) {
  try {
    return globalThis[where].getItem(key);
  } catch {
    return null; // storage is switched off
  }
}

/** @param {"localStorage"|"sessionStorage"} where @param {string} key @param {string} value */
function store(where, key, value) {
  try {
    globalThis[where].setItem(key, value);
  } catch {
    // then it lasts as long as the page
  }
}

function ignore() {}

/** @param {unknown} error */
function ignoreGone(error) {
  if (!(error instanceof SplitterError && (error.status === 404 || error.status === 409))) throw error;
}
