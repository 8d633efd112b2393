// @ts-check
/** Phones that were invited into the voice: what became of each, and what can be done with it. */

import { byId, fill, icon, make } from "./elements.js";
import { t } from "./texts.js";

/** @typedef {import("./entry.js").Entry} Entry */
/** @typedef {import("../sdk/splitter.js").PhoneView} PhoneView */
/**
 * @typedef {{removePhone: (phone: string) => void, filmPhone: (phone: string, wanted: boolean) => void, mute: (voice: string, muted: boolean) => void,
 *   leaveVoice: () => void}} DoingWithVoices
 */

const MOST_GONE = 3; // that are still shown, with what became of them

/** @param {Entry} entry @param {boolean} rules  this desk says who is in the call @param {DoingWithVoices} doing */
export function renderVoices(entry, rules, doing) {
  const phones = entry.call.view.phones ?? [];
  const gone = phones.filter((phone) => phone.state === "left").slice(-MOST_GONE);
  const there = entry.over ? [] : phones.filter((phone) => phone.state !== "left");
  byId("voices-part").hidden = !gone.length && !there.length;
  const leaves = rules && !entry.over && there.some((phone) => phone.state === "joined" && phone.part === "talks");
  fill(byId("voices"), [gone, there, rules, entry.over], () => [
    ...[...there, ...gone].map((phone) => item(phone, rules && !entry.over, doing)),
    ...(leaves ? [make("li", {}, make("button", { type: "button", "data-key": "leave", text: t("voices.leave"), onclick: doing.leaveVoice }))] : []),
  ]);
}

/** What became of a phone, for people. @param {PhoneView} phone */
function stateOf(phone) {
  const outcome = `phone.outcome.${phone.outcome}`;
  return t(phone.state === "left" && phone.outcome ? outcome : `phone.${phone.state}`);
}

/** @param {PhoneView} phone @param {boolean} rules @param {DoingWithVoices} doing */
function item(phone, rules, doing) {
  const { name, number, state, muted, part, video = "off", video_reason = "" } = phone;
  const button = (/** @type {string} */ key, /** @type {string} */ symbol, /** @type {() => void} */ act) => {
    const label = t(key, { who: number });
    return make("button", { type: "button", "aria-label": label, title: label, "data-key": `${key} ${name}`, onclick: act }, icon(symbol));
  };
  const here = state === "joined";
  const seen = here && (video !== "off" || video_reason) ? t(`phone.video.${video}`) : "";
  const words = [here && part !== "talks" ? t(`phone.${part}`) : stateOf(phone), muted ? t("phone.muted") : "", seen].filter(Boolean).join(", ");
  const films = video === "on" || video === "asking";
  return make(
    "li",
    { "data-state": state, "data-phone": name, "data-outcome": phone.outcome || null, "data-video": video },
    make("span", { class: "grow", text: number, title: number }),
    make("span", { class: "state", text: words, title: (state === "left" ? phone.reason : video_reason) || null }),
    rules && here ? button(muted ? "phone.unmute" : "phone.mute", muted ? "mute" : "voice", () => doing.mute(name, !muted)) : null,
    rules && here ? button(films ? "phone.film.stop" : "phone.film", films ? "camera-off" : "camera", () => doing.filmPhone(name, !films)) : null,
    rules && state !== "left" ? button(here ? "phone.remove" : "phone.withdraw", "close", () => doing.removePhone(name)) : null,
  );
}
