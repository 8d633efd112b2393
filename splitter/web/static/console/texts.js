// @ts-check
/**
 * What the console says, in English and Chinese. Pure, but for `useLanguage`.
 *
 * Short and plain: those who read this have a caller in need on the phone. Both languages have the same keys. Their words:
 * video 视频 (live), image 图片 (uploaded), screenshot 屏幕截图 (taken of a video), waiting picture 等待画面.
 */

import { CHINESE } from "./chinese.js";
import { ENGLISH } from "./english.js";

/** @typedef {"en"|"zh"} Language */
/** @typedef {Record<string, string|number>} Values */

/** @type {Record<Language, Record<string, string>>} */
export const TEXTS = { en: ENGLISH, zh: CHINESE };


/** @type {Array<[RegExp, string]>} reasons that the gateway gives, and what people read of them; "": nothing more is in them */
const REASONS = [
  [/^the caller (declined|accepted)/, ""],
  [/^the caller did not answer in (?<seconds>\d+) s/, "reason.no-answer"],
  [/^the caller is busy with another call/, "reason.busy"],
  [/^the phone cannot be asked now/, "reason.not-now"],
  [/^the phone does not take (this )?video/, "reason.no-video"],
  [/^the phone took the question away/, "reason.taken-away"],
  [/^the phone refused/, "reason.phone"],
  [/^the phone's (video|answer) cannot be used/, "reason.unusable"],
  [/^the phone was about to change the call itself/, "reason.changing"],
  [/^the phone did not take it yet/, "reason.not-yet"],
  [/^a fault in the gateway/, "reason.gateway"],
  [/^no media ports are left/, "reason.no-ports"],
  [/^the call ended/, "reason.ended"],
  [/^the gateway is being stopped/, "reason.stopping"],
  [/^taken back by (?<who>.+)/, "reason.taken-back"],
  [/^(no webhook|nothing) (is configured that )?sends messages/i, "reason.no-sender"],
  [/^no number was given/, ""],
  [/^that number can be sent no message/, "reason.no-number"],
];

/** @type {Array<[RegExp, string]>} how calls end, as the gateway says it */
const ENDS = [
  [/^the caller hung up before/, "end.caller-early"],
  [/^(the )?caller hung up/, "end.caller"],
  [/^(the )?centre hung up/, "end.centre"],
  [/^hung up by (?<who>.+)/, "end.by"],
  [/^no media for the voice/, "end.media"],
  [/^a fault in the gateway/, "end.fault"],
  [/^the gateway is being stopped/, "end.stopping"],
];

/** @type {Record<string, string>} codes that are another one's to people */
export const SAME = {
  "bad-body": "bad-query",
  "bad-source": "bad-query",
  "bad-fragment": "media-lost",
  "bad-sdp": "bad-offer",
  "expired-token": "expired",
  "failed": "title",
  "ice-changed": "media-lost",
  "internal": "fault",
  "link-over": "no-such-invitation",
  "no-etag": "media-lost",
  "no-such-ban": "bad-query",
  "no-such-carrier": "bad-query",
  "no-such-trunk": "bad-query",
  "no-such-link": "no-such-invitation",
  "no-websocket": "bad-query",
  "not-your-party": "not-your-call",
  "one-stream": "bad-query",
  "old-etag": "media-lost",
  "other-device": "no-such-invitation",
  "overloaded": "overload",
  "unusable": "bad-query",
};

/** @type {Language} */
let language = "en";

/** @returns {Language} */
export function currentLanguage() {
  return language;
}

/** @param {string} wanted  a language tag such as "zh-CN" */
export function useLanguage(wanted) {
  language = wanted.toLowerCase().startsWith("zh") ? "zh" : "en";
  document.documentElement.lang = language === "zh" ? "zh-CN" : "en";
}

/** @param {string} key */
export function has(key) {
  return key in TEXTS[language];
}

/** @param {string} key @param {Values} [values] */
export function t(key, values = {}) {
  const text = TEXTS[language][key] ?? TEXTS.en[key] ?? key;
  return text.replace(/\{(\w+)\}/g, (whole, name) => (name in values ? String(values[name]) : whole));
}

/** A reason that the gateway gave, in the words of its readers; "" where there are none. @param {string} text */
export function plainly(text) {
  return inWords(REASONS, text);
}

/** Why a call ended. @param {string} text  as the gateway says it @param {number} status  of SIP; 200 where it was answered */
export function ending(text, status) {
  return inWords(ENDS, text) || (status >= 300 ? t("end.refused", { status }) : "");
}

/** @param {Array<[RegExp, string]>} patterns @param {string} text */
function inWords(patterns, text) {
  for (const [pattern, key] of patterns) {
    const found = pattern.exec(text);
    if (found) return key ? t(key, found.groups ?? {}) : "";
  }
  return "";
}

/** What went wrong, for people: each code has words in both languages. @param {unknown} error */
export function fault(error) {
  const { code = "", status = 0 } = /** @type {{code?: string, status?: number}} */ (error ?? {});
  const key = [`error.${code}.${status}`, `error.${SAME[code] ?? code}`].find(has);
  return t(key ?? "error.title");
}

/** A time of day. @param {number} at  seconds since the Unix epoch */
export function timeOfDay(at) {
  return new Date(at * 1000).toLocaleTimeString(language === "zh" ? "zh-CN" : "en-GB");
}

/** A time of day; with its day where that is another one. @param {number} at @param {number} now  seconds since the Unix epoch */
export function dayAndTime(at, now) {
  const day = new Date(at * 1000);
  if (day.toDateString() === new Date(now * 1000).toDateString()) return timeOfDay(at);
  const shape = /** @type {const} */ ({ month: "short", day: "numeric", hour: "2-digit", minute: "2-digit" });
  return day.toLocaleString(language === "zh" ? "zh-CN" : "en-GB", shape);
}

/** A length of time as 1:05 or 1:01:05. @param {number} seconds */
export function duration(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const tail = `${String(rest).padStart(2, "0")}`;
  return hours ? `${hours}:${String(minutes).padStart(2, "0")}:${tail}` : `${minutes}:${tail}`;
}
