// @ts-check
/** One transport to the gateway: an RTCPeerConnection and its resource (WHIP, RFC 9725), with ICE restarts. */

import { needsOf } from "./finding.js";
import { ignore, SplitterError } from "./http.js";
import { Pulse } from "./pulse.js";

/** @typedef {import("./types.js").Gateway} Gateway */
/** @typedef {import("./types.js").Limits} Limits */

const GATHER_LIMIT_MS = 0; // the gateway learns our addresses from our checks; candidates are sent after the offer
const ASKING_MS = 3_000; // without an answer for longer, asking anew is better than waiting
const FRAGMENT = "application/trickle-ice-sdpfrag";
/** @type {Limits} */
export const USUAL = { width: 640, height: 480, frame_rate: 30, bitrate_kbps: 960 };

/** One RTCPeerConnection with its resource at the gateway (WHIP, RFC 9725). */
export class Transport {
  #pc;
  #sender;
  #pulse;
  #path;
  #gateway;
  #location = "";
  #etag = "";
  #closed = false;
  #restarting = false;
  #askedAt = 0;
  /** @type {string[]} */
  #late = [];
  /** @type {number|undefined} */
  #timer;
  #tuned = "";
  /** @type {Array<{transceiver: RTCRtpTransceiver, source: string}>} further lines, and whom each shows; "": nobody */
  #lines = [];
  /** @type {Promise<unknown>} offers go one after the other */
  #exchange = Promise.resolve();
  /** @type {Promise<void>} */
  #sending = Promise.resolve();
  /** @type {{track: MediaStreamTrack|null, limits: Limits, screen: boolean}} */
  #wish = { track: null, limits: USUAL, screen: false };

  /**
   * @param {Gateway} gateway
   * @param {string} path
   * @param {MediaStreamTrack|null} track
   */
  constructor(gateway, path, track) {
    this.#gateway = gateway;
    this.#path = path;
    /** @type {(track: MediaStreamTrack) => void} */
    this.ontrack = () => {};
    /** @type {(state: RTCPeerConnectionState) => void} */
    this.onstate = () => {};
    /** What came no longer comes, and the browser has not noticed yet. */
    this.onstill = () => {};
    this.#pc = connection({ iceServers: gateway.iceServers, bundlePolicy: "max-bundle" });
    this.#pc.onconnectionstatechange = () => this.#closed || this.onstate(this.#pc.connectionState);
    this.#pc.onicecandidate = (event) => this.#onCandidate(event.candidate);
    // Always both ways: a camera that comes later needs no new offer.
    const transceiver = this.#pc.addTransceiver(track ?? "video", { direction: "sendrecv" });
    this.#sender = transceiver.sender;
    this.#pc.ontrack = (event) => event.transceiver === transceiver && this.ontrack(event.track);
    preferH264(transceiver);
    this.#pulse = new Pulse(transceiver.receiver, () => this.#pc.connectionState === "connected" && this.onstill());
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
    const asked = this.#gateway.request("POST", this.#path, { body, type: "application/sdp" });
    const response = await asked.finally(() => (this.#askedAt = 0));
    this.#location = new URL(response.headers.get("Location") ?? "", this.#gateway.url).pathname;
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
    await this.#exchange.catch(ignore);
    try {
      if (this.#pc.signalingState === "have-local-offer") await this.#pc.setLocalDescription({ type: "rollback" });
      await this.#pc.setLocalDescription(await this.#pc.createOffer({ iceRestart: true }));
      this.#late = [];
      await this.#gathered();
      const body = fragmentOf(this.#pc.localDescription?.sdp ?? "");
      const headers = { "If-Match": "*" };
      const response = await this.#gateway.request("PATCH", this.#location, { body, type: FRAGMENT, headers });
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
   * See these parties in streams of their own, and no others: one more offer of the same session.
   * @param {string[]} sources
   * @returns {Promise<Map<string, MediaStreamTrack>>} the track of each
   */
  watch(sources) {
    const watched = this.#exchange.catch(ignore).then(() => this.#watch(sources));
    this.#exchange = watched;
    return watched;
  }

  /** @param {string[]} sources */
  async #watch(sources) {
    if (this.#restarting || !this.usable) throw new SplitterError(0, "closed", "the transport is being repaired");
    for (const line of this.#lines) if (!sources.includes(line.source)) line.source = "";
    for (const source of sources) {
      if (this.#lines.some((line) => line.source === source)) continue;
      (this.#lines.find((line) => !line.source) ?? this.#newLine()).source = source;
    }
    for (const { transceiver, source } of this.#lines) transceiver.direction = source ? "recvonly" : "inactive";
    await this.#pc.setLocalDescription(await this.#pc.createOffer());
    try {
      const shown = this.#lines.filter(({ source }) => source);
      const streams = shown.map(({ transceiver: { mid }, source }) => ({ mid, source }));
      const json = { offer: this.#pc.localDescription?.sdp, streams };
      const response = await this.#gateway.request("PUT", `${this.#location}/streams`, { json });
      const { answer } = await response.json();
      if (!this.#closed) await this.#pc.setRemoteDescription({ type: "answer", sdp: answer });
      return new Map(shown.map(({ transceiver, source }) => [source, transceiver.receiver.track]));
    } catch (error) {
      const open = !this.#closed && this.#pc.signalingState === "have-local-offer";
      if (open) await this.#pc.setLocalDescription({ type: "rollback" }).catch(ignore);
      throw error;
    }
  }

  #newLine() {
    const transceiver = this.#pc.addTransceiver("video", { direction: "recvonly" });
    preferH264(transceiver);
    const line = { transceiver, source: "" };
    this.#lines.push(line);
    return line;
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

  /** Where the gateway takes our video, such as "UDP 192.0.2.10 (port 31002)"; each call has a port of its own. */
  get candidates() {
    return needsOf(this.#pc.remoteDescription?.sdp ?? "");
  }

  /** What the browser counts, for `Meter`. */
  stats() {
    return this.#pc.getStats();
  }

  close() {
    this.#closed = true;
    this.#pulse.stop();
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
    await this.#gateway.request("PATCH", this.#location, { body: fragmentOf(sdp), type: FRAGMENT, headers }).catch(ignore);
  }
}

/** Whether this browser can do video at all: some have no WebRTC, or have it switched off. */
export function hasWebRtc() {
  return typeof globalThis.RTCPeerConnection?.prototype?.addTransceiver === "function";
}

/** Whether this browser has H.264, as far as it says what it has. */
export function hasH264() {
  const codecs = globalThis.RTCRtpReceiver?.getCapabilities?.("video")?.codecs ?? [];
  return !codecs.length || codecs.some((codec) => codec.mimeType.toLowerCase() === "video/h264");
}

/** @param {RTCConfiguration} configuration */
export function connection(configuration) {
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
export function preferH264(transceiver) {
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
