// @ts-check
/**
 * The page behind an invitation: the caller's own browser shows video while the voice stays on the phone.
 *
 * The link is /guest/#TOKEN; the token is good for one call. The page has no sound in either direction, starts playing
 * by itself, and takes the camera up again whenever it comes back to the front: a phone call, another app or a locked
 * screen stops cameras in ways of their own.
 */

import { Desk, hasWebRtc, Splitter, Transport } from "../sdk/splitter.js";
import { language, text } from "./texts.js";

/** @typedef {"start"|"live"|"over"|"expired"|"left"|"removed"|"no-h264"|"no-webrtc"|"busy"} State */

const RETRY_MS = [500, 1000, 2000, 4000, 8000];
const REPAIR_LIMIT_MS = 8000; // an ICE restart that has not helped by then
const LOST_LIMIT_MS = 90_000; // then the page says so instead of trying for ever
const LIMITS = { width: 640, height: 480, frame_rate: 30, bitrate_kbps: 960 };

const byId = (/** @type {string} */ id) => /** @type {HTMLElement} */ (document.getElementById(id));
const agent = /** @type {HTMLVideoElement} */ (byId("agent"));
const own = /** @type {HTMLVideoElement} */ (byId("own"));

class Guest {
  #splitter = new Splitter({ autojoin: false });
  #desk = new Desk();
  /** @type {Transport|null} */
  #transport = null;
  #call = "";
  #location = "";
  #client = clientId();
  #limits = upright(LIMITS);
  #tries = 0;
  #lostAt = 0;
  /** @type {number|undefined} */
  #timer;
  /** @type {State} */
  #state = "start";
  #connection = "connecting";
  #paused = false;

