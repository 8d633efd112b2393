// @ts-check
/** The strip: everybody in the video who is not seen large, each in a tile; a click, or Enter on it, makes one large. */

import { play } from "../sdk/splitter.js";
import { byId, icon, make, say } from "./elements.js";
import { partyName, sourceName } from "./entry.js";
import { t } from "./texts.js";

/** @typedef {import("./entry.js").Entry} Entry */
/** @typedef {import("../sdk/splitter.js").Person} Person */
/** @typedef {{item: HTMLElement, button: HTMLElement, video: HTMLVideoElement, name: HTMLElement, mark: HTMLElement}} Tile */

/** @type {Map<string, Tile>} by the name of who is in it */
const tiles = new Map();
let shown = ""; // the call that they are of

/** Whoever is seen large; the caller where that one has left. @param {Entry} entry @returns {Person} */
export function mainOf(entry) {
  const { people } = entry.call;
  return people.find((one) => one.name === entry.main && !one.own) ?? people[0];
}

/** Who is seen, or could be, beside the one who is seen large. @param {Entry} entry @returns {Person[]} */
function others(entry) {
  const main = mainOf(entry);
  return entry.call.people.filter((one) => !one.own && one.name !== main.name && (one.sends || one.name === "caller"));
}

/** Make the next one large. @param {Entry} entry */
export function enlargeNext(entry) {
  const all = entry.call.people.filter((one) => !one.own && (one.sends || one.name === "caller"));
  const at = all.findIndex((one) => one.name === mainOf(entry).name);
  enlarge(entry, all[(at + 1) % all.length]?.name ?? "caller");
}

/** @param {Entry} entry @param {string} name */
function enlarge(entry, name) {
  entry.main = name;
  entry.call.dispatchEvent(new Event("change"));
}

/** Tiles stay as long as who is in them, so that no video begins anew. @param {Entry} entry */
export function renderStrip(entry) {
  const strip = byId("strip");
  const wanted = entry.over || entry.call.media.state !== "connected" ? [] : others(entry);
  if (shown !== entry.id) clear();
  shown = entry.id;
  for (const [name, { item }] of tiles) {
    if (wanted.some((one) => one.name === name)) continue;
    const focused = item.contains(document.activeElement);
    item.remove();
    tiles.delete(name);
    if (focused) (strip.querySelector("button") ?? byId("full")).focus();
  }
  for (const person of wanted) draw(entry, person, tiles.get(person.name) ?? add(entry, person, strip));
  strip.hidden = wanted.length === 0;
  byId("stage").toggleAttribute("data-strip", wanted.length > 0);
}

/** @param {Entry} entry @param {Person} person @param {HTMLElement} strip @returns {Tile} */
function add(entry, person, strip) {
  const video = make("video", { muted: true, playsinline: true, autoplay: true, "aria-hidden": "true" });
  const name = make("span", { class: "name" });
  const mark = make("span", { class: "seen", role: "img", "aria-label": t("party.seen"), title: t("party.seen") }, icon("eye"));
  const button = make("button", { type: "button", "data-source": person.name, onclick: () => enlarge(entry, person.name) }, video, name, mark);
  const tile = { item: make("li", {}, button), button, video, name, mark };
  strip.append(tile.item);
  tiles.set(person.name, tile);
  return tile;
}

/** @param {Entry} entry @param {Person} person @param {Tile} tile */
function draw(entry, person, { button, video, name, mark }) {
  const who = partyName(entry.call, person.name);
  const stream = entry.call.streamOf(person.name);
  if (stream && video.srcObject !== stream) play(video, stream);
  video.hidden = !stream || !person.sends;
  say(name, person.name === "caller" ? t("strip.caller") : who);
  mark.hidden = entry.call.showing !== person.name;
  const label = t("strip.enlarge", { who: sourceName(entry.call, person.name)() });
  button.setAttribute("aria-label", label);
  button.title = label;
}

function clear() {
  for (const { item } of tiles.values()) item.remove();
  tiles.clear();
}
