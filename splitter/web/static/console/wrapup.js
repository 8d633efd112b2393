// @ts-check
/** The card of a call that is over: a note, what came of it, and the screenshots that stay with its record. */

import { byId, fill, make, say } from "./elements.js";
import { fault, t, timeOfDay } from "./texts.js";

/** @typedef {import("../sdk/splitter.js").Splitter} Splitter */
/** @typedef {import("./entry.js").Entry} Entry */

const MOST_STILLS = 20; // as many as the gateway has of a call

/** @type {Entry|null} */
let shown = null;
let saving = false;

/** Wire the card; once. @param {(entry: Entry) => void} done  it was saved, or there was nothing to save */
export function setUpWrapUp(done) {
  byId("wrap-note").addEventListener("input", () => shown && (shown.draft.note = byId("wrap-note").value));
  byId("wrap-choice").addEventListener("change", () => shown && (shown.draft.disposition = byId("wrap-choice").value));
  byId("summary-done").addEventListener("click", () => shown && save(shown, done));
  byId("wrap-leave").addEventListener("click", () => shown && done(shown));
}

/** @param {Splitter} splitter @param {Entry} entry */
export function renderWrapUp(splitter, entry) {
  const own = mayNote(splitter, entry);
  const choices = own ? (splitter.me?.dispositions ?? []) : [];
  byId("wrap").hidden = !own;
  byId("wrap-choosing").hidden = !choices.length;
  fill(byId("wrap-choice"), choices, () => [
    make("option", { value: "", text: t("wrap.choose") }),
    ...choices.map((text) => make("option", { value: text, text })),
  ]);
  if (shown !== entry) {
    shown = entry;
    byId("wrap-note").value = entry.draft.note;
    say(byId("wrap-fault"), "");
    byId("wrap-leave").hidden = true;
  }
  byId("wrap-choice").value = choices.includes(entry.draft.disposition) ? entry.draft.disposition : "";
  const stills = own ? keepable(entry) : [];
  byId("wrap-stills").hidden = !stills.length;
  fill(byId("wrap-stills-list"), stills.map((still) => still.url), () => stills.map((still) => stillItem(entry, still)));
}

/** The screenshots that can stay with the record: the gateway has the newest ones. @param {Entry} entry */
export function keepable(entry) {
  return entry.stills.filter((still) => still.number).slice(-MOST_STILLS);
}

/** @param {Entry} entry @param {import("./entry.js").Still} still */
function stillItem(entry, still) {
  const box = make("input", { type: "checkbox", checked: !entry.draft.without.has(still.number), "data-key": still.url });
  box.addEventListener("change", () => entry.draft.without[box.checked ? "delete" : "add"](still.number));
  const label = t("wrap.still", { time: timeOfDay(still.at) });
  return make("li", {}, make("label", { class: "check" }, box, make("img", { src: still.url, alt: label })));
}

/** The desk that had the call until its end, once it was answered. @param {Splitter} splitter @param {Entry} entry */
function mayNote(splitter, { call, gone, lost }) {
  return !gone && !lost && call.view.answered_at !== null && splitter.owns(call.view);
}

/** @param {Entry} entry @param {(entry: Entry) => void} done */
async function save(entry, done) {
  if (saving) return;
  const { note, disposition, without } = entry.draft;
  const screenshots = keepable(entry).map((still) => still.number).filter((number) => !without.has(number));
  const wanted = note.trim() || disposition || screenshots.length;
  if (!wanted || byId("wrap").hidden) return done(entry);
  saving = true;
  say(byId("wrap-fault"), "");
  try {
    await entry.call.splitter.wrapUp(entry.id, { note, disposition, screenshots });
    done(entry);
  } catch (error) {
    if (shown === entry) {
      say(byId("wrap-fault"), fault(error));
      byId("wrap-leave").hidden = false;
    }
  } finally {
    saving = false;
  }
}
