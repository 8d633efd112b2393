/** What covers the large video of the console, without a browser. Run by test_modules.py. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

const { coverOf } = await import("./console/cover.js");

const guest = { name: "guest-1", kind: "guest", state: "connected", sends: false, showing: "desk-1" };

/** The cover over the caller of a call whose phone sends video, with what is another way. */
function cover({ video = {}, direction = "sendrecv", media = "connected", parties = [], main = "caller", comes = true } = {}) {
  const legs = [{ name: "caller", state: "confirmed", audio: "PCMA/8000 sendrecv", video: `H264 42e01f mode 1 ${direction}` }];
  const view = { state: "connected", video: { state: "on", sends: true, ...video }, legs, parties };
  const { kind, text } = coverOf({ view, media: { state: media }, main: { name: main, sends: comes }, comes });
  return `${kind} ${text}`.trim();
}

test("nothing covers a picture that comes", () => {
  assert.equal(cover(), "none");
  assert.equal(cover({ video: { state: "off", sends: false }, parties: [{ ...guest, sends: true }] }), "none");
  assert.equal(cover({ main: "desk-2" }), "none");
});

test("paused is paused, by whichever camera", () => {
  for (const direction of ["sendonly", "inactive"]) assert.equal(cover({ video: { sends: false }, direction }), "full Paused by the caller");
  const own = { video: { state: "off", sends: false }, parties: [{ ...guest, camera: "paused" }] };
  assert.equal(cover(own), "full Paused by the caller");
  assert.equal(cover({ video: { sends: false } }), "full No video");
});

test("the waiting picture never shines through", () => {
  assert.equal(cover({ media: "interrupted" }), "over Disconnected", "the last picture of the caller does");
  assert.equal(cover({ media: "interrupted", video: { sends: false } }), "full Disconnected");
  assert.equal(cover({ media: "interrupted", video: { state: "off", sends: false } }), "full Disconnected");
  assert.equal(cover({ media: "interrupted", main: "desk-2", comes: false }), "full Disconnected");
  for (const state of ["asking", "off"]) assert.match(cover({ video: { state, sends: false } }), /^full /);
});

test("a full cover can be seen through nowhere", () => {
  const rule = readFileSync("./console/console.css", "utf8").match(/^\.cover \{.*$/m)[0];
  assert.match(rule, /position: absolute; inset: 0;/);
  assert.match(rule, /background: #[0-9a-f]{6};/, "opaque");
  assert.doesNotMatch(rule, /opacity/);
});
