// What is said of the way that pictures would take. Run by test_modules.py.
import assert from "node:assert/strict";
import { test } from "node:test";

const { checkPath } = await import("./sdk/path.js");

const PAIRS = [
  ["L1", { type: "local-candidate", candidateType: "host", protocol: "tcp" }],
  ["L2", { type: "local-candidate", candidateType: "host", protocol: "udp" }],
  ["P1", { type: "candidate-pair", nominated: true, state: "succeeded", localCandidateId: "L1" }],
  ["P2", { type: "candidate-pair", nominated: true, state: "succeeded", localCandidateId: "L2" }],
];

/** @param {[string, object][]} stats */
async function found(stats) {
  globalThis.RTCPeerConnection = class {
    connectionState = "new";
    addTransceiver() { return {}; }
    async createOffer() { return { type: "offer", sdp: "v=0" }; }
    async setLocalDescription(one) { this.localDescription = one; }
    async setRemoteDescription() { setImmediate(() => { this.connectionState = "connected"; this.onconnectionstatechange?.(); }); }
    async getStats() { return new Map(stats.map(([id, one]) => [id, { id, ...one }])); }
    close() {}
  };
  const headers = { get: () => "/v1/path-checks/1" };
  const gateway = { url: new URL("https://gateway.example/"), iceServers: [], request: async () => ({ headers, text: async () => "v=0" }) };
  return checkPath(gateway);
}

test("of two pairs that were nominated one after the other, the one in use counts", async () => {
  const transport = (/** @type {string} */ pair) => ["T", { type: "transport", selectedCandidatePairId: pair }];
  assert.deepEqual(await found([...PAIRS, transport("P2")]), { works: true, by: "udp", needs: [] });
  assert.deepEqual(await found([...PAIRS, transport("P1")]), { works: true, by: "tcp", needs: [] });
});

test("where the browser does not tell of its transport, the pair that it has selected counts", async () => {
  const selected = PAIRS.map(([id, one]) => [id, { ...one, ...(id === "P2" && { selected: true }) }]);
  assert.equal((await found(selected)).by, "udp");
  assert.equal((await found(PAIRS.slice(0, 3))).by, "tcp");
});
