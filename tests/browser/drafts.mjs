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
