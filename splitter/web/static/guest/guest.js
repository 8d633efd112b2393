// @ts-check
/**
 * The page behind an invitation: the caller's own browser shows video while the voice stays on the phone.
 *
 * The link is /guest/#CODE, and /g/CODE leads there; the code is good for one call, and for one device. The page has no sound in either direction, starts playing
 * by itself, and takes the camera up again whenever it comes back to the front: a phone call, another app or a locked
 * screen stops cameras in ways of their own.
 *
 *   early.js    what works without modules         standing.js  what is said of the video, and when (pure)
 *   feed.js     what becomes of the call           texts.js     the words
 *   others.js   everybody, for experts             operator.js  whose page it is, and consent
 *   besides.js  chat.js, whereabouts.js, photo.js, rating.js: what can be told beside the video
 */

import { Http, ignore, SplitterError } from "../sdk/http.js";
import { claimClient, deviceId } from "../sdk/identity.js";
import { checkPath } from "../sdk/path.js";
import { Place } from "../sdk/place.js";
import { play } from "../sdk/playback.js";
import { Desk } from "../sdk/sources.js";
import { hasH264, hasWebRtc } from "../sdk/transport.js";
import { Besides, button, say } from "./besides.js";
import { Feed } from "./feed.js";
import { agreedTo, drawOperator, mayStart, showOperator } from "./operator.js";
import { Others } from "./others.js";
import { standingOf, told } from "./standing.js";
import { language, speakTo, text } from "./texts.js";

/** @typedef {"start"|"live"|"over"|"expired"|"used"|"left"|"removed"|"no-h264"|"no-webrtc"|"in-app"|"busy"} State */
/** @typedef {import("../sdk/types.js").Limits} Limits */
/** @typedef {import("../sdk/types.js").Media} Media */

const LOST_LIMIT_MS = 90_000; // then the page says so instead of trying for ever
const REJOIN_WINDOW_MS = 60_000; // so long the gateway keeps a place whose transport is gone
const LATE_MS = 6_000; // pictures that are not there by then do not come by themselves
const COPIED = ["camera.insecure-context", "camera.failed", "camera.in-app", "no-h264", "no-webrtc", "in-app"]; // remedied by another browser
/** @type {Record<string, string>} by state, the words of the large button */
const GO = { start: "start.button", left: "left.button", removed: "left.button", busy: "again", live: "again" };

const byId = (/** @type {string} */ id) => /** @type {HTMLElement} */ (document.getElementById(id));
const agent = /** @type {HTMLVideoElement} */ (byId("agent"));
const own = /** @type {HTMLVideoElement} */ (byId("own"));
const app = document.body.dataset.app === "1";

/** The gateway, for whoever has the link. */
class Gateway extends Http {
  client = "";
  /** @type {RTCIceServer[]} */
  iceServers = [];
}

class Guest {
  #gateway = new Gateway(new URL(location.origin));
  #desk = new Desk({ facing: "environment" });
  /** @type {Place|null} */
  #place = null;
  /** @type {Feed|null} */
  #feed = null;
  /** @type {Besides|null} */
  #besides = null;
  /** @type {number|undefined} */
  #lost;
  /** @type {number|undefined} */
  #lateness;
  #late = false;
  #cameras = 0;
  #told = "";
  #path = ""; // what is known of the way of pictures before Start
  #large = "own";
  /** @type {State} */
  #state = "start";

