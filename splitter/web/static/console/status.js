// @ts-check
/** What is happening in a call, and why, in one line each, in words that anybody knows. Pure. */

import { hasPaused, hasPicture, hasVideo, holdOf, showingOf } from "../sdk/splitter.js";
import { ending, fault, has, plainly, t } from "./texts.js";

/** @typedef {import("../sdk/splitter.js").CallView} CallView */
/** @typedef {import("../sdk/splitter.js").Media} Media */
/** @typedef {import("../sdk/splitter.js").Camera} Camera */

/**
 * What the line is made of.
 * @typedef {object} Sight
 * @property {CallView} view
 * @property {Media} media
 * @property {string} party  this desk's own name in the call
 * @property {Camera} camera
 * @property {boolean} sharing
 * @property {""|"caller"|"desk"} droppedBy  who turned video off last
 * @property {boolean} stopped  the caller's video was there and has stopped
 * @property {boolean} gone  it is another desk's call now
 * @property {boolean} lost  the gateway does not know it any more
 * @property {string} picture  the name of the image that the caller sees
 * @property {(name: string) => string} who  the name of a party for people
 */

/**
 * @typedef {object} Line
 * @property {"calm"|"busy"|"good"|"warn"|"bad"} tone
 * @property {string} head
 * @property {string} why
 * @property {boolean} [counting]  the caller is being asked
 * @property {boolean} [join]  joining may help
 */

/** @param {Sight} sight @returns {Line} */
export function situation(sight) {
  const { view } = sight;
  if (sight.gone) return line("calm", "gone", "");
  if (sight.lost) return line("warn", "lost", t("end.lost"));
  if (view.state === "ended") return line("calm", "ended", ending(view.end_reason, view.end_status));
  if (view.state !== "connected") return line("busy", view.state);
  return ownTransport(sight) ?? held(sight) ?? (hasVideo(view) ? video(sight) : voice(sight));
}

/** @param {Sight} sight @returns {Line|null} */
function ownTransport({ media }) {
  switch (media.state) {
    case "joining":
      return line("busy", "joining");
    case "interrupted":
      return media.code === "no-path" ? line("warn", "no-path", t("now.no-path.why", { where: media.message })) : line("warn", "interrupted");
    case "removed":
      return { ...line("warn", "removed"), join: true };
    case "failed":
      return { ...line("warn", "failed", fault(media)), join: media.code !== "no-webrtc" };
    case "out":
      return { ...line("calm", "out"), join: true };
    default:
      return null;
  }
}

/** Nobody should talk to somebody who does not hear it. @param {Sight} sight @returns {Line|null} */
function held({ view }) {
  const hold = holdOf(view);
  return hold && view.video.state !== "asking" ? line("warn", `hold-${hold}`) : null;
}

/** @param {Sight} sight @returns {Line} */
function voice({ view, droppedBy }) {
  const { state, outcome, supported, fault: unused } = view.video;
  if (state === "asking") return { ...line("busy", "asking"), counting: true };
  if (state === "dropping") return line("busy", "dropping");
  const said = plainly(view.video.reason);
  switch (outcome) {
    case "refused":
    case "no-answer":
      return line("warn", outcome, joined(said, t("now.again")));
    case "failed":
      return line("warn", "failed-video", joined(said, t("now.again")));
    case "unsupported":
      return line("warn", "unsupported", joined(said, t("now.link")));
    case "withdrawn":
      return line("calm", "withdrawn", said);
  }
  if (plainly(unused)) return line("warn", "failed-video", joined(plainly(unused), t("now.again")));
  if (droppedBy) return line("calm", "voice", joined(t(`now.voice.${droppedBy}`), t("now.voice.why")));
  if (supported === false) return line("calm", "voice", t("now.voice.cannot"));
  return line("calm", "voice", supported ? t("now.voice.why") : t("now.voice.unknown"));
}

/** @param {Sight} sight @returns {Line} */
function video(sight) {
  const { view, camera, sharing, party, who } = sight;
  if (view.video.state === "dropping") return line("busy", "dropping");
  const trouble = camera.state === "trouble" && !sharing ? t(`camera.${camera.trouble}`) : "";
  if (!hasPicture(view)) {
    if (trouble) return line("warn", "unseen", trouble);
    const guest = view.parties.find((one) => one.kind === "guest" && one.state === "connected");
    if (hasPaused(view)) return line("calm", "paused");
    if (silent(guest)) return line("warn", "guest-unseen", t(`party.camera.${guest?.camera}`));
    if (!sight.stopped) return line("busy", "waiting");
    return guest ? line("calm", "guest-paused") : line("warn", "stopped");
  }
  const showing = showingOf(view);
  if (showing.startsWith("picture:")) return line("good", "image", sight.picture);
  if (trouble) return line("warn", "receive", trouble);
  if (sharing && showing === party) return line("good", "screen");
  if (!camera.wanted && !sharing) return line("calm", "camera-off");
  if (showing === party) return line("good", "video");
  if (showing === "slate" || showing === "none") return line("busy", "slate");
  return line("calm", "other", t("now.other.why"), { who: who(showing) });
}

/** Whether a browser has said why no video of it comes. @param {{camera?: string, sends: boolean}} [party] */
export function silent(party) {
  return party !== undefined && !party.sends && !["", "on", "starting", undefined].includes(party.camera);
}

/** @param {Line["tone"]} tone @param {string} key @param {string} [why] @param {Record<string, string>} [values] @returns {Line} */
function line(tone, key, why, values) {
  const usual = has(`now.${key}.why`) ? t(`now.${key}.why`) : "";
  return { tone, head: t(`now.${key}`, values), why: why ?? usual };
}

/** Sentences one after the other. @param {...string} sentences */
function joined(...sentences) {
  const ended = sentences.filter(Boolean).map((text) => (/[.!?。！？]$/.test(text) ? text : text + t("sentence.end")));
  return ended.join(t("sentence.gap"));
}
