// @ts-check
/** What can be told beside the video: messages, where one is, and at the end how it was. */

import { Chat } from "../sdk/chat.js";
import { ChatPanel } from "./chat.js";
import { PhotoSender } from "./photo.js";
import { Rating } from "./rating.js";
import { text } from "./texts.js";
import { Whereabouts } from "./whereabouts.js";

/** @typedef {import("../sdk/types.js").Gateway} Gateway */

const byId = (/** @type {string} */ id) => /** @type {HTMLElement} */ (document.getElementById(id));

/** Event: "change". */
export class Besides extends EventTarget {
  #chat;
  #panel;
  #where;
  #rating;
  #photo;
  #entered = false;

  /** @param {Pick<Gateway, "request">} gateway @param {string} callId @param {"guest"|"expert"} kind @param {{rating: boolean, files?: string[]}} page */
  constructor(gateway, callId, kind, page) {
    super();
    this.#chat = new Chat(gateway, callId);
    this.#panel = new ChatPanel(kind, text);
    this.#panel.take(this.#chat);
    this.#where = kind === "guest" ? new Whereabouts(gateway, callId) : null;
    this.#rating = kind === "guest" && page.rating ? new Rating(gateway, callId) : null;
    this.#photo = kind === "guest" ? new PhotoSender(gateway, callId, page.files ?? ["photo"]) : null;
    for (const one of [this.#panel, this.#where, this.#photo]) one?.addEventListener("change", () => this.dispatchEvent(new Event("change")));
    byId("locate").addEventListener("click", () => this.#where?.toggle());
  }

  /** The gateway has let this browser in. @param {number} messages  so many were written */
  follow(messages) {
    this.#entered = true;
    this.#chat.follow(messages);
  }

  /** The video is over, or goes on without this page. */
  rest() {
    this.#where?.stop();
    byId("chat").hidden = true;
  }

  /** @param {boolean} inside  in the video @param {boolean} over  and no longer, by its user's wish or since the call is over */
  draw(inside, over) {
    const { unread } = this.#panel, where = this.#where;
    button("talk", inside ? text("chat") + (unread ? ` (${unread})` : "") : "");
    byId("talk").classList.toggle("unread", unread > 0);
    button("locate", inside && where ? text(where.sharing ? "location.stop" : "location") : "");
    byId("locate").setAttribute("aria-pressed", String(where?.sharing ?? false));
    button("photo", inside && this.#photo?.label ? text(this.#photo.label) : "");
    byId("photo").toggleAttribute("disabled", this.#photo?.sending ?? false);
    const notes = inside ? [where?.trouble || (where?.sharing ? "location.shared" : ""), this.#photo?.state ?? ""].filter(Boolean) : [];
    say("note", notes.map((note) => text(note)).join(" "));
    byId("note").hidden = !notes.length;
    this.#rating?.draw(over && this.#entered);
  }
}

/** @param {string} id @param {string} words */
export function say(id, words) {
  // What has not changed is not said again to those who have the page read out.
  if (byId(id).textContent !== words) byId(id).textContent = words;
}

/** @param {string} id @param {string} words  none: it is not there @param {boolean} [pressed] */
export function button(id, words, pressed) {
  byId(id).hidden = !words;
  say(id, words);
  if (pressed !== undefined) byId(id).setAttribute("aria-pressed", String(pressed));
}
