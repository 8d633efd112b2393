// @ts-check
/** This desk's calls before, while it waits for the next: to read alone. */

import { byId, fill, make } from "./elements.js";
import { callerOf } from "./entry.js";
import { duration, t, timeOfDay } from "./texts.js";

/** @typedef {import("../sdk/splitter.js").Splitter} Splitter */
/** @typedef {import("../sdk/splitter.js").CallView} CallView */

const SHOWN = 8;

/** @type {CallView[]} */
let recent = [];
let asked = ""; // for whom, and at which stand of the connection

/** @param {Splitter} splitter @param {boolean} waiting  the desk waits for a call */
export function renderRecent(splitter, waiting) {
  const extension = splitter.me?.extension ?? "";
  if (!waiting || !extension) {
    asked = "";
    recent = waiting ? [] : recent;
  } else if (asked !== extension && splitter.connection.state === "online") {
    asked = extension;
    ask(splitter, extension);
  } else if (splitter.connection.state !== "online") asked = ""; // what ended meanwhile belongs to it too
  const own = recent.filter((view) => view.extension === extension);
  byId("recent").hidden = own.length === 0;
  fill(byId("recent-list"), own.map((view) => view.call_id), () => own.map(item));
}

/** @param {Splitter} splitter @param {string} extension */
async function ask(splitter, extension) {
  try {
    recent = await splitter.list({ ended: true, extension, limit: SHOWN });
    renderRecent(splitter, asked === extension);
  } catch {
    // It is a help and no more: what was there stays.
  }
}

/** @param {CallView} view */
function item(view) {
  const lasted = view.answered_at && view.ended_at ? duration(view.ended_at - view.answered_at) : t("recent.unanswered");
  return make(
    "li",
    {},
    make("time", { class: "muted", text: timeOfDay(view.started_at) }),
    make("span", { class: "grow", text: callerOf(view) }),
    make("span", { class: "muted", text: t(hadVideo(view) ? "recent.video" : "recent.voice") }),
    make("span", { class: "lasted", text: lasted }),
  );
}

/** As far as its last view tells: from the caller's phone, or from the caller's own browser. @param {CallView} view */
function hadVideo(view) {
  const { legs, parties, video } = view;
  const phone = /** @type {Array<{name: string, video: string}>} */ (legs).some((leg) => leg.name === "caller" && leg.video);
  return phone || video.outcome === "accepted" || parties.some((party) => party.kind === "guest");
}
