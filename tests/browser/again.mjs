// What is asked for again, and when, where the gateway does not answer. Run by test_modules.py.
import assert from "node:assert/strict";
import { mock, test } from "node:test";

mock.timers.enable({ apis: ["setTimeout"] });
const { Chat } = await import("./sdk/chat.js");
const { followPhotos } = await import("./console/photos.js");
const { SplitterError } = await import("./sdk/http.js");
const settled = () => new Promise((done) => setImmediate(done));

for (const [status, code] of [[0, "unreachable"], [503, "node-away"], [429, "too-many"]])
  test(`messages that cannot be read now (${code}) are asked for again after a while, and once`, async () => {
    let asked = 0;
    let fails = true;
    const request = async () => {
      asked++;
      if (asked > 50) return { json: async () => ({ messages: [] }) }; // an end, for a loop without one
      if (fails) throw new SplitterError(status, code, "not now");
      return { json: async () => ({ messages: [{ number: 1, at: 1, sender: "desk", name: "501", text: "hello" }] }) };
    };
    const chat = new Chat({ request }, "call");
    chat.follow(1);
    await settled();
    assert.equal(asked, 1);
    fails = false;
    mock.timers.tick(2_000);
    await settled();
    assert.equal(asked, 2);
    assert.deepEqual(chat.messages.map((one) => one.text), ["hello"]);
  });

test("a photo that cannot be fetched now is fetched later, and one that is gone is not", async () => {
  const [asked, kept] = [[], []];
  const photo = async (number) => {
    asked.push(number);
    if (number === 2) throw new SplitterError(404, "no-such-photo", "gone");
    if (asked.length === 1) throw new SplitterError(0, "unreachable", "not now");
    return { number, blob: { type: "image/jpeg" } };
  };
  await followPhotos({ call: { view: { photos: 2 }, photo }, keep: (one) => kept.push(one.number) }, () => {});
  assert.deepEqual([asked, kept], [[1, 2], []]);
  mock.timers.tick(10_000);
  await settled();
  assert.deepEqual([asked, kept], [[1, 2, 1], [1]]);
});
