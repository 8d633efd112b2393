// @ts-check
/** This desk's calls before, while it waits for the next: to read, and to be called once more. */

import { byId, fill, icon, make } from "./elements.js";
import { callerOf, numberOf } from "./entry.js";
import { dayAndTime, duration, t } from "./texts.js";

/** @typedef {import("../sdk/splitter.js").Splitter} Splitter */
/** @typedef {import("../sdk/splitter.js").CallView} CallView */

const SHOWN = 8;

/** @type {CallView[]} */
let recent = [];
let asked = ""; // for whom it was asked since the desk began to wait, or came back online

/** @param {Splitter} splitter @param {boolean} waiting  the desk waits for a call @param {(number: string) => void} dial */
export function renderRecent(splitter, waiting, dial) {
  const extension = splitter.me?.extension ?? "";
  const whom = waiting && splitter.connection.state === "online" ? extension : "";
  if (whom !== asked) {
    asked = whom;
    if (whom) ask(splitter, whom, dial);
  }
  const own = recent.filter((view) => view.extension === extension);
  byId("recent").hidden = own.length === 0;
  fill(byId("recent-list"), own.map((view) => view.call_id), () => own.map((view) => item(view, splitter.now(), dial)));
}

/** @param {Splitter} splitter @param {string} extension @param {(number: string) => void} dial */
async function ask(splitter, extension, dial) {
  try {
    recent = await splitter.list({ ended: true, extension, limit: SHOWN });
    renderRecent(splitter, asked !== "", dial);
  } catch {
    // It is a help and no more: what was there stays.
  }
}

/** @param {CallView} view @param {number} now @param {(number: string) => void} dial */
function item(view, now, dial) {
  const number = numberOf(view);
  const label = t("recent.dial", { who: number });
  const again = { type: "button", "data-key": view.call_id, "aria-label": label, title: label, onclick: () => dial(number) };
  const lasted = view.answered_at && view.ended_at ? duration(view.ended_at - view.answered_at) : t("recent.unanswered");
  return make(
    "li",
    {},
    make("time", { class: "muted", text: dayAndTime(view.started_at, now) }),
    make("span", { class: "grow", text: callerOf(view) }),
    view.wrap_up ? make("span", { class: "noted", text: view.wrap_up.disposition || view.wrap_up.note, title: view.wrap_up.note }) : null,
    make("span", { class: "muted", text: t(hadVideo(view) ? "recent.video" : "recent.voice") }),
    make("span", { class: "lasted", text: lasted }),
    number ? make("button", again, icon("voice")) : null,
  );
}

/** As far as its last view tells: from the caller's phone, or from the caller's own browser. @param {CallView} view */
function hadVideo(view) {
  const { legs, parties, video } = view;
  const phone = /** @type {Array<{name: string, video: string}>} */ (legs).some((leg) => leg.name === "caller" && leg.video);
  return phone || video.outcome === "accepted" || parties.some((party) => party.kind === "guest");
}
