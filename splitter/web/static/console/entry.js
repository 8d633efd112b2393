// @ts-check
/** What this desk keeps of a call beside its view: what happened, the screenshots, when the caller was asked. */

import { hasPicture, hasVideo, holdOf, showingOf } from "../sdk/splitter.js";
import { fault, has, plainly, t } from "./texts.js";

/** @typedef {import("../sdk/splitter.js").CallHandle} CallHandle */
/** @typedef {import("../sdk/splitter.js").CallView} CallView */
/** @typedef {import("../sdk/splitter.js").Notice} Notice */
/** @typedef {{at: number, key: string, values: () => Record<string, string|number>, more: string, tone: string}} Remark */
/** @typedef {{at: number, url: string, file: string, kind: "png"|"jpg"|"pdf", number: number}} Still  `number`: of a screenshot of the gateway; 0 for others */

const MOST_REMARKS = 200;
const SUMMARY_S = 60;

/** Notices that the views tell as well, or that this desk says better itself. */
const UNSAID = new Set(["snapshot", "video-withdrawn"]);
/** What this desk's own transport tells as well. */
const OWN = new Set(["party-joined", "party-interrupted", "party-left", "party-removed"]);
/** Notices whose text says more than their code. */
const WITH_REASON = new Set(["video-failed", "video-unsupported", "source-unfit", "video-refused", "media-from-stranger", "voice-missing", "mosaic-not-shown"]);
/** @type {Record<string, string>} */
const TONES = {
  "video-accepted": "good",
  "caller-added-video": "good",
  "video-refused": "warn",
  "video-no-answer": "warn",
  "video-unsupported": "warn",
  "video-failed": "bad",
  "caller-picture-stopped": "warn",
  "source-unfit": "warn",
  "media-from-stranger": "bad",
  "voice-missing": "bad",
  "voice-returned": "good",
  "mosaic-not-shown": "warn",
  "party-interrupted": "warn",
  "media-lost": "bad",
  "link-opened": "good",
  "link-unknown": "warn",
  "link-failed": "bad",
  "phone-joined": "good",
  "phone-left": "warn",
  "phone-video-on": "good",
  "phone-video-off": "warn",
  "transferred": "good",
  "transfer-failed": "warn",
  "no-video-client": "warn",
  file: "warn",
  "binding-unclear": "warn",
};

export class Entry {
  /** @param {CallHandle} call @param {number} now  seconds, by the gateway's clock */
  constructor(call, now) {
    this.call = call;
    /** @type {Remark[]} */
    this.remarks = [];
    /** @type {Still[]} */
    this.stills = [];
    /** @type {""|"caller"|"desk"} */
    this.droppedBy = "";
    this.askedAt = 0;
    this.endedAt = 0;
    this.gone = this.lost = false;
    this.stopped = false;
    this.hadVideo = false;
    this.media = call.media;
    this.main = "caller"; // who is seen large
    /** What is being noted of it: `without` are numbers of screenshots that do not stay with it. */
    this.draft = { note: "", disposition: "", without: /** @type {Set<number>} */ (new Set()) };
    this.remark(call.view.started_at, "log.call", () => ({ who: callerOf(this.call.view) }));
    if (call.view.answered_at) this.remark(call.view.answered_at, "log.connected");
    this.follow(null, now);
  }

  get id() {
    return this.call.id;
  }

  /** It is over, for this desk at least. */
  get over() {
    return this.endedAt > 0;
  }

  /** Seconds until the summary goes by itself; Infinity where stills, or a note, would go with it. @param {number} now */
  left(now) {
    return this.stills.length || this.draft.note || this.draft.disposition ? Infinity : Math.max(0, Math.ceil(this.endedAt + SUMMARY_S - now));
  }

  /** @param {number} at @param {string} key @param {() => Record<string, string|number>} [values] @param {string} [tone] @param {string} [more] */
  remark(at, key, values = () => ({}), tone = "", more = "") {
    this.remarks.push({ at, key, values, tone, more });
    if (this.remarks.length > MOST_REMARKS) this.remarks.shift();
  }

  /** It is this desk's again: what was kept goes on. @param {Entry} former */
  inherit(former) {
    this.remarks = [...former.remarks, ...this.remarks.filter((one) => one.at > former.endedAt)];
    this.stills = former.stills;
    this.hadVideo ||= former.hadVideo;
  }

  /**
   * The view has changed.
   * @param {CallView|null} before @param {number} now
   * @param {{gone?: boolean, lost?: boolean}} [why]  it is this desk's no more, or nobody's
   */
  follow(before, now, { gone = false, lost = false } = {}) {
    const { view } = this.call;
    if (view.video.state === "asking") this.askedAt ||= now;
    else this.askedAt = 0;
    this.hadVideo ||= hasVideo(view);
    if (hasPicture(view) || !hasVideo(view)) this.stopped = false;
    else if (before && hasPicture(before)) this.stopped = true;
    if (view.video.state === "on" || view.video.state === "asking") this.droppedBy = "";
    if (before?.answered_at === null && view.answered_at) this.remark(view.answered_at, "log.connected");
    const hold = holdOf(view);
    if (before && holdOf(before) !== hold && view.state === "connected") this.remark(now, hold ? `now.hold-${hold}` : "log.resumed");
    const { showing } = this.call;
    if (before && showingOf(before) !== showing && view.state === "connected" && showing !== "none") {
      const who = sourceName(this.call, showing);
      this.remark(now, "log.showing", () => ({ who: who() }));
    }
    if ((view.state === "ended" || gone || lost) && !this.endedAt) {
      this.endedAt = now;
      this.gone = gone;
      this.lost = lost;
      this.remark(view.ended_at ?? now, gone ? "now.gone" : lost ? "end.lost" : "log.ended");
    }
  }

