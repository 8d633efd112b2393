// @ts-check
/** Whether a call from this browser would find a way, asked before it begins. Loaded by `checkPath` of caller.js. */

import { pathOf } from "./finding.js";
import { Http, ignore, SplitterError } from "./http.js";

/** @typedef {import("./types.js").PathFound} PathFound */

const CHECKS = "/v1/web/path-checks";
const RELAY_AFTER_MS = 4_000; // as in a call

/** @param {{token?: string, url?: string|URL}} options @returns {Promise<PathFound>} */
export async function checkCallersPath({ token = "", url }) {
  const http = new Http(new URL(url ?? new URL("/", import.meta.url)));
  http.token = token;
  const first = await check(http, []);
  if (first.found.works || !first.relays.length) return first.found;
  const second = await check(http, first.relays);
  return second.found.works ? second.found : first.found;
}

/** Connect for a moment, as in a call, and without a microphone. @param {Http} http @param {RTCIceServer[]} iceServers */
async function check(http, iceServers) {
  if (typeof globalThis.RTCPeerConnection?.prototype?.addTransceiver !== "function")
    throw new SplitterError(0, "no-webrtc", "this browser has no WebRTC: use Chrome, Edge, Safari or Firefox");
  const pc = new RTCPeerConnection({ bundlePolicy: "max-bundle", iceServers });
  let made = "";
  try {
    pc.addTransceiver("video", { direction: "sendrecv" });
    await pc.setLocalDescription(await pc.createOffer());
    const begun = await (await http.request("POST", CHECKS, { json: { sdp: pc.localDescription?.sdp } })).json();
    made = `${CHECKS}/${begun.check}`;
    await pc.setRemoteDescription({ type: "answer", sdp: begun.answer });
    const relays = /** @type {RTCIceServer[]} */ (begun.ice_servers);
    return { found: await pathOf(pc, relays.length && !iceServers.length ? RELAY_AFTER_MS : undefined), relays };
  } finally {
    pc.close();
    if (made) http.request("DELETE", made).catch(ignore);
  }
}
