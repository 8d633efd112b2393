// @ts-check
/** The calls of now at an idle desk: those that nobody has, to be taken, and everybody's for who reads all calls. */

import { byId, fill, make, say } from "./elements.js";
import { callerOf } from "./entry.js";
import { duration, t } from "./texts.js";

/** @typedef {import("../sdk/splitter.js").CallView} CallView */
/** @typedef {import("../sdk/splitter.js").Splitter} Splitter */
/** @typedef {{id: string, who: string, since: number, view: CallView|null}} Row  `since`: when it was answered, and nobody has it; 0: it is somebody's */

/**
 * @param {Splitter} splitter
 * @param {(id: string) => boolean} known  whether this desk has it already
 * @param {(id: string, take: boolean) => void} open
 */
export function renderOthers(splitter, known, open) {
  const rows = rowsOf(splitter).filter((row) => !known(row.id));
  const more = splitter.unbound.more;
  byId("others").hidden = rows.length === 0;
  fill(byId("others-list"), [rows.map(({ id, who, since, view }) => [id, who, since, view?.state, view?.extension]), more], () => [
    ...rows.map((row) => line(row, Boolean(splitter.me?.extension), open)),
    ...(more > 0 ? [make("li", { class: "muted", text: t("calls.more", { count: more }) })] : []),
  ]);
  countOthers(splitter);
}

/** Each second: how long ago they were answered. @param {Splitter} splitter */
export function countOthers(splitter) {
  for (const cell of byId("others-list").querySelectorAll("[data-since]")) {
    const time = duration(splitter.now() - Number(/** @type {HTMLElement} */ (cell).dataset.since));
    say(cell, t("calls.nobody", { time }));
  }
}

/** @param {Splitter} splitter @returns {Row[]} */
function rowsOf(splitter) {
  const { calls } = splitter.unbound;
  const open = new Set(calls.map((one) => one.call_id));
  const all = [...splitter.calls.values()].filter((call) => !open.has(call.id));
  return [
    ...calls.map((one) => ({ id: one.call_id, who: one.number || t("calls.unknown"), since: one.since, view: splitter.calls.get(one.call_id)?.view ?? null })),
    ...all.map(({ view }) => ({ id: view.call_id, who: callerOf(view), since: 0, view })),
  ];
}

/** @param {Row} row @param {boolean} desk  this login has an extension @param {(id: string, take: boolean) => void} open */
function line({ id, who, since, view }, desk, open) {
  const take = desk && !view?.extension;
  const whose = view?.extension ? t("desk", { extension: view.extension }) : "";
  return make(
    "li",
    {},
    make("span", { class: "grow", text: who }),
    since ? make("span", { class: "muted", "data-since": since }) : make("span", { class: "muted", text: whose }),
    view && make("span", { class: "muted", text: t(`call.state.${view.state}`) }),
    view && make("span", { class: "muted", text: t("call.code", { code: view.short_code }) }),
    make("button", { type: "button", "data-key": id, text: t(take ? "calls.take" : "calls.open"), onclick: () => open(id, take) }),
  );
}