  /** @param {Notice} notice @param {number} at */
  notice(notice, at) {
    const { code, text } = notice;
    if (code === "caller-dropped-video") this.droppedBy = "caller";
    if (code === "video-dropped") this.droppedBy = "desk";
    if (UNSAID.has(code)) return;
    const key = code === "bound" && !this.call.view.extension ? "notice.unbound" : `notice.${code}`;
    const [who, extension] = [named(this.call, notice.party), notice.extension || this.call.view.extension];
    if (notice.party && notice.party === this.call.party && OWN.has(code)) return;
    if (has(key)) this.remark(at, key, () => ({ who: who(), extension }), TONES[code] ?? "", WITH_REASON.has(code) ? text : "");
    else this.remark(at, "notice.other"); // of a newer gateway
  }

  /** This desk's own transport has changed. @param {number} now */
  followMedia(now) {
    const { media } = this.call;
    if (media.state === this.media.state) return;
    this.media = media;
    if (media.state === "connected") this.remark(now, hasVideo(this.call.view) ? "log.joined" : "log.ready", undefined, "good");
    if (media.state === "interrupted") this.remark(now, "log.interrupted", undefined, "warn");
    if (media.state === "removed") this.remark(now, "log.removed", undefined, "warn");
    if (media.state === "failed") this.remark(now, "log.failed", () => ({ why: fault(media) }), "bad");
  }

  /** @param {import("../sdk/splitter.js").Snapshot} still @param {"png"|"jpg"|"pdf"} [kind]  jpg, pdf: of the caller */
  keep(still, kind = "png") {
    const day = new Date(still.takenAt * 1000);
    const two = (/** @type {number} */ value) => String(value).padStart(2, "0");
    const date = `${day.getFullYear()}${two(day.getMonth() + 1)}${two(day.getDate())}`;
    const time = `${two(day.getHours())}${two(day.getMinutes())}${two(day.getSeconds())}`;
    const number = (numberOf(this.call.view) || this.id).replace(/[^0-9A-Za-z]/g, "");
    const blob = kind === "pdf" ? still.blob.slice(0, still.blob.size, "application/octet-stream") : still.blob; // never opened here
    const file = `${number}-${date}-${time}.${kind}`;
    const kept = { at: still.takenAt, url: URL.createObjectURL(blob), file, kind, number: kind === "png" ? still.number : 0 };
    this.stills.push(kept);
    if (kind === "png") this.remark(still.takenAt, "log.still");
    return kept;
  }

  /** It is kept no longer. */
  dismiss() {
    for (const still of this.stills) URL.revokeObjectURL(still.url);
    this.stills = [];
  }
}

/** A remark in the language of now. @param {Remark} remark */
export function spoken(remark) {
  const key = /** @type {string} */ (remark.key);
  return { text: t(key, remark.values()), more: plainly(remark.more) };
}

/** The number of the person in the network, whoever called; "" where it is hidden. @param {CallView} view */
export function numberOf(view) {
  return view.direction === "out" ? view.called : view.caller;
}

/** @param {CallView} view */
export function callerOf(view) {
  return numberOf(view) || t("calls.unknown");
}

/** A party for people. @param {CallHandle} call @param {string} name */
export function partyName(call, name) {
  return named(call, name)();
}

/** A party as it is now, for people who read it later, in whichever language. @param {CallHandle} call @param {string} name @param {boolean} within  a sentence, where no word of ours has a capital */
function named(call, name, within = false) {
  const find = () => call.view.parties.find((one) => one.name === name);
  let party = find(); // a notice may come before the view that has who joined, or after the one that had who left
  if (name === "slate" || name === "none") return () => t(`source.${name}`);
  if (name === "mosaic") return () => t("choice.mosaic");
  if (name === "caller") return () => t("party.caller");
  if (name && name === call.party) return () => t("party.you");
  const invited = /^(guest|expert)-(\d+)$/.exec(name);
  if (invited) return () => party?.title || t(`party.${invited[1]}`, { number: invited[2] });
  const phone = (call.view.phones ?? []).find((one) => one.name === name);
  if (phone) return () => phone.number;
  return () => {
    party ??= find();
    const own = call.view.parties.find((one) => one.name === call.party)?.extension;
    if (own && party?.extension === own) return t(within ? "source.other-window" : "party.other-window");
    return t("party.desk", { extension: party?.extension || name.replace(/^(seat|desk|onlooker)-/, "") });
  };
}

/** Somebody, or what is seen, within a sentence. @param {CallHandle} call @param {string} source @returns {() => string} */
export function sourceName(call, source) {
  if (source.startsWith("picture:")) return () => t("source.image");
  if (source === call.party) return () => t("source.you");
  return named(call, source, true);
}
