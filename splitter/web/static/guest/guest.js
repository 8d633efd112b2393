// @ts-check
/**
 * The page behind an invitation: the caller's own browser shows video while the voice stays on the phone.
 *
 * The link is /guest/#CODE, and /g/CODE leads there; the code is good for one call, and for one device. The page has no sound in either direction, starts playing
 * by itself, and takes the camera up again whenever it comes back to the front: a phone call, another app or a locked
 * screen stops cameras in ways of their own.
 */

import { Http, ignore, SplitterError } from "../sdk/http.js";
import { claimClient, deviceId } from "../sdk/identity.js";
import { Place } from "../sdk/place.js";
import { play } from "../sdk/playback.js";
import { Desk } from "../sdk/sources.js";
import { hasWebRtc } from "../sdk/transport.js";
import { Others } from "./others.js";
import { language, speakTo, text } from "./texts.js";

/** @typedef {"start"|"live"|"over"|"expired"|"used"|"left"|"removed"|"no-h264"|"no-webrtc"|"busy"} State */
/** @typedef {import("../sdk/types.js").Limits} Limits */
/** @typedef {import("../sdk/types.js").Media} Media */

const LOST_LIMIT_MS = 90_000; // then the page says so instead of trying for ever
const REJOIN_WINDOW_MS = 60_000; // so long the gateway keeps a place whose transport is gone

const byId = (/** @type {string} */ id) => /** @type {HTMLElement} */ (document.getElementById(id));
const agent = /** @type {HTMLVideoElement} */ (byId("agent"));
const own = /** @type {HTMLVideoElement} */ (byId("own"));

/** The gateway, for whoever has the link. */
class Gateway extends Http {
  client = "";
  /** @type {RTCIceServer[]} */
  iceServers = [];
}

class Guest {
  #gateway = new Gateway(new URL(location.origin));
  #desk = new Desk();
  /** @type {Place|null} */
  #place = null;
  /** @type {number|undefined} */
  #lost;
  /** @type {State} */
  #state = "start";