  constructor() {
    this.#desk.addEventListener("track", () => this.#onTrack());
    this.#desk.addEventListener("camera", () => this.#onChange());
    document.addEventListener("visibilitychange", () => this.#onFront());
    globalThis.addEventListener("pageshow", () => this.#onFront());
    globalThis.addEventListener("online", () => this.#onOnline());
    globalThis.addEventListener("offline", () => this.#draw());
    byId("go").addEventListener("click", () => this.#onGo());
    byId("turn").addEventListener("click", () => this.#desk.turn());
    byId("torch").addEventListener("click", () => this.#desk.setTorch(!this.#desk.torch));
    byId("pause").addEventListener("click", () => this.#desk.setCamera(this.#paused));
    byId("leave").addEventListener("click", () => this.#leave());
    byId("swap").addEventListener("click", () => this.#swap());
    this.#draw();
  }

  /** Is the browser, and is the link any good? Asked before the camera is. */
  async open() {
    if (!hasWebRtc()) return this.#enter(app ? "in-app" : "no-webrtc");
    if (!hasH264()) return this.#enter("no-h264");
    try {
      const json = { code: location.hash.slice(1), device: deviceId() };
      const login = await (await this.#gateway.request("POST", "/v1/guests", { json })).json();
      this.#gateway.token = login.token;
      this.#gateway.iceServers = login.ice_servers;
      this.#gateway.client ||= (await claimClient("guest")).client;
      speakTo(login.kind);
      this.#place ??= this.#placeIn(login.call_id, login.kind);
      showOperator(login.page);
      this.#besides ??= this.#besidesOf(login.call_id, login.kind, login.page);
      this.#feed ??= this.#feedOf(login.call_id);
      this.#draw();
      this.#checkPath();
    } catch (error) {
      const { status, code } = SplitterError.of(error);
      if (code === "other-device") this.#enter("used");
      else if (status === 409) this.#enter("over");
      else if (status >= 400 && status < 500 && status !== 429) this.#enter("expired");
    }
  }

  /** Would pictures find a way? Said while there is time to change the network; Start does not wait for it. */
  async #checkPath() {
    if (this.#path || this.#state !== "start") return;
    this.#path = "path.checking";
    this.#draw();
    const found = await checkPath(this.#gateway).catch(() => null);
    this.#path = found ? (found.works ? "path.works" : "no-path") : "";
    this.#draw();
  }

  /** @param {string} callId @param {"guest"|"expert"} kind */
  #placeIn(callId, kind) {
    const place = new Place(this.#gateway, callId, this.#desk, { bound: upright, givenUpAfterMs: REJOIN_WINDOW_MS, consent: agreedTo });
    place.addEventListener("media", () => this.#onMedia(place.media));
    place.addEventListener("admitted", () => this.#onAdmitted(place));
    if (kind === "expert") {
      this.#large = "agent"; // experts came to look
      new Others(this.#gateway, place, callId, byId("others"), agent);
    }
    return place;
  }

  /** @param {string} callId @param {"guest"|"expert"} kind @param {{rating: boolean, files?: string[]}} page */
  #besidesOf(callId, kind, page) {
    const besides = new Besides(this.#gateway, callId, kind, page);
    besides.addEventListener("change", () => this.#draw());
    return besides;
  }

  /** @param {string} callId */
  #feedOf(callId) {
    const feed = new Feed(this.#gateway, callId);
    feed.addEventListener("view", () => this.#onView());
    feed.addEventListener("over", () => this.#enter("over"));
    feed.addEventListener("expired", () => this.#enter("expired"));
    feed.open();
    return feed;
  }

  /** The camera is off because the caller wants it so. */
  get #paused() {
    return !this.#desk.camera.wanted;
  }

  /** What the gateway knows of this browser. */
  get #own() {
    return this.#feed?.view?.parties.find((party) => party.name === this.#place?.party);
  }

  // ---- what people do ----

  async #onGo() {
    if (this.#state === "live") {
      await this.#desk.setCamera(true); // "try again" of a camera in trouble
      return;
    }
    if (!this.#place || this.#state === "busy") await this.open(); // the link, or what is to be agreed to, may be another
    if (!this.#place) return this.#state === "start" || this.#state === "busy" ? this.#enter("busy") : undefined;
    if (!mayStart()) return this.#enter("start");
    this.#enter("live");
    this.#desk.need(this, true, this.#place.limits);
    this.#feed?.open();
    this.#place.attach(agent);
    await this.#place.join().catch(ignore); // what came of it is told by `media`
  }

  /** Own camera large and the agent small, or the other way round. */
  #swap() {
    this.#large = this.#large === "own" ? "agent" : "own";
    this.#draw();
  }

  async #leave() {
    const left = this.#place?.leave();
    this.#enter("left");
    await left?.catch(ignore);
  }

  // ---- what happens ----

  /** @param {Media} media */
  #onMedia(media) {
    if (this.#state !== "live") return;
    if (media.state === "connected") this.#forgive();
    else if (media.state === "interrupted") this.#lost ??= setTimeout(() => this.#enter("busy"), LOST_LIMIT_MS);
    else if (media.state === "removed") this.#enter("removed");
    else if (media.state === "failed") this.#enter(refusalOf(media));
    this.#draw();
  }

  /** @param {Place} place */
  #onAdmitted(place) {
    this.#told = "";
    this.#desk.need(this, true, place.limits);
    this.#tellCamera();
  }

  #onView() {
    this.#place?.listed(this.#own !== undefined);
    if (this.#place?.party) this.#besides?.follow(this.#feed?.view?.messages ?? 0);
    this.#draw();
  }

  #forgive() {
    clearTimeout(this.#lost);
    this.#lost = undefined;
  }

  async #onTrack() {
    // Not before there is one: a page whose video waits for its first frame counts as still loading.
    if (this.#desk.track) play(own, this.#desk.preview);
    this.#onChange();
    this.#cameras = (await this.#desk.cameras()).length;
    this.#draw();
  }

  #onChange() {
    this.#tellCamera();
    this.#draw();
  }

  /** The desks are told why there is no picture, as soon as it is known here. */
  #tellCamera() {
    const state = told(this.#desk.camera, document.visibilityState === "hidden", app);
    const party = this.#place?.party ?? "";
    if (!party || state === this.#told) return;
    this.#told = state;
    this.#place?.tellCamera(state).catch(() => (this.#told = "?"));
  }

  #onFront() {
    this.#tellCamera();
    if (document.visibilityState === "hidden" || this.#state !== "live") return;
    for (const video of [agent, own]) video.play().catch(ignore);
    const { state, wanted } = this.#desk.camera;
    if (wanted && state !== "on" && state !== "starting") this.#desk.setCamera(true);
    this.#place?.mend();
  }

  #onOnline() {
    this.#feed?.again();
    if (this.#place?.media.state === "connected") this.#place.repair(); // it may be another network
    else this.#place?.mend();
    this.#draw();
  }

  /** Pictures that were to come by now. @param {boolean} waiting */
  #await(waiting) {
    if (!waiting) {
      clearTimeout(this.#lateness);
      this.#lateness = undefined;
      this.#late = false;
    } else
      this.#lateness ??= setTimeout(() => {
        this.#late = true;
        this.#draw();
      }, LATE_MS);
  }

  // ---- what is shown ----

  /** @param {State} state */
  #enter(state) {
    this.#state = state;
    if (state !== "live") {
      this.#forgive();
      this.#place?.close();
      this.#desk.need(this, false);
      this.#besides?.rest();
    }
    if (["over", "expired", "used"].includes(state)) this.#feed?.close();
    this.#draw();
  }

  #draw() {
    const { camera, torch, facing } = this.#desk;
    const live = this.#state === "live";
    const [connection, call] = [this.#connection, this.#feed?.view ?? null];
    const known = { connection, code: this.#place?.media.code ?? "", online: navigator.onLine, camera, call, own: this.#own, late: this.#late, app };
    const { status, tone, trouble, sign } = live ? standingOf(known) : { status: "", tone: "", trouble: "", sign: "" };
    this.#await(status === "arriving" || status === "stalled");
    const subject = trouble || (live ? "" : this.#state);
    const seen = live && camera.state === "on";
    Object.assign(document.body.dataset, { state: this.#state, connection: live ? connection : "", tone, large: seen ? this.#large : "agent" });
    byId("words").hidden = !subject;
    say("title", subject && text(`${subject}.title`));
    say("text", subject && text(`${subject}.text`));
    button("go", subject && GO[this.#state] ? text(GO[this.#state]) : "");
    byId("copy").hidden = !(COPIED.includes(subject) || (app && subject));
    byId("app").hidden = !(app && subject);
    const path = this.#state === "start" ? this.#path : "";
    say("path", path && text(path));
    byId("path").hidden = !path;
    byId("path").dataset.tone = path === "no-path" ? "warn" : "";
    say("status", status && text(status));
    say("sign", sign && text(sign));
    byId("sign").hidden = !sign;
    const recorded = call?.recorded && ["start", "live", "left", "busy"].includes(this.#state);
    say("recorded", recorded ? text("recorded") : "");
    byId("recorded").hidden = !recorded;
    button("turn", seen && this.#cameras > 1 ? text("turn") : "");
    button("torch", seen && torch !== null ? text("torch") : "", torch === true);
    button("pause", live ? text(this.#paused ? "resume" : "pause") : "", this.#paused);
    drawOperator(this.#state === "start");
    this.#besides?.draw(live && Boolean(this.#place?.party), this.#state === "over" || this.#state === "left");
    button("leave", live ? text("leave") : "");
    own.hidden = !seen;
    own.classList.toggle("mirrored", facing === "user");
    agent.hidden = !live;
    byId("swap").hidden = !seen;
    byId("swap").setAttribute("aria-label", text(this.#large === "own" ? "swap.agent" : "swap.own"));
  }

  /** @returns {"connecting"|"connected"|"interrupted"} */
  get #connection() {
    const { state } = this.#place?.media ?? { state: "out" };
    return state === "connected" || state === "interrupted" ? state : "connecting";
  }
}

/** What a refusal means for the caller. @param {Media} media @returns {State} */
function refusalOf({ status, code }) {
  if (code === "other-device") return "used";
  if (code === "no-consent") return "busy"; // there is another text by now: trying again shows it
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
say("page", text("page"));
say("copy", text("copy"));
say("copied", text("copied"));
say("app", text("app"));
agent.setAttribute("aria-label", text("agent"));
byId("others").setAttribute("aria-label", text("others"));
own.setAttribute("aria-label", text("own"));
const guest = new Guest();
guest.open();
