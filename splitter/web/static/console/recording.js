// @ts-check
/** Whether the call is recorded: said at all times, with what may be done about it. */

import { byId, fill, make } from "./elements.js";
import { partyName } from "./entry.js";
import { plainly, t } from "./texts.js";

/** @typedef {import("./entry.js").Entry} Entry */
/** @typedef {import("../sdk/splitter.js").CallView} CallView */
/** @typedef {"start"|"pause"|"resume"|"stop"|"exclude"|"include"} Action */

/** @type {Record<string, Action[]>} what may be done in each state */
const WAYS = { off: ["start"], stopped: ["start"], recording: ["pause", "stop"], paused: ["resume", "stop"] };

/** Whether a login may look at recordings. @param {string[]} [scopes]  its own */
export function mayOpenRecordings(scopes = []) {
  return scopes.some((scope) => scope === "admin" || scope.startsWith("recordings:"));
}

/** Those of whom nothing may be recorded: who is in the call, by name. @param {CallView} view */
function people(view) {
  const phones = (view.phones ?? []).filter((one) => one.state === "joined");
  const parties = view.parties.filter((one) => one.state !== "left" && !one.hidden && one.kind !== "guest");
  return ["caller", "centre", ...[...phones, ...parties].map((one) => one.name)];
}

/** Who is left out, each to be taken in again; and the choice of others. @param {Entry} entry @param {boolean} may @param {(action: Action, party: string) => void} record */
function leftOut(entry, may, record) {
  const out = entry.call.view.recording?.left_out ?? [];
  const name = (/** @type {string} */ one) => (one === "centre" ? t("recording.agent") : partyName(entry.call, one));
  const rest = may ? people(entry.call.view).filter((one) => !out.includes(one)) : [];
  const choose = (/** @type {Event} */ event) => {
    const chosen = /** @type {HTMLSelectElement} */ (event.target);
    record("exclude", chosen.value);
    chosen.value = "";
  };
  return [
    ...out.filter((one) => one !== "guest").map((one) => make("span", { class: "recording-without", role: "status" },
      t("recording.without", { who: name(one) }),
      may ? make("button", { type: "button", "data-key": `include ${one}`, text: t("recording.include"), "aria-label": t("recording.include-one", { who: name(one) }), onclick: () => record("include", one) }) : null)),
    ...(rest.length ? [make("select", { "data-key": "exclude", "aria-label": t("recording.exclude"), onchange: choose },
      make("option", { value: "", text: t("recording.exclude") }),
      ...rest.map((one) => make("option", { value: one, text: name(one) })))] : []),
  ];
}

/** @param {Entry} entry @param {boolean} rules  the call is this desk's @param {(action: Action, party?: string) => void} record */
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
  const running = state === "recording" || state === "paused";
  const out = view.recording?.left_out ?? [];
  fill(element, [state, ways, elsewhere, out, rules && running && people(view).map((one) => partyName(entry.call, one))], () => [
    make("span", { class: "recording-state", role: "status", text: t(`recording.${state}`) }),
    ...(elsewhere ? [make("span", {
      class: "recording-elsewhere", role: "status", "data-lost": there ? null : "1", title: there ? null : elsewhere,
      text: there ? t("recording.elsewhere", there) : t("recording.not-elsewhere"),
    })] : []),
    ...ways.map((way) => make("button", { type: "button", "data-key": way, text: t(`recording.${way}`), onclick: () => record(way) })),
    ...leftOut(entry, rules && running, record),
  ]);
}
