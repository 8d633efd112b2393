// @ts-check
/** One call at this desk. */

import { Chat } from "./chat.js";
import { Company } from "./company.js";
import { Cover } from "./cover.js";
import { ignore, ignoreGone, SplitterError } from "./http.js";
import { Place } from "./place.js";
import { between, Meter, QUALITY_EVERY_MS, silence } from "./quality.js";
import { hasPicture, hasVideo, showingOf, viewerOf } from "./views.js";
import { Voices } from "./voices.js";

/** @typedef {import("./connection.js").Splitter} Splitter */
/** @typedef {import("./types.js").CallView} CallView */
/** @typedef {import("./types.js").Flows} Flows */
/** @typedef {import("./types.js").Invitation} Invitation */
/** @typedef {import("./types.js").Limits} Limits */
/** @typedef {import("./types.js").Notice} Notice */
/** @typedef {import("./types.js").Picture} Picture */
/** @typedef {import("./types.js").Quality} Quality */
/** @typedef {import("./types.js").Snapshot} Snapshot */

/**
 * One call. Events: "change" (of `view`), "media" (of `media`), "quality" (of `quality`), "notice" {Notice}; of those in
 * the video "joined" and "left" {Person}, and "stream" {person: Person, stream: MediaStream|null} (see `streamOf`).
 *
 * Once joined its video stays joined until `leave`, until somebody removes this desk, or until the call ends.
 */
export class CallHandle extends EventTarget {
  #place;
  #cover = new Cover(this);
  #closed = false;
  /** @type {number|undefined} */
  #ticker;
  #meter = new Meter();
  #measured = silence();
  #company;
  /** @type {Flows} */
  #flowing = { received: false, sent: false };

  /**
   * @param {Splitter} splitter
   * @param {CallView} view
   */
  constructor(splitter, view) {
    super();
    this.splitter = splitter;
    this.view = view;
    /** Who is in the voice besides the caller and the agent. */
    this.voices = new Voices(splitter, this.id);
    /** What people in the call write to each other. */
    this.chat = new Chat(splitter, this.id);
    this.#place = new Place(splitter, view.call_id, splitter.desk, { bound: (told) => this.view.video.limits ?? told });
    this.#place.addEventListener("media", () => this.#onMedia());
    this.#place.addEventListener("admitted", () => this.#onAdmitted());
    this.#place.addEventListener("sent", () => this.#onSent());
    this.#place.addEventListener("still", () => this.splitter._doubt());
    this.#company = new Company(this, this.#place, splitter.streams);
  }

  get id() {
    return this.view.call_id;
  }

