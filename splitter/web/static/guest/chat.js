// @ts-check
/** What is written in the call, on the page of a guest or of a web caller: a panel over the video. */

import { SplitterError } from "../sdk/http.js";

/** @typedef {import("../sdk/chat.js").Chat} Chat */
/** @typedef {import("../sdk/chat.js").ChatMessage} ChatMessage */

const QUICK = ["yes", "no", "moment", "unseen"];
const byId = (/** @type {string} */ id) => /** @type {HTMLElement} */ (document.getElementById(id));

/** What people call who has written a message. @param {Pick<ChatMessage, "sender"|"name">} message @param {string} kind  of this side @param {(key: string) => string} text */
export function writer({ sender, name }, kind, text) {
  if (sender === kind) return text("chat.own");
  if (sender === "desk") return text("who.host");
  return name || text(sender === "guest" && kind !== "caller" ? "who.caller" : `who.${sender}`);
}

/** The panel, and how much of it was not read yet. Event: "change". */
export class ChatPanel extends EventTarget {
  /** @type {Chat|null} */
  #chat = null;
  #text;
  #read = 0;
  #drawn = 0;
  /** What could not be sent, in a word; "" for nothing. */
  trouble = "";

  /** @param {"caller"|"guest"|"expert"} kind  of this side @param {(key: string) => string} text  the words of the page */
  constructor(kind, text) {
    super();
    this.kind = kind;
    this.#text = text;
    byId("talk").addEventListener("click", () => this.#open(byId("chat").hidden));
    byId("chat-close").addEventListener("click", () => this.#open(false));
    byId("chat").addEventListener("keydown", (event) => event.key === "Escape" && this.#open(false));
    byId("chat-form").addEventListener("submit", (event) => this.#submit(event));
    for (const name of QUICK) {
      const [item, button] = [document.createElement("li"), document.createElement("button")];
      button.type = "button";
      button.textContent = text(`quick.${name}`);
      button.addEventListener("click", () => this.#write(text(`quick.${name}`)));
      item.append(button);
      byId("chat-quick").append(item);
    }
    const field = /** @type {HTMLInputElement} */ (byId("chat-text"));
    field.placeholder = text("chat.write");
    field.setAttribute("aria-label", text("chat.write"));
    for (const [id, key] of [["chat-title", "chat"], ["chat-send", "chat.send"], ["chat-close", "chat.close"]]) byId(id).textContent = text(key);
  }

  /** Show the messages of this call from now on. @param {Chat} chat */
  take(chat) {
    this.#chat = chat;
    this.#read = this.#drawn = 0;
    this.trouble = "";
    byId("chat-list").replaceChildren();
    chat.addEventListener("messages", () => chat === this.#chat && this.#changed());
    this.#changed();
  }

  get unread() {
    return (this.#chat?.messages ?? []).filter((one) => one.number > this.#read && one.sender !== this.kind).length;
  }

  close() {
    if (!byId("chat").hidden) this.#open(false);
  }

  /** @param {boolean} open */
  #open(open) {
    const was = !byId("chat").hidden;
    byId("chat").hidden = !open;
    byId("talk").setAttribute("aria-expanded", String(open));
    if (open) byId("chat-text").focus();
    else if (was) byId("talk").focus();
    this.#changed();
  }

  /** @param {Event} event */
  async #submit(event) {
    event.preventDefault();
    const field = /** @type {HTMLInputElement} */ (byId("chat-text"));
    const words = field.value.trim();
    if (words && (await this.#write(words)) && field.value.trim() === words) field.value = "";
  }

  /** @param {string} words @returns {Promise<boolean>} */
  async #write(words) {
    try {
      await this.#chat?.write(words);
      this.trouble = "";
    } catch (error) {
      this.trouble = SplitterError.of(error).code === "too-many" ? "chat.too-many" : "chat.failed";
    }
    this.#changed();
    return !this.trouble;
  }

  #changed() {
    const messages = this.#chat?.messages ?? [], list = byId("chat-list");
    const fresh = messages.filter((one) => one.number > this.#drawn);
    for (const message of fresh) list.append(this.#item(message));
    this.#drawn = messages.at(-1)?.number ?? this.#drawn;
    if (!byId("chat").hidden) this.#read = this.#drawn;
    if (fresh.length || !byId("chat").hidden) byId("chat-log").scrollTop = list.scrollHeight;
    byId("chat-trouble").textContent = this.trouble && this.#text(this.trouble);
    this.dispatchEvent(new Event("change"));
  }

  /** Text alone, whatever was written. @param {ChatMessage} message */
  #item({ sender, name, text: words }) {
    const [item, who, said] = ["li", "b", "span"].map((tag) => document.createElement(tag));
    who.textContent = writer({ sender, name }, this.kind, this.#text);
    said.textContent = words;
    item.dataset.own = String(sender === this.kind);
    item.append(who, said);
    return item;
  }
}
