/** What an agent writes in the console, and to whom. A page of as much as that needs. Run by test_modules.py. */

import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

class FakeElement extends EventTarget {
  dataset = {};
  value = "";
  textContent = "";
  children = [];
  setAttribute() {}
  append(...children) {
    this.children.push(...children);
  }
  replaceChildren(...children) {
    this.children = children;
  }
  contains = () => false;
}
const elements = new Map();
globalThis.document = {
  documentElement: { lang: "en" },
  createElement: () => new FakeElement(),
  getElementById: (id) => elements.get(id) ?? elements.set(id, new FakeElement()).get(id),
};

const { renderChat, setUpChat } = await import("./console/chat.js");
const [field, form] = ["chat-text", "chat-form"].map((id) => document.getElementById(id));
const settled = () => new Promise((done) => setImmediate(done));
const parties = [{ kind: "guest", state: "connected" }];
const entry = (id) => ({ id, over: false, call: { view: { parties }, chat: { messages: [] } } });

let [written, works] = [[], true];
setUpChat(async (to, text) => works && written.push([to.id, text]) > 0);
beforeEach(() => ([written, works] = [[], true]));

/** Written and sent. @param {string} text */
function send(text) {
  field.value = text;
  form.dispatchEvent(new Event("submit"));
}

test("what was begun for one caller is not sent to another", async () => {
  const [first, second] = [entry("first"), entry("second")];
  renderChat(first, "501");
  field.value = "Your PIN is";
  renderChat(second, "501");
  assert.equal(field.value, "");
  send("hello");
  renderChat(first, "501");
  assert.equal(field.value, "Your PIN is");
  form.dispatchEvent(new Event("submit"));
  await settled();
  assert.deepEqual(written, [["second", "hello"], ["first", "Your PIN is"]]);
});

test("what could not be sent stands there again", async () => {
  works = false;
  renderChat(entry("third"), "501");
  send("hello");
  await settled();
  assert.equal(field.value, "hello");
});

test("more screenshots than the gateway has of a call do not keep its note from being saved", async () => {
  const { keepable, renderWrapUp, setUpWrapUp } = await import("./console/wrapup.js");
  const stills = Array.from({ length: 25 }, (_, at) => ({ at, url: `blob:${at}`, number: at + 1 }));
  const draft = { note: "water main", disposition: "", without: new Set([24]) };
  let [saved, done] = [null, false];
  const splitter = { owns: () => true, me: { dispositions: [] }, wrapUp: async (id, words) => (saved = words) };
  const over = { id: "call", stills: [...stills, { at: 99, url: "blob:photo", number: 0 }], draft, call: { splitter, view: { answered_at: 1 } } };
  assert.equal(keepable(over).length, 20);
  setUpWrapUp(() => (done = true));
  renderWrapUp(splitter, over);
  document.getElementById("summary-done").dispatchEvent(new Event("click"));
  await settled();
  assert.deepEqual(saved.screenshots, stills.slice(5).map((one) => one.number).filter((number) => number !== 24));
  assert.equal(saved.note, "water main");
  assert.ok(done);
});
