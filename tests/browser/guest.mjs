/** What the guest's page says of its video, without a browser. Run by test_modules.py. */

import assert from "node:assert/strict";
import { test } from "node:test";

Object.defineProperty(globalThis, "navigator", { value: { language: "en", onLine: true }, configurable: true });
const { standingOf, told } = await import("./guest/standing.js");
const { text } = await import("./guest/texts.js");
const { writer } = await import("./guest/chat.js");

const on = { wanted: true, state: "on", trouble: "" };
const trouble = (name) => ({ ...on, state: "trouble", trouble: name });
const mine = { name: "guest-1", state: "connected", receives: true, shown: "video" };
const call = { state: "connected", agent: "sends", parties: [mine] };

/** Where it stands when all is well, with what is another way. */
function standing(more = {}) {
  return standingOf({ connection: "connected", code: "", online: true, camera: on, call, own: mine, late: false, app: false, ...more });
}

test("green is for pictures that arrive, of a camera that is on, at somebody who looks", () => {
  assert.deepEqual(standing(), { status: "connected", tone: "good", trouble: "", sign: "" });
  const others = [
    { connection: "connecting" },
    { connection: "interrupted" },
    { online: false },
    { code: "no-path" },
    { code: "overload" },
    { camera: { ...on, wanted: false, state: "off" } },
    { camera: { ...on, state: "starting" } },
    { camera: trouble("muted") },
    { own: { ...mine, receives: false } },
    { own: { ...mine, receives: false }, late: true },
    { own: undefined },
    { call: null, own: undefined },
    { call: { ...call, agent: "away" } },
  ];
  const said = others.map((more) => standing(more));
  for (const [at, { tone }] of said.entries()) assert.notEqual(tone, "good", JSON.stringify(others[at]));
  const words = said.map(({ status }) => status);
  assert.equal(new Set(words).size, words.length - 2, `each has its own words: ${words}`); // nothing known is nothing that arrives
  for (const { status } of said) assert.notEqual(text(status), status, "it has words");
});

test("each trouble of the camera has words and a remedy", () => {
  const seen = new Set();
  for (const name of ["denied", "no-camera", "in-use", "unplugged", "muted", "insecure-context", "failed"]) {
    const key = standing({ camera: trouble(name) }).trouble;
    for (const part of ["title", "text"]) assert.notEqual(text(`${key}.${part}`), `${key}.${part}`);
    seen.add(text(`${key}.title`) + text(`${key}.text`));
  }
  assert.equal(seen.size, 7);
  assert.equal(standing({ camera: trouble("denied"), app: true }).trouble, "camera.in-app");
  assert.equal(standing({ camera: trouble("in-use"), app: true }).trouble, "camera.in-use", "a browser would not help");
});

test("an image that is shown instead of the agent has its sign, and so has a camera that is off", () => {
  assert.equal(standing({ own: { ...mine, shown: "image" } }).sign, "sign.image");
  const waiting = { ...mine, shown: "waiting" };
  assert.equal(standing({ own: waiting, call: { ...call, agent: "connected" } }).sign, "sign.paused");
  assert.equal(standing({ own: waiting, call: { ...call, agent: "away" } }).sign, "", "nobody is there to pause");
  assert.equal(standing({ connection: "interrupted", own: { ...mine, shown: "image" } }).sign, "");
});

test("desks are told why no picture comes", () => {
  assert.equal(told({ ...on, wanted: false, state: "off" }, false, false), "paused");
  assert.equal(told(on, true, false), "background");
  assert.equal(told(on, false, false), "on");
  assert.equal(told(trouble("denied"), false, false), "denied");
  assert.equal(told(trouble("denied"), false, true), "blocked");
  assert.equal(told(trouble("insecure-context"), false, false), "blocked");
});

test("whoever calls by a browser is no stranger to themselves in the messages", () => {
  const who = (kind, sender, name = "") => writer({ sender, name }, kind, text);
  for (const kind of ["caller", "guest", "expert"]) {
    assert.equal(who(kind, kind), "You");
    assert.equal(who(kind, "desk", "501"), "Agent");
  }
  assert.equal(who("expert", "guest"), "Caller");
  assert.equal(who("guest", "caller"), "Caller");
  assert.equal(who("caller", "guest"), "Caller's browser"); // of the same person
  assert.equal(who("caller", "expert", "Dr. Lin"), "Dr. Lin");
});