  get #path() {
    return `/v1/calls/${encodeURIComponent(this.id)}`;
  }

  /** Where this desk's own video in the call stands. */
  get media() {
    return this.#place.media;
  }

  /** This desk's own name in the call, such as "desk-1"; empty where it is not in it. */
  get party() {
    return this.#place.party;
  }

  /** What the gateway sends this desk: the caller's video. The same object for the call's whole life. */
  get remoteStream() {
    return this.#place.remoteStream;
  }

  /** Who is in the video, the caller first. @returns {import("./types.js").Person[]} */
  get people() {
    return this.#company.people;
  }

  /** The video of one who is in it; null while this desk does not get it; see `Splitter`'s `streams`. @param {string} name */
  streamOf(name) {
    return this.#company.streamOf(name);
  }

  /** What may be sent to the caller. @returns {Limits} */
  get limits() {
    return this.#place.limits;
  }

  /** Through whose eyes the caller sees: "caller", the phone, or the name of the caller's own browser. */
  get viewer() {
    return viewerOf(this.view);
  }

  /** What the caller sees: "none", "slate", a party's name, or "picture:ID". */
  get showing() {
    return showingOf(this.view);
  }

  /** How well the video flows. @returns {Quality} */
  get quality() {
    return between(this.#measured, this.#flows);
  }

  // ---- this desk's video ----

  /** Join the call's video. Resolves once the gateway has answered; `media` tells how the transport fares. */
  async join() {
    if (this.#closed) throw new SplitterError(409, "call-ended", "the call has ended");
    const joined = this.#place.join();
    this.#need();
    await joined;
  }

  /** Leave the call's video; the call goes on. */
  leave() {
    return this.#place.leave();
  }

  /**
   * Show the caller's video in this element, muted: the voice is on the phone.
   * @param {HTMLVideoElement} element
   */
  attach(element) {
    this.#place.attach(element);
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

  /** Let the caller see an image instead of this desk. @param {string} id */
  showPicture(id) {
    return this.show(`picture:${id}`);
  }

  /** Let the caller see this desk again. */
  showCamera() {
    return this.show(this.party);
  }

  /**
   * @param {string} source  a party's name, "slate", "picture:ID", "speaker", "mosaic", or "" for what the gateway chooses
   * @param {string} [viewer]  the caller, where it is left out
   * @param {string[]} [of]  of a mosaic: two to four who are to be in it; everybody, where it is left out
   */
  async show(source, viewer = this.viewer, of = []) {
    await this.splitter.request("PUT", `${this.#path}/display`, { json: { source, viewer, of } });
  }

  /**
   * Let the caller see several parties in one picture. Where that cannot be, the caller sees who speaks, and `view.mosaic`
   * says why. @param {string[]} [of]  two to four who are to be in it; everybody, where it is left out
   */
  showMosaic(of = []) {
    return this.show("mosaic", this.viewer, of);
  }

  /** @param {Blob} file @param {string} [name] @returns {Promise<Picture>} */
  uploadPicture(file, name) {
    return this.splitter.uploadPicture(file, { name, callId: this.id });
  }

  /**
   * Ask the caller for video. What comes of it are notices, and `view.video`.
   * @param {{elseLink?: boolean, language?: string}} [wish]  elseLink: a caller whose phone cannot is sent a link
   */
  async raiseVideo({ elseLink = false, language = "" } = {}) {
    const json = elseLink ? { else_link: true, language } : undefined;
    await this.splitter.request("POST", `${this.#path}/video`, json && { json });
  }

  /** Back to voice alone; takes the question back while the caller is being asked. */
  async dropVideo() {
    await this.splitter.request("DELETE", `${this.#path}/video`);
  }

  /**
   * A screenshot of what a party sends, as the gateway decodes it (PNG).
   * @param {string} [of]  the caller, where it is left out
   * @returns {Promise<Snapshot>}
   */
  async snapshot(of = this.viewer) {
    const query = of === "caller" ? "" : `?of=${encodeURIComponent(of)}`;
    const response = await this.splitter.request("POST", `${this.#path}/snapshots${query}`);
    const takenAt = Number(response.headers.get("Splitter-Taken-At")) || this.splitter.now();
    const location = response.headers.get("Location") ?? "";
    return { blob: await response.blob(), takenAt, location, number: Number(location.split("/").at(-1)) || 0 };
  }

  /**
   * Begin, pause, resume or end the recording of the call; `view.recording` says how it is.
   * @param {"start"|"pause"|"resume"|"stop"|"exclude"|"include"} action
   * @param {string} [party]  of whom nothing is to be recorded from now on (exclude), or all again (include)
   */
  async record(action, party) {
    await this.splitter.request("POST", `${this.#path}/recording`, { json: { action, ...(party && { party }) } });
  }

  /**
   * A photo that the caller has sent (JPEG), or a PDF, which nobody has checked; `view.photos` says how many there are.
   * @param {number} number @returns {Promise<Snapshot>}
   */
  async photo(number) {
    const location = `${this.#path}/photos/${number}`;
    const response = await this.splitter.request("GET", location, { limitMs: 60_000 });
    return { blob: await response.blob(), takenAt: Number(response.headers.get("Splitter-Taken-At")), location, number };
  }

  /** Remove a party from the call's video. @param {string} party */
  remove(party) {
    return this.#place.remove(party);
  }

  /** Let another desk into this call, whether it has asked or not. @param {string} extension */
  async admit(extension) {
    await this.splitter.request("PUT", `${this.#path}/admissions/${encodeURIComponent(extension)}`);
  }

  /** Make another desk that is in the video the host; this one stays. @param {string} extension */
  async handOver(extension) {
    await this.splitter.request("PUT", `${this.#path}/host`, { json: { extension } });
  }

  /** A supervisor who looks on becomes the host, and is seen. */
  async takeOver() {
    await this.leave();
    await this.handOver(this.splitter.me?.extension ?? "");
    await this.join();
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
   * Make a link that lets the caller show video from a browser, or an expert in, and have it sent.
   * @param {string} [number]  the caller's own where it is left out; an expert's is sent to nobody then
   * @param {{language?: ""|"en"|"zh", devices?: number, kind?: "guest"|"expert", title?: string}} [options]  language: of
   *   the message; devices: how many may use the link; title: what people call whom it lets in @returns {Promise<Invitation>}
   */
  async invite(number, options = {}) {
    const json = number ? { number, ...options } : options;
    return (await this.splitter.request("POST", `${this.#path}/invitations`, { json })).json();
  }

  /** Take a link back: whoever it has let in has to leave. @param {string} id */
  async revoke(id) {
    await this.splitter.request("DELETE", `${this.#path}/invitations/${encodeURIComponent(id)}`);
  }

  // ---- what Splitter tells ----

  /** @param {CallView} view @param {string} epoch */
  _update(view, epoch) {
    this.view = view;
    this.#place.epoch = epoch;
    if (view.state !== "ended") this.#place.listed(this.#present);
    this.#need();
    this.#followFlows();
    this.#company.follow();
    if (view.state !== "ended") this.chat.follow(view.messages ?? 0);
    const { track, camera } = this.splitter.desk;
    if (track === null && camera.state !== "starting") this.#cover.put().catch(ignore);
    this.dispatchEvent(new Event("change"));
  }

  _autojoin() {
    if (!this.#place.wanted && !this.#place.left && this.media.state === "out") this.join().catch(ignore);
  }

  /** @param {Notice} notice */
  _onNotice(notice) {
    if (notice.code === "media-lost" && this.party && notice.party === this.party) this.#place.lost();
    this.dispatchEvent(new CustomEvent("notice", { detail: notice }));
  }

  /** The event socket is back. @param {boolean} anew  nothing of before counts */
  _onReconnected(anew) {
    if (anew && !this.#standing) this.#place.unknown();
    else this.#place.mend();
  }

  /** The network may be another one. */
  _onNetwork() {
    this.#place.mend();
  }

  /** The call is over, or no longer this desk's. */
  _drop() {
    this.#closed = true;
    this.chat.close();
    this.#cover.drop();
    this.#place.close();
    this.#need();
  }

  // ---- inner ----

  get #present() {
    return this.view.parties.some((party) => party.name === this.party && party.state !== "left");
  }

  /** The gateway has our transport. */
  get #standing() {
    return this.view.parties.some((party) => party.name === this.party && ["joining", "connected"].includes(party.state));
  }

  #onMedia() {
    if (this.media.state === "interrupted") this.splitter._doubt();
    if (!this.#place.wanted) {
      this.#cover.lift();
      clearInterval(this.#ticker);
      this.#measured = silence();
    }
    this.#need();
    this.#followFlows();
    this.dispatchEvent(new Event("media"));
  }

  #onAdmitted() {
    this.#place.listed(this.#present);
    this.#need();
    this.#meter = new Meter();
    this.#tick();
  }

  #onSent() {
    this.#followFlows();
    if (this.splitter.desk.track === null) this.#cover.put().catch(ignore);
  }

  /** The camera is open while a call that this desk has joined has video, or is being asked for it. */
  #need() {
    const { state, limits } = this.view.video;
    const asked = state === "asking" && limits === null; // what its phone takes is not known before it says yes
    const seen = asked || hasVideo(this.view);
    this.splitter.desk.need(this, this.#place.wanted && seen && !this.splitter.looksOn(this.view), asked ? null : this.limits);
  }

  /** What flows between people: the waiting picture, and video that is only made ready, are none of theirs. @returns {Flows} */
  get #flows() {
    const joined = this.media.state === "connected";
    const sent = hasVideo(this.view) && this.splitter.desk.track !== null;
    return { received: joined && hasPicture(this.view), sent: joined && sent };
  }

  #tick() {
    clearInterval(this.#ticker);
    const tick = async () => {
      const [meter, report] = [this.#meter, await this.#place.stats()];
      if (!report || this.#meter !== meter) return;
      this.#measured = meter.read(report, this.#flows);
      this.dispatchEvent(new Event("quality"));
      await this.#place.send(); // a shared window may have another size by now
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
}
