// @ts-check
/** By what a connection has found its way, or what a firewall would have to let through. */

/** @typedef {import("./types.js").PathFound} PathFound */

const LIMIT_MS = 8_000; // a path that is not found by then is closed by a firewall, as a rule

/**
 * Wait until a connection has a path, or has none.
 * @param {RTCPeerConnection} pc  that has its answer
 * @param {number} [limitMs]
 * @returns {Promise<PathFound>}
 */
export async function pathOf(pc, limitMs = LIMIT_MS) {
  if (await connected(pc, limitMs)) return { works: true, by: await kindOf(pc), needs: [] };
  return { works: false, by: "", needs: needsOf(pc.remoteDescription?.sdp ?? "") };
}

/** What a firewall would have to let through: "UDP 192.0.2.10 (port 31002)". @param {string} sdp */
export function needsOf(sdp) {
  const lines = sdp.match(/^a=candidate:.*$/gm) ?? [];
  return lines.map((line) => line.split(" ")).map(([, , transport, , host, port]) => `${transport.toUpperCase()} ${host} (port ${port})`);
}

/** @param {RTCPeerConnection} pc @param {number} limitMs @returns {Promise<boolean>} */
function connected(pc, limitMs) {
  if (pc.connectionState === "connected") return Promise.resolve(true);
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(false), limitMs);
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
