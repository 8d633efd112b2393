// @ts-check
/** What is written in the call: the messages, a line to write in, and answers that are written by one click. */

import { byId, fill, make, say } from "./elements.js";
import { t, timeOfDay } from "./texts.js";

/** @typedef {import("./entry.js").Entry} Entry */
/** @typedef {import("../sdk/chat.js").ChatMessage} ChatMessage */

const QUICK = ["still", "light", "closer", "thanks"];
/** @typedef {(entry: Entry, text: string) => Promise<boolean>} Write */
/** @type {Write} */
let write = async () => false;
/** @type {Entry|null} the call whose messages are shown */
let shown = null;
/** @type {WeakMap<Entry, string>} what was begun for other calls: nobody is sent what was meant for somebody else */
const drafts = new WeakMap();

/** @param {Write} how  raises nothing; false where it could not be written */
export function setUpChat(how) {
  write = how;
  byId("chat-form").addEventListener("submit", async (/** @type {Event} */ event) => {
    event.preventDefault();
    const [field, entry] = [byId("chat-text"), shown];
    const text = field.value.trim();
    if (!text || !entry) return;
    field.value = "";
    if (await write(entry, text)) return;
    if (entry !== shown) drafts.set(entry, text);
    else if (!field.value) field.value = text;
  });
}

/** @param {Entry} entry */
function show(entry) {
  if (entry === shown) return;
  const field = byId("chat-text");
  if (shown) drafts.set(shown, field.value);
  field.value = drafts.get(entry) ?? "";
  shown = entry;
}

/** @param {Entry} entry @param {string} own  this desk's extension */
export function renderChat(entry, own) {
  show(entry);
  const { view, chat } = entry.call;
  const there = view.parties.some((party) => ["guest", "expert"].includes(party.kind) && party.state !== "left");
  const open = (there || view.web === true) && !entry.over;
  byId("chat-part").hidden = !open && !chat.messages.length;
  byId("chat-form").hidden = byId("chat-quick").hidden = !open;
  byId("chat-text").placeholder = t("chat.write");
  byId("chat-text").setAttribute("aria-label", t("chat.write"));
  say(byId("chat-send"), t("chat.send"));
  const list = byId("chat");
  const [last] = [chat.messages.at(-1)?.number];
  fill(list, [entry.id, last, own], () => chat.messages.map((message) => item(message, own)));
  if (list.dataset.last !== String(last)) byId("chat-log").scrollTop = list.scrollHeight;
  list.dataset.last = String(last);
  fill(byId("chat-quick"), [entry.id], () =>
    QUICK.map((name) => {
      const text = t(`chat.quick.${name}`);
      return make("li", {}, make("button", { type: "button", "data-key": name, text, onclick: () => write(entry, text) }));
    }),
  );
}

/** @param {ChatMessage} message @param {string} own */
function item({ at, sender, name, text }, own) {
  const mine = sender === "desk" && name === own;
  const who = mine ? t("party.you") : sender === "desk" ? t("party.desk", { extension: name }) : name || t(`chat.from.${sender}`);
  return make("li", { "data-sender": sender }, make("time", { text: timeOfDay(at) }), make("b", { text: who }), make("span", { text }));
}
