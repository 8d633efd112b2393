// @ts-check
/** The row of controls: what each does, when it can be done, and if not, why. */

import { hasPicture, hasVideo } from "../sdk/splitter.js";
import { fill, icon, make } from "./elements.js";
import { mayDecide } from "./side.js";
import { mainOf } from "./strip.js";
import { t } from "./texts.js";

/** @typedef {import("../sdk/splitter.js").Splitter} Splitter */
/** @typedef {import("./entry.js").Entry} Entry */
/** @typedef {"camera"|"cameras"|"picture"|"share"|"ask"|"snapshot"|"invite"|"phone"|"hangup"} Action */
/** @typedef {{label: string, symbol: string, active?: boolean, not: string}} Face  `not`: why it cannot be done now */

/** @type {Record<string, string>} action → key; letters of what is on the buttons */
export const KEYS = {
  camera: "V",
  picture: "I",
  share: "D",
  ask: "U",
  snapshot: "S",
  invite: "L",
  phone: "P",
  hangup: "H",
  full: "F",
  next: "E",
  help: "?",
};

/** @type {Record<Action, (splitter: Splitter, entry: Entry) => Face>} */
const FACES = {
  camera({ desk }, entry) {
    const { wanted, state } = desk.camera;
    const key = !wanted || state === "trouble" ? "on" : state === "off" ? "leave" : "off";
    const not = notConnected(entry);
    return { label: t(`do.camera.${key}`), symbol: key === "on" ? "camera-off" : "camera", active: state === "on" && !not, not };
  },
  cameras(_, entry) {
    return { label: "", symbol: "more", not: notConnected(entry) };
  },
  picture(_, entry) {
    const shown = entry.call.showing.startsWith("picture:");
    const label = t(shown ? "do.image.back" : "do.image");
    return { label, symbol: shown ? "camera" : "picture", active: shown, not: notVideo(entry) };
  },
  share({ desk }, entry) {
    const label = t(desk.sharing ? "do.share.stop" : "do.share");
    const able = typeof navigator.mediaDevices?.getDisplayMedia === "function";
    const not = desk.sharing ? "" : notVideo(entry) || notJoined(entry) || (able ? "" : t("not.share"));
    return { label, symbol: "share", active: desk.sharing, not };
  },
  ask(_, entry) {
    const { state, supported, outcome } = entry.call.view.video;
    const key = state === "asking" ? "do.ask.back" : state === "off" ? "do.ask" : "do.drop";
    const never = state === "off" && supported === false && outcome === "unsupported";
    const not = notConnected(entry) || (state === "dropping" ? t("not.dropping") : never ? t("not.cannot") : "");
    return { label: t(key), symbol: state === "off" ? "ask" : "voice", active: state === "asking", not };
  },
  snapshot(_, entry) {
    const comes = hasPicture(entry.call.view) || (entry.main !== "caller" && mainOf(entry).sends);
    return { label: t("do.snapshot"), symbol: "still", not: notConnected(entry) || (comes ? "" : t("not.comes")) };
  },
  invite(splitter, entry) {
    return { label: t("do.invite"), symbol: "link", not: notConnected(entry) || notOwn(splitter, entry) };
  },
  phone(splitter, entry) {
    return { label: t("do.phone"), symbol: "phone", not: notConnected(entry) || notOwn(splitter, entry) };
  },
  hangup(splitter, entry) {
    return { label: t("do.hangup"), symbol: "hangup", not: entry.over ? t("not.call") : notOwn(splitter, entry) };
  },
};

/** Why an action cannot be done now; empty where it can. @param {Action} action @param {Splitter} splitter @param {Entry} entry */
export function hindrance(action, splitter, entry) {
  return FACES[action](splitter, entry).not;
}

/** @param {Splitter} splitter @param {Entry} entry */
export function renderControls(splitter, entry) {
  for (const button of document.querySelectorAll(".controls button")) {
    const action = /** @type {Action} */ (button.getAttribute("data-do"));
    const { label, symbol, active, not } = FACES[action](splitter, entry);
    // Not `disabled`: who comes to it by keyboard is to hear that it is there, and why it does nothing now.
    button.setAttribute("aria-disabled", String(not !== ""));
    button.setAttribute("title", not || (action === "cameras" ? t("do.cameras") : label));
    button.toggleAttribute("data-active", active ?? false); // the label says what a press does, so nothing is "pressed"
    if (KEYS[action]) button.setAttribute("aria-keyshortcuts", KEYS[action]);
    if (action === "cameras") continue;
    fill(button, [label, symbol], () => [
      icon(symbol),
      make("span", { text: label }),
      make("kbd", { text: KEYS[action], "aria-hidden": "true" }),
    ]);
  }
}

/** @param {Splitter} splitter @param {Entry} entry */
function notOwn(splitter, entry) {
  return mayDecide(splitter, entry.call.view) ? "" : t("not.own");
}

/** @param {Entry} entry */
function notConnected(entry) {
  if (entry.over) return t("not.call");
  return entry.call.view.state === "connected" ? "" : t("not.connected");
}

/** @param {Entry} entry */
function notVideo(entry) {
  return notConnected(entry) || (hasVideo(entry.call.view) ? "" : t("not.video"));
}

/** @param {Entry} entry */
function notJoined(entry) {
  return entry.call.media.state === "connected" ? "" : t("not.joined");
}