  constructor() {
    this.#desk.addEventListener("track", () => this.#onTrack());
    this.#desk.addEventListener("camera", () => this.#draw());
    document.addEventListener("visibilitychange", () => this.#onFront());
    globalThis.addEventListener("pageshow", () => this.#onFront());
    globalThis.addEventListener("online", () => this.#state === "live" && this.#repair());
    byId("go").addEventListener("click", () => this.#onGo());
    byId("turn").addEventListener("click", () => this.#turn());
    byId("pause").addEventListener("click", () => this.#pause());
    byId("leave").addEventListener("click", () => this.#leave());
    this.#draw();
  }

  /** Is the browser, and is the link any good? Asked before the camera is. */
  async open() {
    if (!hasWebRtc()) return this.#enter("no-webrtc");
    try {
      this.#splitter.token = location.hash.slice(1);
      const me = await (await this.#splitter.request("GET", "/v1/me")).json();
      this.#call = me.call_id;
      if (!this.#call) this.#enter("expired");
    } catch (error) {
      if (statusOf(error) === 401) this.#enter("expired");
    }
  }

  // ---- what people do ----

  async #onGo() {
    if (this.#state === "live") {
      await this.#desk.setCamera(true); // "try again" of a camera in trouble
      return;
    }
    if (!this.#call) await this.open();
    if (!this.#call) return this.#state === "expired" ? undefined : this.#enter("busy");
    this.#enter("live");
    this.#desk.need(this, true, this.#limits);
    await this.#join();
  }

  async #turn() {
    const cameras = await this.#desk.cameras();
    const at = cameras.findIndex((one) => one.label === this.#desk.camera.label);
    const next = cameras[(at + 1) % cameras.length];
    if (next) await this.#desk.setCamera(next.deviceId);
  }

  #pause() {
    this.#paused = !this.#paused;
    this.#desk.setCamera(!this.#paused);
    this.#draw();
  }

  async #leave() {
    const location = this.#location;
    this.#enter("left");
    if (location) await this.#splitter.request("DELETE", location).catch(() => {});
  }

  // ---- joining and staying ----

  async #join() {
    clearTimeout(this.#timer);
    this.#transport?.close();
    const path = `/v1/calls/${encodeURIComponent(this.#call)}/parties?client=${this.#client}`;
    let transport;
    try {
      transport = this.#transport = new Transport(this.#splitter, path, this.#desk.track);
      transport.ontrack = (track) => show(agent, track);
      transport.onstate = (state) => this.#transport === transport && this.#onState(state);
      const admitted = await transport.open();
      if (this.#transport !== transport) return;
      this.#location = `/v1/calls/${encodeURIComponent(this.#call)}/parties/${admitted.party}`;
      this.#limits = upright(admitted.limits ?? LIMITS);
      this.#desk.need(this, true, this.#limits);
      await this.#send();
    } catch (error) {
      if (!transport || this.#transport === transport) this.#onRefused(error);
    }
  }

  /** @param {unknown} error */
  #onRefused(error) {
    const status = statusOf(error);
    if (status === 401 || status === 403) this.#enter("expired");
    else if (status === 404 || codeOf(error) === "call-ended") this.#enter("over");
    else if (codeOf(error) === "no-h264") this.#enter("no-h264");
    else if (codeOf(error) === "no-webrtc") this.#enter("no-webrtc");
    else this.#again();
  }

  #again() {
    if (this.#state !== "live") return;
    this.#lostAt ||= Date.now();
    this.#say("interrupted");
    if (Date.now() - this.#lostAt > LOST_LIMIT_MS) {
      this.#enter("busy");
      return;
    }
    const wait = RETRY_MS[Math.min(this.#tries++, RETRY_MS.length - 1)];
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#join(), wait);
  }

  /** @param {RTCPeerConnectionState} state */
  #onState(state) {
    if (state === "connected") {
      this.#tries = this.#lostAt = 0;
      clearTimeout(this.#timer);
      this.#say("connected");
    } else if (state === "failed") this.#again();
    else if (state === "disconnected") this.#repair();
  }

  /** ICE restart; where it does not help, everything anew. What is not there any more says so. */
  async #repair() {
    const transport = this.#transport;
    if (!transport?.usable) return this.#again();
    this.#lostAt ||= Date.now();
    this.#say("interrupted");
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#join(), REPAIR_LIMIT_MS);
    try {
      await transport.restart();
    } catch (error) {
      if (this.#transport !== transport) return;
      if (codeOf(error) === "no-such-party") this.#enter("removed");
      else this.#onRefused(error);
    }
  }

  #onTrack() {
    // Not before there is one: a page whose video waits for its first picture counts as still loading.
    if (this.#desk.track) show(own, this.#desk.track);
    this.#send();
  }

  async #send() {
    await this.#transport?.send(this.#desk.track, this.#limits, false).catch(() => {});
    this.#draw();
  }

  #onFront() {
    if (document.visibilityState === "hidden" || this.#state !== "live") return;
    for (const video of [agent, own]) video.play().catch(() => {});
    const { state, wanted } = this.#desk.camera;
    if (wanted && state !== "on" && state !== "starting") this.#desk.setCamera(true);
    if (this.#connection === "interrupted") this.#repair();
  }

  // ---- what is shown ----

  /** @param {State} state */
  #enter(state) {
    this.#state = state;
    if (state !== "live") {
      clearTimeout(this.#timer);
      this.#transport?.close();
      this.#transport = null;
      this.#location = "";
      this.#desk.need(this, false, this.#limits);
      agent.srcObject = null;
      this.#tries = this.#lostAt = 0;
      this.#connection = "connecting";
    }
    this.#draw();
  }

  /** @param {string} connection */
  #say(connection) {
    this.#connection = connection;
    this.#draw();
  }

  #draw() {
    const { camera } = this.#desk;
    const live = this.#state === "live";
    const trouble = live && camera.state === "trouble" ? `camera.${camera.trouble}` : "";
    const subject = trouble || (live ? "" : this.#state);
    document.body.dataset.state = this.#state;
    document.body.dataset.connection = live ? this.#connection : "";
    byId("words").hidden = !subject;
    byId("title").textContent = subject && text(`${subject}.title`);
    byId("text").textContent = subject && text(`${subject}.text`);
    const go = { start: "start.button", left: "left.button", removed: "left.button", busy: "again", live: "again" };
    const label = subject && go[/** @type {keyof typeof go} */ (this.#state)];
    byId("go").hidden = !label;
    byId("go").textContent = label ? text(label) : "";
    byId("status").textContent = live ? this.#status() : "";
    for (const id of ["turn", "pause", "leave"]) byId(id).hidden = !live;
    byId("turn").hidden ||= this.#paused;
    byId("turn").textContent = text("turn");
    byId("pause").textContent = text(this.#paused ? "resume" : "pause");
    byId("pause").setAttribute("aria-pressed", String(this.#paused));
    byId("leave").textContent = text("leave");
    own.hidden = !live || camera.state !== "on";
    agent.hidden = !live;
  }

  #status() {
    if (this.#connection !== "connected") return text(this.#connection);
    if (this.#paused) return text("paused");
    return text(this.#desk.camera.state === "starting" ? "camera.starting" : "connected");
  }
}

/**
 * A phone that is held upright sends an upright picture: a camera that is asked for a lying one would cut it.
 * @param {import("../sdk/splitter.js").Limits} limits
 */
function upright(limits) {
  const { width, height } = limits;
  const [short, long] = [Math.min(width, height), Math.max(width, height)];
  const portrait = matchMedia("(orientation: portrait)").matches;
  return { ...limits, width: portrait ? short : long, height: portrait ? long : short };
}

/** @param {HTMLVideoElement} video @param {MediaStreamTrack} track */
function show(video, track) {
  video.srcObject = new MediaStream([track]);
  video.play().catch(() => {});
}

/** One id per tab and link: a page that is loaded anew takes its old place. */
function clientId() {
  try {
    const kept = sessionStorage.getItem("splitter.guest");
    const client = kept ?? `guest-${crypto.getRandomValues(new Uint32Array(2)).join("-")}`;
    sessionStorage.setItem("splitter.guest", client);
    return client;
  } catch {
    return `guest-${Math.random().toString(36).slice(2)}`;
  }
}

/** @param {unknown} error */
function statusOf(error) {
  return /** @type {{status?: number}} */ (error).status ?? 0;
}

/** @param {unknown} error */
function codeOf(error) {
  return /** @type {{code?: string}} */ (error).code ?? "";
}

document.documentElement.lang = language;
document.title = text("page");
agent.setAttribute("aria-label", text("agent"));
own.setAttribute("aria-label", text("own"));
const guest = new Guest();
guest.open();
