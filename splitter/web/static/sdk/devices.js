// @ts-check
/** A web caller's microphone and camera, and what its tab remembers of its call. */

import { SplitterError } from "./http.js";

const KEPT = "splitter-call"; // in the storage of this tab
const VOICE = { echoCancellation: true, noiseSuppression: true, autoGainControl: true };

/** Raises SplitterError: "denied", "no-microphone", "failed". @param {MediaTrackConstraints|true} [wanted] */
export async function openMicrophone(wanted) {
  try {
    const audio = wanted === undefined || wanted === true ? VOICE : wanted;
    return (await navigator.mediaDevices.getUserMedia({ audio })).getAudioTracks()[0];
  } catch (error) {
    throw new SplitterError(0, troubleOf(error, "no-microphone"), "the microphone cannot be used");
  }
}

/**
 * The camera that looks away from its user, upright where the page is; or why there is none.
 * @param {MediaTrackConstraints|true} [wanted]
 * @returns {Promise<{track: MediaStreamTrack|null, trouble: string}>}
 */
export async function openCamera(wanted) {
  const [width, height] = innerHeight > innerWidth ? [480, 640] : [640, 480];
  const usual = { width: { ideal: width }, height: { ideal: height }, frameRate: { ideal: 30 }, facingMode: { ideal: "environment" } };
  try {
    const video = wanted === undefined || wanted === true ? usual : wanted;
    return { track: (await navigator.mediaDevices.getUserMedia({ video })).getVideoTracks()[0], trouble: "" };
  } catch (error) {
    return { track: null, trouble: troubleOf(error, "no-camera") };
  }
}

/** @param {unknown} error @param {string} none */
function troubleOf(error, none) {
  const name = error instanceof Error ? error.name : "";
  return name === "NotAllowedError" ? "denied" : name === "NotFoundError" ? none : "failed";
}

/** @typedef {{call: string, token: string, url: string, relays?: RTCIceServer[]}} Kept */

/** Remember the call, for when this page is reloaded. @param {Kept} call */
export function keep(call) {
  try {
    sessionStorage.setItem(KEPT, JSON.stringify(call));
  } catch {
    // without storage a reload ends the call
  }
}

export function forget() {
  try {
    sessionStorage.removeItem(KEPT);
  } catch {
    // it was never there
  }
}

/** @returns {Kept|null} */
export function kept() {
  try {
    return JSON.parse(sessionStorage.getItem(KEPT) ?? "null");
  } catch {
    return null;
  }
}