  constructor() {
    this.#desk.addEventListener("track", () => this.#onTrack());
    this.#desk.addEventListener("camera", () => this.#draw());
    document.addEventListener("visibilitychange", () => this.#onFront());
    globalThis.addEventListener("pageshow", () => this.#onFront());
    globalThis.addEventListener("online", () => this.#onOnline());
    byId("go").addEventListener("click", () => this.#onGo());
    byId("turn").addEventListener("click", () => this.#turn());
    byId("pause").addEventListener("click", () => this.#desk.setCamera(this.#paused));
    byId("leave").addEventListener("click", () => this.#leave());
    this.#draw();
  }

  /** Is the browser, and is the link any good? Asked before the camera is. */
  async open() {
    if (!hasWebRtc()) return this.#enter("no-webrtc");
    try {
      const json = { code: location.hash.slice(1), device: deviceId() };
      const login = await (await this.#gateway.request("POST", "/v1/guests", { json })).json();
      this.#gateway.token = login.token;
      this.#gateway.iceServers = login.ice_servers;
      this.#gateway.client ||= (await claimClient("guest")).client;
      this.#place ??= this.#placeIn(login.call_id, login.kind);
      speakTo(login.kind);
      this.#draw();
    } catch (error) {
      const { status, code } = SplitterError.of(error);
      if (code === "other-device") this.#enter("used");
      else if (status === 409) this.#enter("over");
      else if (status >= 400 && status < 500 && status !== 429) this.#enter("expired");
    }
  }

  /** @param {string} callId @param {"guest"|"expert"} kind */
  #placeIn(callId, kind) {
    const place = new Place(this.#gateway, callId, this.#desk, { bound: upright, givenUpAfterMs: REJOIN_WINDOW_MS });
    place.addEventListener("media", () => this.#onMedia(place.media));
    place.addEventListener("admitted", () => this.#desk.need(this, true, place.limits));
    if (kind === "expert") new Others(this.#gateway, place, callId, byId("others"), agent);
    return place;
  }

  /** The camera is off because the caller wants it so. */
  get #paused() {
    return !this.#desk.camera.wanted;
  }

  // ---- what people do ----

  async #onGo() {
    if (this.#state === "live") {
      await this.#desk.setCamera(true); // "try again" of a camera in trouble
      return;
    }
    if (!this.#place) await this.open();
    if (!this.#place) return this.#state === "start" || this.#state === "busy" ? this.#enter("busy") : undefined;
    this.#enter("live");
    this.#desk.need(this, true, this.#place.limits);
    this.#place.attach(agent);
    await this.#place.join().catch(ignore); // what came of it is told by `media`
  }

  async #turn() {
    const cameras = await this.#desk.cameras();
    const at = cameras.findIndex((one) => one.label === this.#desk.camera.label);
    const next = cameras[(at + 1) % cameras.length];
    if (next) await this.#desk.setCamera(next.deviceId);
  }

  async #leave() {
    const left = this.#place?.leave();
    this.#enter("left");
    await left?.catch(ignore);
  }

  // ---- what happens ----

  /** @param {Media} media */
  #onMedia(media) {
    if (media.state === "connected") this.#forgive();
    else if (media.state === "interrupted") this.#lost ??= setTimeout(() => this.#enter("busy"), LOST_LIMIT_MS);
    else if (media.state === "removed") this.#enter("removed");
    else if (media.state === "failed") this.#enter(refusalOf(media));
    this.#draw();
  }

  #forgive() {
    clearTimeout(this.#lost);
    this.#lost = undefined;
  }

  #onTrack() {
    // Not before there is one: a page whose video waits for its first frame counts as still loading.
    if (this.#desk.track) play(own, this.#desk.preview);
    this.#draw();
  }

  #onFront() {
    if (document.visibilityState === "hidden" || this.#state !== "live") return;
    for (const video of [agent, own]) video.play().catch(ignore);
    const { state, wanted } = this.#desk.camera;
    if (wanted && state !== "on" && state !== "starting") this.#desk.setCamera(true);
    this.#place?.mend();
  }

  #onOnline() {
    if (this.#place?.media.state === "connected") this.#place.repair(); // it may be another network
    else this.#place?.mend();
  }

  // ---- what is shown ----

  /** @param {State} state */
  #enter(state) {
    this.#state = state;
    if (state !== "live") {
      this.#forgive();
      this.#place?.close();
      this.#desk.need(this, false);
    }
    this.#draw();
  }

  #draw() {
    const { camera } = this.#desk;
    const live = this.#state === "live";
    const trouble = live && camera.state === "trouble" ? `camera.${camera.trouble}` : "";
    const subject = trouble || (live ? "" : this.#state);
    document.body.dataset.state = this.#state;
    document.body.dataset.connection = live ? this.#connection : "";
    document.body.dataset.tone = live ? this.#tone : "";
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

  get #connection() {
    const { state } = this.#place?.media ?? { state: "out" };
    return state === "connected" || state === "interrupted" ? state : "connecting";
  }

  /** Whether all is well: they see the video, or the caller wants them not to. */
  get #tone() {
    if (this.#connection !== "connected") return this.#connection === "interrupted" ? "warn" : "";
    if (this.#paused || this.#desk.camera.state === "starting") return "";
    return this.#desk.camera.state === "on" ? "good" : "warn";
  }

  #status() {
    if (this.#place?.media.code === "no-path") return text("no-path");
    if (this.#connection !== "connected") return text(this.#connection);
    if (this.#paused) return text("paused");
    const { state } = this.#desk.camera;
    return text(state === "starting" ? "camera.starting" : state === "on" ? "connected" : "unseen");
  }
}

/** What a refusal means for the caller. @param {Media} media @returns {State} */
function refusalOf({ status, code }) {
  if (code === "other-device") return "used";
  if (status === 401 || status === 403) return "expired";
  if (status === 404 || code === "call-ended") return "over";
  return code === "no-h264" || code === "no-webrtc" ? code : "busy";
}

/**
 * A phone that is held upright sends upright video: a camera that is asked for a lying one would cut it.
 * @param {Limits} limits
 */
function upright(limits) {
  const { width, height } = limits;
  const [short, long] = [Math.min(width, height), Math.max(width, height)];
  const portrait = matchMedia("(orientation: portrait)").matches;
  return { ...limits, width: portrait ? short : long, height: portrait ? long : short };
}

document.documentElement.lang = language;
document.title = text("page");
agent.setAttribute("aria-label", text("agent"));
byId("others").setAttribute("aria-label", text("others"));
own.setAttribute("aria-label", text("own"));
const guest = new Guest();
guest.open();
