// @ts-check
/**
 * The page of web callers: /call/#number=12345, as the embeddable button opens it. More behind "#": token= of a customer.
 * Nothing there begins a call: its user does. A reload comes back into the call.
 */

import { ChatPanel } from "../guest/chat.js";
import { call, checkPath, resume } from "../sdk/caller.js";
import { SplitterError } from "../sdk/http.js";
import { language, text } from "./texts.js";

/** @typedef {import("../sdk/caller.js").WebCall} WebCall */

const byId = (/** @type {string} */ id) => /** @type {HTMLElement} */ (document.getElementById(id));
const remote = /** @type {HTMLVideoElement} */ (byId("remote"));
const own = /** @type {HTMLVideoElement} */ (byId("own"));
const said = new URLSearchParams(location.hash.slice(1));
const KEYS = ["1", "2", "3", "4", "5", "6", "7", "8", "9", "*", "0", "#"];

class Page {
  /** @type {WebCall|null} */
  #call = null;
  #error = "";
  #busy = false;
  #path = ""; // what is known of the way before a call
  #panel = new ChatPanel("caller", text);

  constructor() {
    this.#panel.addEventListener("change", () => this.#drawTalk());
    byId("video").addEventListener("click", () => this.#begin(true));
    byId("voice").addEventListener("click", () => this.#begin(false));
    byId("yes").addEventListener("click", () => this.#call?.camera(true));
    byId("no").addEventListener("click", () => this.#call?.camera(false));
    byId("mute").addEventListener("click", () => this.#call?.mute(!this.#call.muted));
    byId("camera").addEventListener("click", () => this.#call?.camera(this.#call.view.camera !== "on"));
    byId("leave").addEventListener("click", () => this.#call?.hangUp());
    byId("keypad").addEventListener("click", () => {
      byId("keys").hidden = !byId("keys").hidden;
      byId("keypad").setAttribute("aria-expanded", String(!byId("keys").hidden));
    });
    for (const key of KEYS) {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = key;
      button.addEventListener("click", () => this.#call?.digits(key));
      byId("keys").append(button);
    }
  }

  async open() {
    document.documentElement.lang = language;
    document.title = byId("page").textContent = text("page");
    remote.setAttribute("aria-label", text("remote"));
    own.setAttribute("aria-label", text("own"));
    byId("keys").setAttribute("aria-label", text("keypad"));
    this.#draw();
    const before = await resume();
    if (before) this.#take(before);
    else if (said.get("number")) this.#check();
  }

  /** Would a call find a way? Said while there is time to change the network; the call does not wait for it. */
  async #check() {
    this.#path = "path.checking";
    this.#draw();
    const found = await checkPath({ token: said.get("token") ?? "" }).catch(() => null);
    this.#path = found ? (found.works ? "path.works" : "path.none") : "";
    this.#draw();
  }

  /** @param {boolean} video */
  async #begin(video) {
    if (this.#busy) return;
    this.#busy = true;
    this.#error = "";
    this.#call = null;
    this.#draw();
    try {
      this.#take(await call(said.get("number") ?? "", { video, token: said.get("token") ?? "" }));
    } catch (error) {
      this.#error = SplitterError.of(error).code;
    }
    this.#busy = false;
    this.#draw();
  }

  /** @param {WebCall} made */
  #take(made) {
    this.#call = made;
    remote.srcObject = made.remote;
    own.srcObject = made.own;
    made.addEventListener("change", () => this.#draw());
    this.#panel.take(made.chat);
    this.#draw();
  }

  /** The button of the messages; those are there as long as somebody is who reads them. */
  #drawTalk() {
    const { unread } = this.#panel;
    show("talk", this.#call?.view.state === "connected", text("chat") + (unread ? ` (${unread})` : ""));
    byId("talk").classList.toggle("unread", unread > 0);
  }

  /** Draw everything anew. */
  #draw() {
    const made = this.#call, view = made?.view;
    const live = view !== undefined && view.state !== "ended";
    const state = this.#busy ? "connecting" : view ? view.state : "start";
    const asked = live && view.camera === "asked";
    document.body.dataset.state = asked ? "asked" : state;
    this.#say(asked ? "asked" : state);
    const idle = !live && !this.#busy && said.has("number");
    show("video", idle, text(view ? "again" : "start.video"));
    show("voice", idle, text("start.voice"));
    show("yes", asked, text("yes"));
    show("no", asked, text("no"));
    show("mute", live, text(made?.muted ? "unmute" : "mute"));
    const on = view?.camera === "on";
    show("camera", live && view.state === "connected" && !asked, text(on ? "camera.off" : "camera.on"));
    show("keypad", live, text("keypad"));
    show("leave", live, text("leave"));
    if (!live) byId("keys").hidden = true;
    if (!live) this.#panel.close();
    this.#drawTalk();
    const path = state === "start" && !this.#error ? text(this.#path) : "";
    byId("path").hidden = !path;
    byId("path").textContent = path;
    own.hidden = !made?.own.getTracks().length;
    remote.hidden = !live; // else its last picture stays
    byId("recorded").hidden = !live || !view.recorded;
    byId("recorded").textContent = live && view.recorded ? text("recorded") : "";
    const status = !live ? "" : view.path === "lost" ? "lost" : view.held ? "held" : view.state === "connected" ? "connected" : "";
    byId("status").textContent = made?.trouble ? text(`trouble.${made.trouble}`) : text(status);
    document.body.dataset.tone = made?.trouble || status === "lost" ? "warn" : status === "connected" ? "good" : "";
  }

  /** @param {string} state */
  #say(state) {
    byId("words").hidden = state === "connected";
    let title = text(`${state}.title`, "calling.title"), more = text(`${state}.text`);
    if (state === "ended") more = text(`ended.${this.#call?.view.reason}`, "ended.hung-up");
    if (state === "start" && !said.get("number")) [title, more] = [text("no-number.title"), text("no-number.text")];
    if (this.#error) more = text(`error.${this.#error}`, "error.other");
    byId("title").textContent = title;
    byId("text").textContent = more;
  }
}

/** What a button says is what it does next. @param {string} id @param {boolean} shown @param {string} words */
function show(id, shown, words) {
  const button = byId(id);
  button.hidden = !shown;
  button.textContent = words;
}

new Page().open();
