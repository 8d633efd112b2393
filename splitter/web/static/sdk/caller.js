// @ts-check
/**
 * A call from a browser into the voice centre, with its user's camera if they like. This file, chat.js, devices.js and http.js are all of it;
 * caller_path.js and finding.js are for `checkPath`.
 *
 *   import * as splitter from "https://gateway.example/sdk/caller.js";
 *   const call = await splitter.call("12345", { video: true, token });
 *   audio.srcObject = call.remote;                       // what the other side sends: sound, and a picture if there is one
 *   call.addEventListener("change", () => draw(call.view));
 *
 * A page that was reloaded comes back into its call by `resume()`. See docs/web-callers.md.
 */

import { Chat } from "./chat.js";
import { forget, keep, kept, openCamera, openMicrophone } from "./devices.js";
import { backoffMs, Http, ignore, SplitterError } from "./http.js";

/** @typedef {"connecting"|"calling"|"ringing"|"connected"|"ended"} State */
/** @typedef {{call_id: string, state: State, reason: string, held: boolean, camera: "off"|"asked"|"on",
 *   path: "ok"|"lost", answer: string, answers: number, client: string, recorded?: boolean, messages?: number}} WebCallView */
/** @typedef {{video?: boolean, token?: string, captcha?: string, language?: string, url?: string|URL,
 *   audio?: MediaTrackConstraints|true, camera?: MediaTrackConstraints|true}} CallOptions */

const SHAKY_MS = 2_500; // a path that is gone for longer is sought anew
const LOST_MS = 1_500;
const NO_PATH_MS = 4_000; // without a path by then, it is sought by a relay
const TRIES = 6;
const CALLS = "/v1/web/calls";

/**
 * Call a number. Asks for the microphone, and for the camera with `video`. Raises SplitterError: "no-webrtc", "denied"
 * (the microphone), "wrong-origin", "no-token", "no-such-number", "too-many-calls" …
 * @param {string} number
 * @param {CallOptions} [options]
 */
export async function call(number, options = {}) {
  const made = new WebCall(options);
  await made.begin(number);
  return made;
}

/**
 * Whether a call would find a way through this network, asked before it begins: without a microphone, and nobody is called.
 * Raises SplitterError where that cannot be asked: "no-webrtc", "no-token", "wrong-origin", "too-many", "no-media" …
 * @param {{token?: string, url?: string|URL}} [options]
 * @returns {Promise<import("./types.js").PathFound>}
 */
export async function checkPath(options = {}) {
  const { checkCallersPath } = await import("./caller_path.js"); // nobody waits for it who only calls
  return checkCallersPath(options);
}

/** The call that this tab had before it was reloaded; null where there is none any more. @param {CallOptions} [options] */
export async function resume(options = {}) {
  const before = kept();
  if (!before) return null;
  const made = new WebCall({ ...options, url: before.url });
  return (await made.resume(before)) ? made : null;
}

/** One call. Fires "change" whenever its view, or what it sends, has changed. */
export class WebCall extends EventTarget {
  #http;
  #options;
  #client = crypto.randomUUID();
  /** @type {RTCPeerConnection|null} */
  #pc = null;
  /** @type {MediaStreamTrack|null} */
  #voice = null;
  /** @type {MediaStreamTrack|null} */
  #picture = null;
  /** @type {WebSocket|null} */
  #socket = null;
  #applied = 0;
  #over = false;
  /** @type {Promise<void>} */
  #turn = Promise.resolve();
  /** @type {number|undefined} */
  #shaky;
  #tries = 0;
  #was = false; // connected once
  #told = /** @type {"ok"|"lost"} */ ("ok"); // what the gateway says of the path
  /** @type {RTCIceServer[]} */
  #relays = [];

  /** @param {CallOptions} options */
  constructor(options) {
    super();
    this.#options = options;
    this.#http = new Http(new URL(options.url ?? new URL("/", import.meta.url)));
    /** What the other side sends. */
    this.remote = new MediaStream();
    /** What this side's camera sees; empty while it is off. */
    this.own = new MediaStream();
    this.muted = false;
    /** Why there is no picture of this side: "", "denied", "no-camera", "failed". */
    this.trouble = "";
    /** What is written in the call. */
    this.chat = this.#chatOf("");
    /** @type {WebCallView} */
    this.view = {
      call_id: "", state: "connecting", reason: "", held: false, camera: "off", path: "ok", answer: "", answers: 0, client: "",
    };
  }

  // ---- its beginning

