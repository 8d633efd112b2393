// @ts-check
/** Everybody in the video, for an expert: a tile for each; a tap makes one large. */

import { ignore } from "../sdk/http.js";
import { play } from "../sdk/playback.js";
import { text } from "./texts.js";

/** @typedef {import("../sdk/http.js").Http} Http */
/** @typedef {import("../sdk/place.js").Place} Place */
/** @typedef {{name: string, kind: "caller"|"host"|"desk"|"guest"|"expert"|"phone", title: string, sends: boolean}} Source */

const LOOK_EVERY_MS = 2_000; // there is no event socket here

export class Others {
  #gateway;
  #place;
  #path;
  #strip;
  #large;
  /** @type {Source[]} */
  #sources = [];
  #showing = "none";
  #chosen = "caller";
  /** @type {Map<string, HTMLButtonElement>} */
  #tiles = new Map();
  /** @type {number|undefined} */
  #timer;

  /**
   * @param {Http} gateway @param {Place} place @param {string} callId
   * @param {HTMLElement} strip @param {HTMLVideoElement} large  where one is seen large
   */
  constructor(gateway, place, callId, strip, large) {
    this.#gateway = gateway;
    this.#place = place;
    this.#path = `/v1/calls/${encodeURIComponent(callId)}/parties`;
    this.#strip = strip;
    this.#large = large;
    place.addEventListener("streams", () => this.#draw());
    place.addEventListener("admitted", () => this.#look());
  }

  async #look() {
    clearTimeout(this.#timer);
    const { party, wanted } = this.#place;
    if (!wanted) return this.#leave();
    await this.#ask(party).catch(ignore);
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#look(), LOOK_EVERY_MS);
  }

  /** @param {string} party */
  async #ask(party) {
    if (!party) return;
    const path = `${this.#path}/${encodeURIComponent(party)}/streams`;
    const { sources, showing } = await (await this.#gateway.request("GET", path)).json();
    this.#sources = sources;
    this.#showing = showing;
    const seen = (/** @type {Source} */ one) => one.sends || this.#place.streams.has(one.name);
    this.#place.watch(this.#sources.filter((one) => one.name !== showing && seen(one)).map((one) => one.name));
    this.#draw();
  }

  #leave() {
    this.#sources = [];
    this.#chosen = "caller";
    this.#draw();
  }

  /** @param {string} name */
  #streamOf(name) {
    const { remoteStream, streams } = this.#place;
    return name === this.#showing ? remoteStream : (streams.get(name) ?? (name === "caller" ? remoteStream : null));
  }

  #draw() {
    const shown = this.#sources.filter((one) => one.name === "caller" || (one.sends && this.#streamOf(one.name)));
    if (!shown.some((one) => one.name === this.#chosen)) this.#chosen = "caller";
    for (const [name, tile] of this.#tiles) {
      if (shown.some((one) => one.name === name)) continue;
      tile.parentElement?.remove();
      this.#tiles.delete(name);
    }
    for (const source of shown) this.#drawTile(source, this.#tiles.get(source.name) ?? this.#add(source));
    this.#strip.hidden = shown.length < 2;
    const stream = this.#streamOf(this.#chosen);
    if (stream && this.#large.srcObject !== stream) play(this.#large, stream);
  }

  /** @param {Source} source */
  #add({ name }) {
    const tile = document.createElement("button");
    tile.type = "button";
    tile.dataset.source = name;
    tile.append(document.createElement("video"), document.createElement("span"));
    tile.addEventListener("click", () => {
      this.#chosen = name;
      this.#draw();
    });
    const item = document.createElement("li");
    item.append(tile);
    this.#strip.append(item);
    this.#tiles.set(name, tile);
    return tile;
  }

  /** @param {Source} source @param {HTMLButtonElement} tile */
  #drawTile({ name, kind, title, sends }, tile) {
    const [video, words] = /** @type {[HTMLVideoElement, HTMLElement]} */ ([...tile.children]);
    const stream = this.#streamOf(name);
    if (stream && video.srcObject !== stream) play(video, stream);
    video.hidden = !sends;
    const number = /\d+$/.exec(name)?.[0] ?? "";
    words.textContent = title || `${text(`who.${kind}`)} ${kind === "caller" || kind === "host" ? "" : number}`.trim();
    tile.setAttribute("aria-pressed", String(name === this.#chosen));
  }
}
