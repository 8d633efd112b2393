// @ts-check
/** Whether pictures would find a way, asked before there is a call. */

import { ignore } from "./http.js";
import { troubleOf } from "./sources.js";
import { connection, needsOf, preferH264 } from "./transport.js";

/** @typedef {import("./types.js").Gateway} Gateway */
/** @typedef {import("./types.js").PathFound} PathFound */

const LIMIT_MS = 8_000; // a path that is not found by then is closed by a firewall, as a rule

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
    const sdp = await response.text();
    await pc.setRemoteDescription({ type: "answer", sdp });
    return (await connected(pc)) ? { works: true, by: await kindOf(pc), needs: [] } : { works: false, by: "", needs: needsOf(sdp) };
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

/** @param {RTCPeerConnection} pc @returns {Promise<boolean>} */
function connected(pc) {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(false), LIMIT_MS);
    pc.onconnectionstatechange = () => {
      if (pc.connectionState !== "connected" && pc.connectionState !== "failed") return;
      clearTimeout(timer);
      resolve(pc.connectionState === "connected");
    };
  });
}

/** By what the path leads that was found. @param {RTCPeerConnection} pc @returns {Promise<PathFound["by"]>} */
async function kindOf(pc) {
  const all = await pc.getStats();
  const local = all.get(pairOf([...all.values()])?.localCandidateId);
  if (local?.candidateType === "relay") return "relay";
  return local?.protocol === "tcp" ? "tcp" : "udp";
}

/**
 * The pair in use. Pairs that were nominated before another one stay so; `selected` is Firefox's, which has no transport.
 * @param {any[]} stats
 */
function pairOf(stats) {
  const used = stats.find((one) => one.type === "transport" && one.selectedCandidatePairId)?.selectedCandidatePairId;
  const pairs = stats.filter((one) => one.type === "candidate-pair" && one.nominated && one.state === "succeeded");
  return pairs.find((one) => one.id === used || one.selected) ?? pairs[0];
}
