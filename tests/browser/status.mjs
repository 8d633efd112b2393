/** What the console's headline says of a call, without a browser. Run by test_modules.py. */

import assert from "node:assert/strict";
import { test } from "node:test";

const { situation } = await import("./console/status.js");
const { ending, fault, TEXTS } = await import("./console/texts.js");

const on = { state: "on", sends: true, limits: null, outcome: "", reason: "", supported: true };
const off = { ...on, state: "off", sends: false };
const guest = { name: "guest-1", kind: "guest", state: "connected", sends: false, showing: "desk-1" };

/** The headline of a call that is connected on both sides, with what is another way. */
function head({ video = on, caller = {}, centre = {}, showing = "desk-1", parties = [], ...sight } = {}) {
  const sides = { state: "confirmed", audio: "PCMA/8000 sendrecv", video: "H264 42e01f mode 1 sendrecv" };
  const legs = [{ name: "caller", ...sides, ...caller }, { name: "centre", ...sides, video: "", ...centre }];
  const view = { state: "connected", end_reason: "", end_status: 0, video, legs, parties, showing };
  const camera = { state: "on", wanted: true, trouble: "" };
  const usual = { media: { state: "connected" }, party: "desk-1", camera, sharing: false, droppedBy: "", stopped: false };
  return situation({ view, gone: false, lost: false, picture: "", who: (name) => name, ...usual, ...sight }).head;
}

test("video flows", () => assert.equal(head(), "Video both ways"));

test("nothing has come yet, or it has stopped", () => {
  const video = { ...on, sends: false };
  assert.equal(head({ video }), "Waiting for the caller's video");
  assert.equal(head({ video, stopped: true }), "The caller's video has stopped");
});

test("paused is paused, whether it came before or not", () => {
  for (const direction of ["sendonly", "inactive"]) {
    const paused = { video: { ...on, sends: false }, caller: { video: `H264 42e01f mode 1 ${direction}` } };
    assert.equal(head(paused), "The caller has paused the video");
    assert.equal(head({ ...paused, stopped: true }), "The caller has paused the video");
  }
  assert.equal(head({ video: off, parties: [guest], stopped: true }), "The caller's browser sends no video now");
});

test("a hold is told by who holds", () => {
  const audio = (direction) => ({ audio: `PCMA/8000 ${direction}` });
  assert.equal(head({ caller: audio("recvonly"), centre: audio("sendonly") }), "The caller has put you on hold");
  assert.equal(head({ caller: audio("sendonly"), centre: audio("recvonly") }), "The caller is on hold");
  assert.equal(head({ caller: audio("inactive"), centre: audio("inactive") }), "The call is on hold");
  assert.equal(head({ video: off, caller: audio("sendonly (null address)") }), "The caller is on hold");
  assert.equal(head({ caller: { ...audio("inactive"), state: "ended" } }), "Video both ways");
});

test("the waiting picture is never called a slate", () => {
  for (const showing of ["slate", "none"]) assert.equal(head({ showing }), "The caller sees the waiting picture");
});

test("no words of the gateway's own reach people", () => {
  assert.equal(fault({ code: "brand-new", message: "desk-1 has no transport", status: 409 }), TEXTS.en["error.title"]);
  assert.equal(fault({ code: "no-picture", status: 415 }), TEXTS.en["error.no-picture.415"]);
  assert.equal(fault({ code: "bad-sdp", status: 400 }), TEXTS.en["error.bad-offer"]);
  assert.equal(ending("pbx: 486 Busy Here", 486), "The call was not connected (486).");
  assert.equal(ending("the caller hung up", 200), "The caller hung up.");
  assert.equal(ending("some new reason", 200), "");
});