  /** @param {string} number */
  async begin(number) {
    const { video = false, token = "", captcha = "", language = navigator.language } = this.#options;
    this.#voice = await openMicrophone(this.#options.audio);
    if (video) await this.#openCamera();
    try {
      const sdp = await this.#offer();
      const json = { number, sdp, camera: this.#picture !== null, captcha, language, client: this.#client };
      this.#http.token = token;
      const begun = await (await this.#http.request("POST", CALLS, { json })).json();
      this.#http.token = begun.token;
      this.#relays = begun.ice_servers ?? [];
      keep({ call: begun.call.call_id, token: begun.token, url: this.#http.url.href, relays: this.#relays });
      this.chat = this.#chatOf(begun.call.call_id);
      await this.#answered(begun.call);
      if (this.#relays.length) setTimeout(() => this.#byRelay(), NO_PATH_MS);
    } catch (error) {
      this.#close("failed");
      throw error;
    }
    this.#listen();
  }

  /** @param {import("./devices.js").Kept} before @returns {Promise<boolean>} */
  async resume(before) {
    this.#http.token = before.token;
    this.#relays = before.relays ?? [];
    this.view = { ...this.view, call_id: before.call };
    this.chat = this.#chatOf(before.call);
    try {
      const now = await (await this.#http.request("GET", this.#path)).json();
      if (now.state === "ended") throw new SplitterError(409, "call-ended", "the call is over");
      this.#voice = await openMicrophone(this.#options.audio);
      if (now.camera === "on") await this.#openCamera();
      await this.#rebuild();
    } catch {
      this.#close("lost");
      return false;
    }
    this.#listen();
    return true;
  }

  // ---- what its user does

  /** Let the other side hear nothing, or hear again. @param {boolean} on */
  mute(on) {
    this.muted = on;
    if (this.#voice) this.#voice.enabled = !on;
    this.#changed();
  }

  /** Show the camera, or not; also the answer where `view.camera` is "asked". @param {boolean} on */
  async camera(on) {
    if (on && !this.#picture) await this.#openCamera();
    const shown = on && this.#picture !== null;
    if (!shown) this.#closeCamera();
    await this.#sendPicture();
    await this.#ask("PUT", "/camera", { on: shown });
    return shown;
  }

  /** Press keys: digits, * and #. @param {string} keys */
  digits(keys) {
    const sender = this.#pc?.getSenders().find((one) => one.dtmf);
    sender?.dtmf?.insertDTMF(keys, 120, 70);
  }

  async hangUp() {
    const path = this.#path;
    this.#close("hung-up");
    await this.#http.request("DELETE", path).catch(ignore);
  }

  // ---- its connection

  async #offer(restart = false) {
    const pc = this.#pc ?? this.#connect();
    await pc.setLocalDescription(await pc.createOffer({ iceRestart: restart }));
    return /** @type {string} */ (pc.localDescription?.sdp);
  }

  #connect() {
    if (typeof globalThis.RTCPeerConnection?.prototype?.addTransceiver !== "function")
      throw new SplitterError(0, "no-webrtc", "this browser has no WebRTC: use Chrome, Edge, Safari or Firefox");
    const pc = (this.#pc = new RTCPeerConnection({ bundlePolicy: "max-bundle", iceServers: this.#relays }));
    pc.addTransceiver(this.#voice ?? "audio", { direction: "sendrecv" });
    // Always both ways: a camera that comes later needs no other offer.
    pc.addTransceiver(this.#picture ?? "video", { direction: "sendrecv" });
    pc.ontrack = ({ track }) => {
      for (const old of this.remote.getTracks()) if (old.kind === track.kind) this.remote.removeTrack(old);
      this.remote.addTrack(track);
      this.#changed();
    };
    pc.onconnectionstatechange = () => pc === this.#pc && this.#onState(pc.connectionState);
    return pc;
  }

  /** Take what the gateway has answered to our last offer. @param {WebCallView} view */
  async #answered(view) {
    this.#applied = view.answers;
    await this.#pc?.setRemoteDescription({ type: "answer", sdp: view.answer });
    this.#show(view);
  }

  /** The gateway answers the last offer otherwise, such as with the codec that the centre has chosen. */
  async #again() {
    const { answer, answers } = this.view;
    if (!this.#pc || answers === this.#applied || this.#pc.signalingState !== "stable") return;
    this.#applied = answers;
    await this.#pc.setLocalDescription(await this.#pc.createOffer());
    await this.#pc.setRemoteDescription({ type: "answer", sdp: answer });
  }

  /** @param {RTCPeerConnectionState} state */
  #onState(state) {
    clearTimeout(this.#shaky);
    if (this.#over) return;
    if (state === "connected") [this.#tries, this.#was] = [0, true];
    if (state === "disconnected") this.#shaky = setTimeout(() => this.#seek(), SHAKY_MS);
    if (state === "failed") this.#seek();
    this.view = { ...this.view, path: this.#way };
    this.#changed();
  }

  /** Whether there is a path: both sides know, and a gateway that is gone says nothing. @returns {"ok"|"lost"} */
  get #way() {
    return this.#told === "lost" || (this.#was && this.#pc?.connectionState !== "connected") ? "lost" : "ok";
  }

  /** Look for another way: an ICE restart, and where the gateway knows nothing of the old one, another connection. */
  #seek() {
    clearTimeout(this.#shaky);
    if (this.#over || this.#tries >= TRIES) return;
    const tries = this.#tries++;
    this.#inTurn(async () => {
      const whole = tries % 2 === 1 || !this.#pc || this.#pc.connectionState === "closed";
      try {
        await (whole ? this.#rebuild() : this.#restart());
      } catch (error) {
        const { status } = SplitterError.of(error);
        if (status === 404 || status === 409) return this.#close("lost");
        if (!whole && status === 503) return this.#rebuild().catch(ignore);
        this.#shaky = setTimeout(() => this.#seek(), backoffMs(tries));
      }
    });
  }

  /** No path from the beginning: the relays are known only since the gateway has taken the call. */
  #byRelay() {
    if (this.#over || !this.#pc || this.#pc.connectionState === "connected") return;
    this.#pc.setConfiguration({ bundlePolicy: "max-bundle", iceServers: this.#relays });
    this.#seek();
  }

  async #restart() {
    if (this.#pc?.signalingState === "have-local-offer") await this.#pc.setLocalDescription({ type: "rollback" });
    await this.#offerAgain(await this.#offer(true));
  }

  async #rebuild() {
    this.#pc?.close();
    this.#pc = null;
    await this.#offerAgain(await this.#offer());
  }

  /** @param {string} sdp */
  async #offerAgain(sdp) {
    const response = await this.#http.request("PUT", `${this.#path}/offer`, { json: { sdp, client: this.#client } });
    await this.#answered(await response.json());
    this.#listenAnew();
  }

  // ---- what the gateway tells

  #listen() {
    if (this.#over) return;
    const url = new URL(`${this.#path}/events`, this.#http.url);
    url.protocol = url.protocol.replace("http", "ws");
    const socket = (this.#socket = new WebSocket(url, ["splitter.caller.v1", `bearer.${this.#http.token}`]));
    let heard = false;
    socket.onmessage = ({ data }) => {
      heard = true;
      this.#show(JSON.parse(data));
    };
    let tries = 0;
    socket.onclose = () => {
      if (this.#over || socket !== this.#socket) return;
      tries = heard ? 0 : tries + 1;
      setTimeout(() => this.#look(socket), backoffMs(tries));
    };
  }

  /** The path was lost, and the socket may be, without a word: a host that is cut off, or a network that was left, says nothing. */
  #listenAnew() {
    const before = this.#socket;
    if (!before) return;
    this.#listen();
    before.close();
  }

  /** The socket is gone: is the call, too? Nobody asks once there is another one. @param {WebSocket} gone */
  async #look(gone) {
    if (gone !== this.#socket) return;
    try {
      this.#show(await (await this.#http.request("GET", this.#path)).json());
    } catch (error) {
      if (SplitterError.of(error).status === 404) return this.#close("lost");
    }
    if (gone === this.#socket) this.#listen();
  }

  /** @param {WebCallView} view */
  #show(view) {
    if (this.#over) return;
    const before = this.view, told = this.#told;
    this.#told = view.path;
    this.view = { ...view, path: this.#way };
    if (view.client && view.client !== this.#client) return this.#close("elsewhere");
    if (view.state === "ended") return this.#close(view.reason);
    if (view.camera === "off" && this.#picture && before.camera !== "off") {
      this.#closeCamera();
      this.#sendPicture();
    }
    if (view.answers !== this.#applied) this.#inTurn(() => this.#again());
    this.chat.follow(view.messages ?? 0);
    if (view.path === "lost" && told === "ok") this.#shaky = setTimeout(() => this.#seek(), LOST_MS);
    this.#changed();
  }

  // ---- inner

  get #path() {
    return `${CALLS}/${this.view.call_id}`;
  }

  /** @param {string} callId */
  #chatOf(callId) {
    return new Chat(this.#http, callId, CALLS);
  }

  /** @param {string} method @param {string} path @param {unknown} json */
  async #ask(method, path, json) {
    this.#show(await (await this.#http.request(method, this.#path + path, { json })).json());
  }

  /** One change of the connection after the other. @param {() => Promise<void>|void} work */
  #inTurn(work) {
    this.#turn = this.#turn.catch(ignore).then(() => (this.#over ? undefined : work()));
    this.#turn.catch(ignore);
  }

  async #openCamera() {
    const { track, trouble } = await openCamera(this.#options.camera);
    this.#picture = track;
    this.trouble = trouble;
    if (track) this.own.addTrack(track);
  }

  #closeCamera() {
    if (this.#picture) {
      this.own.removeTrack(this.#picture);
      this.#picture.stop();
    }
    this.#picture = null;
  }

  async #sendPicture() {
    await this.#pc?.getTransceivers().find((one) => one.receiver.track.kind === "video")?.sender.replaceTrack(this.#picture);
    this.#changed();
  }

  /** @param {string} reason */
  #close(reason) {
    if (this.#over) return;
    this.#over = true;
    clearTimeout(this.#shaky);
    this.view = { ...this.view, state: "ended", reason };
    this.#closeCamera();
    this.#voice?.stop();
    this.#pc?.close();
    this.#socket?.close();
    this.chat.close();
    forget();
    this.#changed();
  }

  #changed() {
    this.dispatchEvent(new Event("change"));
  }
}
