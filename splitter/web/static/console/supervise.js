// @ts-check
/** A supervisor in another desk's call: looks on, listens with the own phone, whispers to the agent, talks, takes over. */

import { make } from "./elements.js";
import { t } from "./texts.js";

/** @typedef {import("./entry.js").Entry} Entry */
/** @typedef {import("../sdk/splitter.js").Splitter} Splitter */
/** @typedef {"look"|"listen"|"whisper"|"talk"|"silent"|"hang-up"|"take-over"|"leave"} Step */
/** @typedef {(step: Step, phone: string) => void} Supervise */

/** The own phone as it is in the call; undefined where it is not. @param {Splitter} splitter @param {Entry} entry */
function ownPhone(splitter, entry) {
  const { me } = splitter;
  return (entry.call.view.phones ?? []).find((one) => me?.extension && one.number === me.extension && one.state !== "left");
}

/** What can be done next, in the order of the buttons. @param {Splitter} splitter @param {Entry} entry @returns {Step[]} */
function stepsOf(splitter, entry) {
  const phone = ownPhone(splitter, entry);
  const looks = entry.call.party !== "";
  /** @type {Record<string, Step[]>} */
  const next = { listens: ["whisper", "talk", "hang-up"], whispers: ["silent", "talk", "hang-up"], talks: ["silent", "whisper", "hang-up"] };
  const voice = !phone ? /** @type {Step[]} */ (["listen"]) : phone.state === "joined" ? next[phone.part] : /** @type {Step[]} */ (["hang-up"]);
  return [...voice, looks ? "leave" : "look", "take-over"];
}

/** How it stands, in a sentence. @param {Splitter} splitter @param {Entry} entry */
function standing(splitter, entry) {
  const phone = ownPhone(splitter, entry);
  if (!phone) return t(entry.call.party === "" ? "onlooker.away" : "onlooker.text");
  return t(phone.state === "joined" ? `onlooker.${phone.part}` : "onlooker.rings");
}

/** What the list of those in the video has to be drawn anew for. @param {Splitter} splitter @param {Entry} entry */
export function supervision(splitter, entry) {
  const { view } = entry.call;
  if (entry.over || view.state !== "connected" || !splitter.looksOn(view)) return "";
  return [standing(splitter, entry), ...stepsOf(splitter, entry)].join();
}

/** @param {Splitter} splitter @param {Entry} entry @param {Supervise} supervise */
export function superviseItem(splitter, entry, supervise) {
  const phone = ownPhone(splitter, entry)?.name ?? "";
  const buttons = stepsOf(splitter, entry).map((step) => {
    const attributes = { type: "button", class: step === "take-over" ? "primary" : "", text: t(`onlooker.do.${step}`), "data-key": step };
    return make("button", { ...attributes, onclick: () => supervise(step, phone) });
  });
  return make("li", { class: "asking supervising" }, make("span", { class: "grow", text: standing(splitter, entry) }), ...buttons);
}
