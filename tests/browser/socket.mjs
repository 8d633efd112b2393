// The event socket of the SDK: from where it resumes, and on which gateway of a cluster.
import assert from "node:assert/strict";
import { beforeEach, mock, test } from "node:test";

mock.timers.enable({ apis: ["setTimeout", "Date"] });
Object.defineProperty(globalThis, "navigator", { value: { onLine: true }, configurable: true });
globalThis.addEventListener = () => {};
globalThis.document = { addEventListener() {}, visibilityState: "visible" };
globalThis.location = { origin: "http://a" };
globalThis.localStorage = globalThis.sessionStorage = { getItem: () => null, setItem() {} };
globalThis.MediaStream = class { getTracks = () => []; };
const mediaDevices = new EventTarget();
globalThis.navigator.mediaDevices = mediaDevices;

/** @type {FakeSocket[]} */
const opened = [];
const down = new Set();

class FakeSocket {
  constructor(url) {
    this.url = new URL(url);
    opened.push(this);
  }
  readyState = 1;
  sent = [];
  send(text) {
    this.sent.push(text);
  }
  close() {}
  say(...frames) {
    for (const frame of frames) this.onmessage({ data: JSON.stringify(frame) });
  }
  /** The cursor with which it resumes. */
  get after() {
    return this.url.searchParams.get("after");
  }
}
globalThis.WebSocket = FakeSocket;

const ME = { name: "2001", extension: "2001", scopes: ["desk"], expires_at: null };
globalThis.fetch = async (url) => {
  const { host } = new URL(url);
  if (down.has(host)) throw new TypeError("fetch failed");
  return new Response(JSON.stringify({ ...ME, gateways: [`http://${host === "a" ? "b" : "a"}`] }));
};

const { Splitter } = await import("./sdk/splitter.js");

const settled = async () => {
  for (let turn = 0; turn < 50; turn++) await Promise.resolve();
  await new Promise((resolve) => setImmediate(resolve));
};

/** Let time pass until there is one more socket. */
async function next(count) {
  for (let turn = 0; turn < 40 && opened.length < count; turn++) {
    mock.timers.tick(500);
    await settled();
  }
  return opened.at(-1);
}

const view = (showing = "slate") => ({ call_id: "c1", state: "connected", node: "a", extension: "", parties: [], legs: [], showing,
  video: { state: "off", limits: null } });
const hello = (resumed, after = "") => ({ type: "hello", epoch: "a.e1", resumed, after, seq: 0, me: ME });
const call = (stream, seq, showing) => ({ type: "call", stream, seq, at: 1, call: view(showing) });
const ready = (after) => ({ type: "ready", after, seq: 0 });

async function connected() {
  const splitter = new Splitter({ url: "http://a", client: "tab-1", autojoin: false });
  splitter.connect({ token: "t" });
  await settled();
  opened[0].say(hello(false), call("a.e1", 0), ready("a.e1:5,b.e1:2"));
  await settled();
  return splitter;
}

beforeEach(() => {
  opened.length = 0;
  down.clear();
});

test("it resumes with the last number of each stream", async () => {
  const splitter = await connected();
  assert.equal(opened[0].after, null);
  opened[0].say(call("a.e1", 6), { type: "notice", stream: "b.e1", seq: 3, at: 1, notice: { call_id: "c1", code: "x" } });
  opened[0].onclose({ code: 1006 });
  assert.equal((await next(2)).after, "a.e1:6,b.e1:3");
  splitter.close();
});

test("a ping moves it on, and never back", async () => {
  const splitter = await connected();
  opened[0].say(call("a.e1", 9), { type: "ping", seq: 0, after: "a.e1:8,b.e1:4" });
  opened[0].onclose({ code: 1006 });
  assert.equal((await next(2)).after, "a.e1:9,b.e1:4");
  splitter.close();
});

test("a snapshot that breaks off begins anew", async () => {
  const splitter = await connected();
  opened[0].onclose({ code: 1006 });
  (await next(2)).say(hello(false), call("a.e9", 0));
  opened[1].onclose({ code: 1006 });
  assert.equal((await next(3)).after, null);
  splitter.close();
});

test("a stream that is no more is left out", async () => {
  const splitter = await connected();
  opened[0].say(hello(false), ready("b.e1:2,a.e9:0"));
  opened[0].onclose({ code: 1006 });
  assert.equal((await next(2)).after, "b.e1:2,a.e9:0");
  splitter.close();
});

test("where its gateway is gone it goes on with another one at once", async () => {
  const splitter = await connected();
  const lost = [];
  splitter.addEventListener("call", ({ detail }) => detail.lost && lost.push(detail.call.id));
  down.add("a");
  opened[0].onclose({ code: 1006 });
  const other = await next(2);
  assert.equal(other.url.host, "b");
  assert.equal(other.after, "a.e1:5,b.e1:2");
  assert.equal(splitter.url.host, "b");
  other.say({ ...hello(true, other.after), epoch: "b.e1" }, call("a.e1", 6, "desk-1"), ready("b.e1:2,a.e1:6"));
  assert.equal(splitter.calls.get("c1").view.showing, "desk-1");
  assert.deepEqual(lost, []);
  splitter.close();
});

test("one that swallows everything is found out by a request that has no answer", async () => {
  const splitter = await connected();
  down.add("a");
  await assert.rejects(splitter.request("GET", "/v1/calls"));
  await settled();
  assert.equal((await next(2)).url.host, "b");
  splitter.close();
});

test("where something is doubted it says a word, to which a system that has only taken over the address objects", async () => {
  const splitter = await connected();
  splitter._doubt();
  await settled();
  assert.deepEqual([opened.length, opened[0].sent], [1, ["?"]], "the request was answered, by whomever");
  opened[0].onclose({ code: 1006 });
  await next(2);
  assert.equal(opened.length, 2);
  splitter.close();
});

test("silence is found out sooner where another gateway would do as well", async () => {
  const splitter = await connected();
  down.add("a");
  for (let turn = 0; turn < 21; turn++) {
    mock.timers.tick(1000);
    await settled();
  }
  assert.equal((await next(2)).url.host, "b");
  splitter.close();
});

test("where all are gone it waits, and tries each in turn", async () => {
  const splitter = await connected();
  down.add("a").add("b");
  opened[0].onclose({ code: 1006 });
  for (let turn = 0; turn < 6; turn++) {
    mock.timers.tick(1000);
    await settled();
  }
  assert.equal(splitter.connection.state, "waiting");
  assert.equal(opened.length, 1);
  down.delete("a");
  assert.equal((await next(2)).url.host, "a");
  splitter.close();
});
