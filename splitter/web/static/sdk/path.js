// @ts-check
/** Whether pictures would find a way, asked before there is a call. */

import { pathOf } from "./finding.js";
import { ignore } from "./http.js";
import { troubleOf } from "./sources.js";
import { connection, preferH264 } from "./transport.js";

/** @typedef {import("./types.js").Gateway} Gateway */
/** @typedef {import("./types.js").PathFound} PathFound */

/**
 * Connect to the gateway for a moment, as in a call, and without a camera. Raises SplitterError where that cannot be
 * asked: "no-webrtc", "no-h264", "too-many", "no-media" …
 * @param {Gateway} gateway
 * @returns {Promise<PathFound>}
 */
export async function checkPath(gateway) {
  const pc = connection({ iceServers: gateway.iceServers, bundlePolicy: "max-bundle" });
  let made = "";
  try {
    preferH264(pc.addTransceiver("video", { direction: "sendrecv" }));
    await pc.setLocalDescription(await pc.createOffer());
    const body = pc.localDescription?.sdp ?? "";
    const response = await gateway.request("POST", "/v1/path-checks", { body, type: "application/sdp" });
    made = new URL(response.headers.get("Location") ?? "", gateway.url).pathname;
    await pc.setRemoteDescription({ type: "answer", sdp: await response.text() });
    return await pathOf(pc);
  } finally {
    pc.close();
    if (made) gateway.request("DELETE", made).catch(ignore);
  }
}

/**
 * Open a camera for a moment. `trouble` is that of `Camera`, "" where it works.
 * @returns {Promise<{trouble: string, label: string}>}
 */
export async function checkCamera() {
  if (!navigator.mediaDevices?.getUserMedia) return { trouble: "insecure-context", label: "" };
  try {
    const tracks = (await navigator.mediaDevices.getUserMedia({ video: true })).getVideoTracks();
    const { label } = tracks[0];
    for (const track of tracks) track.stop();
    return { trouble: "", label };
  } catch (error) {
    return { trouble: troubleOf(error), label: "" };
  }
}
