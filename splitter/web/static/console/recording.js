// @ts-check
/** Whether the call is recorded: said at all times, with what may be done about it. */

import { byId, fill, make } from "./elements.js";
import { plainly, t } from "./texts.js";

/** @typedef {import("./entry.js").Entry} Entry */
/** @typedef {import("../sdk/splitter.js").CallView} CallView */
/** @typedef {"start"|"pause"|"resume"|"stop"} Action */

/** @type {Record<string, Action[]>} what may be done in each state */
const WAYS = { off: ["start"], stopped: ["start"], recording: ["pause", "stop"], paused: ["resume", "stop"] };

/** Whether a login may look at recordings. @param {string[]} [scopes]  its own */
export function mayOpenRecordings(scopes = []) {
  return scopes.some((scope) => scope === "admin" || scope.startsWith("recordings:"));
}

/** @param {Entry} entry @param {boolean} rules  the call is this desk's @param {(action: Action) => void} record */
export function renderRecording(entry, rules, record) {
  const { view } = entry.call;
  const state = view.recording?.state ?? "off";
  const element = byId("recording");
  element.hidden = entry.over || view.state !== "connected" || !view.recording?.possible;
  element.dataset.state = state;
  element.title = plainly(view.recording?.reason ?? "");
  const elsewhere = state === "off" ? "" : (view.recording?.elsewhere ?? "");
  const there = /^recorded by (?<name>.+)$/.exec(elsewhere)?.groups ?? null;
  const ways = rules ? WAYS[state].filter((way) => way !== "stop" || !view.recording?.by_rule) : [];
  fill(element, [state, ways, elsewhere], () => [
    make("span", { class: "recording-state", role: "status", text: t(`recording.${state}`) }),
    ...(elsewhere ? [make("span", {
      class: "recording-elsewhere", role: "status", "data-lost": there ? null : "1", title: there ? null : elsewhere,
      text: there ? t("recording.elsewhere", there) : t("recording.not-elsewhere"),
    })] : []),
    ...ways.map((way) => make("button", { type: "button", "data-key": way, text: t(`recording.${way}`), onclick: () => record(way) })),
  ]);
}
