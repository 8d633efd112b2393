// @ts-check
/** What is written in the call, on the guest's page: a panel over the video. */

import { Chat } from "../sdk/chat.js";
import { SplitterError } from "../sdk/http.js";
import { text } from "./texts.js";

/** @typedef {import("../sdk/types.js").Gateway} Gateway */
/** @typedef {import("../sdk/chat.js").ChatMessage} ChatMessage */

const QUICK = ["yes", "no", "moment", "unseen"];
const byId = (/** @type {string} */ id) => /** @type {HTMLElement} */ (document.getElementById(id));

/** The panel, and how much of it was not read yet. Event: "change". */
export class ChatPanel extends EventTarget {
  #chat;
  #read = 0;
  #drawn = 0;
  /** What could not be sent, in a word; "" for nothing. */
  trouble = "";

  /** @param {Pick<Gateway, "request">} gateway @param {string} callId @param {"guest"|"expert"} kind */
  constructor(gateway, callId, kind) {
    super();
    this.kind = kind;
    this.#chat = new Chat(gateway, callId);
    this.#chat.addEventListener("messages", () => this.#changed());
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

  /** @param {number} count  of messages, as the gateway says */
  follow(count) {
    this.#chat.follow(count);
  }

  get unread() {
    return this.#chat.messages.filter((one) => one.number > this.#read && one.sender !== this.kind).length;
  }

  close() {
    this.#chat.close();
    this.#open(false);
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
      await this.#chat.write(words);
      this.trouble = "";
    } catch (error) {
      this.trouble = SplitterError.of(error).code === "too-many" ? "chat.too-many" : "chat.failed";
    }
    this.#changed();
    return !this.trouble;
  }

  #changed() {
    const { messages } = this.#chat, list = byId("chat-list");
    const fresh = messages.filter((one) => one.number > this.#drawn);
    for (const message of fresh) list.append(this.#item(message));
    this.#drawn = messages.at(-1)?.number ?? this.#drawn;
    if (!byId("chat").hidden) this.#read = this.#drawn;
    if (fresh.length || !byId("chat").hidden) byId("chat-log").scrollTop = list.scrollHeight;
    byId("chat-trouble").textContent = this.trouble && text(this.trouble);
    this.dispatchEvent(new Event("change"));
  }

  /** Text alone, whatever was written. @param {ChatMessage} message */
  #item({ sender, name, text: words }) {
    const [item, who, said] = ["li", "b", "span"].map((tag) => document.createElement(tag));
    who.textContent = sender === this.kind ? text("chat.own") : sender === "desk" ? text("who.host") : name || text(`who.${sender === "guest" ? "caller" : sender}`);
    said.textContent = words;
    item.dataset.own = String(sender === this.kind);
    item.append(who, said);
    return item;
  }
}
