/** A place in a call's video, without a browser: the transport is a fake, and so is the time. Run by test_modules.py. */

import assert from "node:assert/strict";
import { beforeEach, mock, test } from "node:test";

const { SplitterError } = await import("./sdk/http.js");
const { Place } = await import("./sdk/place.js");

/** @type {FakePeer} */
let peer;
/** What was asked of the gateway, such as "POST", and what it answers instead of what is usual. */
let asked, answers, desk, place;
let nowMs = 0;
let sleptMs = 0; // by the computer

Date.now = () => nowMs + sleptMs;

class FakePeer extends EventTarget {
  connectionState = "new";
  signalingState = "stable";
  iceGatheringState = "complete";
  sources = []; // of packets that came
  localDescription = { sdp: "a=ice-ufrag:mine\r\nm=video 9\r\n" };
  currentRemoteDescription = { sdp: "v=0\r\nm=video 9\r\na=ice-ufrag:old\r\n" };

  constructor() {
    super();
    peer = this;
  }

  addTransceiver() {
    const receiver = { getSynchronizationSources: () => this.sources };
    return { receiver, sender: { track: null, getParameters: () => ({ encodings: [] }), replaceTrack: async () => {} } };
  }

  async createOffer() {}
  async setLocalDescription() {}
  async setRemoteDescription() {}

  close() {
    this.connectionState = "closed";
  }

  /** The browser finds that it is so. */
  becomes(state) {
    this.connectionState = state;
    this.onconnectionstatechange();
  }
}

globalThis.RTCPeerConnection = FakePeer;
globalThis.MediaStream = class {
  getTracks = () => [];
};

const gateway = {
  url: new URL("https://gateway.example"),
  client: "tab",
  iceServers: [],
  async request(method, path) {
    asked.push(method);
    const answer = answers[method]?.shift();
    if (answer instanceof Promise) await answer;
    if (answer instanceof SplitterError) throw answer;
    if (method === "POST") return new Response("v=0", { status: 201, headers: { Location: `${path.split("?")[0]}/desk-1` } });
    return new Response(method === "PATCH" ? "a=ice-ufrag:new" : null, { status: method === "PATCH" ? 200 : 204 });
  },
};

/** Let so much time pass, and whatever waits for nothing but its turn. */
async function pass(ms = 0) {
  for (let rest = ms; rest >= 0; rest -= 100) {
    nowMs += Math.min(rest, 100);
    mock.timers.tick(Math.min(rest, 100));
    for (let turn = 0; turn < 20; turn++) await null;
  }
  // The body of a Response comes over the event loop.
  for (let turn = 0; turn < 5; turn++) await new Promise((done) => setImmediate(done));
}

async function joined() {
  place.join().catch(() => {});
  await pass();
  peer.becomes("connected");
  assert.equal(place.media.state, "connected");
}

beforeEach(() => {
  mock.timers.reset();
  sleptMs = 0;
  mock.timers.enable({ apis: ["setTimeout", "setInterval"] });
  [asked, answers, desk] = [[], {}, Object.assign(new EventTarget(), { track: null, sharing: false })];
  place = new Place(gateway, "7kq2", desk);
});

test("is joined under the name that the gateway gives", async () => {
  await joined();
  assert.deepEqual([asked, place.party, place.wanted], [["POST"], "desk-1", true]);
});

test("mends its transport a second after it was cut", async () => {
  await joined();
  peer.becomes("disconnected");
  assert.equal(place.media.state, "interrupted");
  await pass(900);
  assert.deepEqual(asked, ["POST"]);
  await pass(200);
  assert.deepEqual(asked, ["POST", "PATCH"]);
  peer.becomes("connected");
  await pass(20_000);
  assert.deepEqual([place.media.state, asked], ["connected", ["POST", "PATCH"]]);
});

test("makes it anew where mending does not help", async () => {
  await joined();
  const first = peer;
  peer.becomes("disconnected");
  await pass(9_500);
  assert.deepEqual([asked, place.media.state], [["POST", "PATCH", "POST"], "interrupted"]);
  assert.equal(first.connectionState, "closed");
});

test("that is mended while it stands is not joined anew", async () => {
  await joined();
  place.repair();
  await pass(20_000);
  assert.deepEqual([asked, place.media.state], [["POST", "PATCH"], "connected"]);
});

test("that was just cut and is not there any more was removed", async () => {
  await joined();
  answers.PATCH = [new SplitterError(404, "no-such-party", "")];
  peer.becomes("disconnected");
  await pass(20_000);
  assert.deepEqual([place.media.state, place.wanted, place.left, asked], ["removed", false, true, ["POST", "PATCH"]]);
});

test("that was gone when the computer woke up was given up, and is joined anew", async () => {
  await joined();
  answers.PATCH = [new SplitterError(404, "no-such-party", "")];
  peer.becomes("disconnected");
  sleptMs = 600_000; // no timer ran meanwhile
  await pass(1_500);
  assert.deepEqual([asked, place.wanted], [["POST", "PATCH", "POST"], true]);
});

test("tries again what passes, later each time", async () => {
  answers.POST = [503, 429, 0].map((status) => new SplitterError(status, "overloaded", ""));
  place.join().catch(() => {});
  await pass(300);
  const before = asked.length;
  await pass(6_000);
  assert.deepEqual([before <= 2, asked.length, place.media.state], [true, 4, "interrupted"]);
});

test("says what will not pass, once", async () => {
  answers.POST = [new SplitterError(409, "full", "too many")];
  await assert.rejects(place.join(), { code: "full" });
  await pass(20_000);
  assert.deepEqual(place.media, { state: "failed", code: "full", message: "too many", status: 409 });
  assert.deepEqual([asked, place.wanted], [["POST"], false]);
});

test("that is left before it is entered is given back", async () => {
  let answer;
  answers.POST = [new Promise((done) => (answer = done))];
  place.join().catch(() => {});
  await pass();
  place.leave();
  answer();
  await pass();
  assert.deepEqual([asked, place.media.state], [["POST", "DELETE"], "out"]);
});

test("that the gateway no longer lists was removed", async () => {
  await joined();
  place.listed(true);
  place.listed(false);
  assert.equal(place.media.state, "removed");
});

test("tells once when what flowed stands still, long before the browser finds the path dead", async () => {
  await joined();
  let still = 0;
  place.addEventListener("still", () => still++);
  await pass(5_000);
  assert.equal(still, 0, "nothing has flowed yet");
  for (let turn = 0; turn < 10; turn++) {
    peer.sources = [{ timestamp: nowMs }];
    await pass(500);
  }
  assert.equal(still, 0);
  await pass(2_000);
  assert.equal(still, 1);
  await pass(20_000);
  assert.equal(still, 1);
  peer.sources = [{ timestamp: nowMs }];
  await pass(3_000);
  assert.equal(still, 2, "it had flowed again");
  assert.equal(place.media.state, "connected", "whether the path is dead, others find out");
});

test("looks no longer once it is left", async () => {
  await joined();
  let still = 0;
  place.addEventListener("still", () => still++);
  peer.sources = [{ timestamp: nowMs }];
  await pass(600);
  place.close();
  await pass(5_000);
  assert.equal(still, 0);
});
