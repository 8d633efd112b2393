// @ts-check
/** What a desk sends: its camera, or a screen, window or tab instead. */

import { ignore, SplitterError } from "./http.js";

/** @typedef {import("./types.js").Camera} Camera */
/** @typedef {import("./types.js").Limits} Limits */

/** @type {Limits} */
const WIDE = { width: 1280, height: 720, frame_rate: 30, bitrate_kbps: 2000 }; // any shape can be cut out of it

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
  /** @type {MediaStreamTrack|null} given by the page instead of a camera */
  #given = null;
  /** @type {((track: MediaStreamTrack) => MediaStreamTrack|Promise<MediaStreamTrack>)|null} */
  #processor = null;
  /** @type {MediaStreamTrack|null} what the processor has made of the camera's */
  #processed = null;
  /** @type {Map<object, Limits|null>} those that need a picture, and what they can take as far as that is known */
  #calls = new Map();
  #opening = 0;
  /** @type {Limits} */
  #limits = WIDE;
  #facing;
  #torch = false;

  /** @param {{facing?: ""|"environment"|"user"}} [options]  facing: of the camera that is opened first, where there are several */
  constructor({ facing = "" } = {}) {
    super();
    this.#facing = facing;
    /** @type {Camera} */
    this.camera = { wanted: true, state: "off", trouble: "", deviceId: "", label: "" };
    /** The own picture, for an element of the page: what is sent. The same object always. */
    this.preview = new MediaStream();
    this.#watchDevices();
  }

  /** What is sent: the screen while it is shared, else the camera; null for nothing. */
  get track() {
    return this.#screenTrack ?? this.#given ?? this.#processed ?? this.#cameraTrack;
  }

  /**
   * Send this track instead of the camera's, which is not opened then; null: the camera again. The page keeps the track:
   * it is not stopped here.
   * @param {MediaStreamTrack|null} track
   */
  async setSource(track) {
    if (track && track.kind !== "video") throw new SplitterError(0, "failed", "a source is a track of video");
    this.#given = track;
    track?.addEventListener("ended", () => this.#given === track && this.setSource(null));
    if (track) this.#stopCamera();
    this.#changed();
    await this.#adjust();
  }

  /**
   * Let what a camera shows go through this first: a background, a watermark, an avatar. It gets the camera's track each
   * time that one is opened, and gives back the one to send. Where it fails, the camera is off and in trouble: nothing is
   * sent that it was to hide. null: the camera as it is.
   * @param {((track: MediaStreamTrack) => MediaStreamTrack|Promise<MediaStreamTrack>)|null} processor
   */
  async setProcessor(processor) {
    this.#processor = processor;
    if (this.#cameraTrack || this.camera.state === "starting") this.#stopCamera();
    await this.#adjust();
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
    if (camera.trouble === "muted") this.#stopCamera(); // some systems never give it back: it is opened anew
    camera.trouble = "";
    await this.#adjust();
  }

  /** Which way the open camera looks, as far as the browser says. @returns {string} "user", "environment" or "" */
  get facing() {
    return this.#cameraTrack?.getSettings?.().facingMode ?? "";
  }

  /**
   * Turn the camera round: the front one instead of the rear one, or back, and never through every lens that looks the
   * same way. Where the browser does not say which way they look: the next one.
   */
  async turn() {
    const { facing } = this;
    this.#torch = false;
    if (facing) {
      this.#facing = facing === "user" ? "environment" : "user";
      this.camera.deviceId = "";
      this.#stopCamera();
      await this.setCamera(true);
      return;
    }
    const cameras = await this.cameras();
    const at = cameras.findIndex((one) => one.label === this.camera.label);
    const next = cameras[(at + 1) % cameras.length];
    if (next) await this.setCamera(next.deviceId);
  }

  /** Whether the open camera has a light; null where it has none. @returns {boolean|null} */
  get torch() {
    const found = /** @type {{torch?: boolean}|undefined} */ (this.#cameraTrack?.getCapabilities?.());
    return found?.torch ? this.#torch : null;
  }

  /** @param {boolean} on */
  async setTorch(on) {
    const track = this.#cameraTrack;
    this.#torch = on;
    await track?.applyConstraints(this.#cameraConstraints()).catch(() => this.#cameraTrack === track && (this.#torch = false));
    this.dispatchEvent(new Event("camera"));
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
    if (!camera.wanted || !this.#calls.size || this.#given) {
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
      const made = opening === this.#opening ? await this.#process(track) : track;
      if (opening !== this.#opening) {
        track.stop();
        made.stop();
        return;
      }
      this.#processed = made === track ? null : made;
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

  /** @param {MediaStreamTrack} track @returns {Promise<MediaStreamTrack>} */
  async #process(track) {
    if (!this.#processor) return track;
    try {
      return await this.#processor(track);
    } catch (error) {
      track.stop();
      throw new SplitterError(0, "failed", `the processor of the camera: ${error}`);
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
    this.#processed?.stop();
    this.#processed = null;
    this.#torch = false;
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
    const facing = this.#facing && !this.camera.deviceId ? { facingMode: { ideal: this.#facing } } : {};
    // Not yet in the types; each set of constraints stands for all, so that the light is in every one.
    const torch = this.#torch ? { advanced: [/** @type {MediaTrackConstraintSet} */ ({ torch: true })] } : {};
    return { width: { ideal: width }, height: { ideal: height }, frameRate: { ideal: rate, max: rate }, ...facing, ...torch };
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
export function troubleOf(error) {
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
