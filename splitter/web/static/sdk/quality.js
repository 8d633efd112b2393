// @ts-check
/** How good the video is, from what the browser counts. Pure: it is given reports, and reads no clock. */

/** @typedef {import("./types.js").Quality} Quality */
/** @typedef {import("./types.js").Direction} Direction */
/** @typedef {import("./types.js").Level} Level */
/** @typedef {import("./types.js").Flows} Flows */

export const QUALITY_EVERY_MS = 2_000;

/** Reads getStats; what it says are differences since it was read last. */
export class Meter {
  /** @type {Map<string, number>} */
  #before = new Map();
  #received = new Judge();
  #sent = new Judge();

  /** @param {RTCStatsReport} report @param {Flows} flows @returns {Quality} */
  read(report, flows) {
    /** @type {any} */ let received;
    /** @type {any} */ let sent;
    /** @type {any} */ let source;
    /** @type {any} */ let told;
    /** @type {any} */ let pair;
    report.forEach((/** @type {any} */ one) => {
      if (one.type === "inbound-rtp" && one.kind === "video") received = one;
      else if (one.type === "outbound-rtp" && one.kind === "video") sent = one;
      else if (one.type === "media-source" && one.kind === "video") source = one;
      else if (one.type === "remote-inbound-rtp" && one.kind === "video") told = one;
      else if (one.type === "candidate-pair" && one.nominated && one.state === "succeeded") pair = one;
    });
    const rtt = told?.roundTripTime ?? pair?.currentRoundTripTime;
    const rttMs = rtt === undefined ? null : Math.round(rtt * 1000);
    const inbound = this.#read(received, rttMs, flows.received);
    const outbound = this.#write(sent, source, told, rttMs, flows.sent);
    return { level: worst(inbound.level, outbound.level), rttMs, received: inbound, sent: outbound };
  }

  /** @param {any} one @param {number|null} rttMs @param {boolean} flows @returns {Direction} */
  #read(one, rttMs, flows) {
    if (!one) return nothing();
    const [ms, bytes, frames] = this.#since(one, ["timestamp", "bytesReceived", "framesDecoded"], "in");
    const [lost, packets, frozenS] = this.#since(one, ["packetsLost", "packetsReceived", "totalFreezesDuration"], "in");
    const found = direction(one, ms, bytes, frames, percent(lost, lost + packets), one.freezeCount ?? 0);
    return { ...found, level: this.#received.of(found, flows, { ms, rttMs, frozenS, source: Infinity }) };
  }

  /** @param {any} one @param {any} source @param {any} told @param {number|null} rttMs @param {boolean} flows @returns {Direction} */
  #write(one, source, told, rttMs, flows) {
    if (!one) return nothing();
    const [ms, bytes, frames] = this.#since(one, ["timestamp", "bytesSent", "framesEncoded"], "out");
    const found = direction(one, ms, bytes, frames, (told?.fractionLost ?? 0) * 100, 0);
    // A shared window in which nothing moves has hardly any pictures: that is no fault.
    const offered = source?.framesPerSecond ?? Infinity;
    return { ...found, level: this.#sent.of(found, flows, { ms, rttMs, frozenS: 0, source: offered }) };
  }

  /** @param {any} one @param {string[]} names @param {string} scope @returns {number[]} */
  #since(one, names, scope) {
    return names.map((name) => {
      const key = `${scope}.${name}`;
      const value = Number(one[name] ?? 0);
      const before = this.#before.get(key) ?? value;
      this.#before.set(key, value);
      return Math.max(0, value - before);
    });
  }
}

const RECENT = 8; // readings that tell what is usual
const WORSE_AFTER = 2; // readings in a row
const BETTER_AFTER = 3;
const SHORT_MS = 1_000; // a reading over less says nothing

/** @typedef {{ms: number, rttMs: number|null, frozenS: number, source: number}} Signs  `source`: pictures/s to be had */

/** How good one direction is, against what is usual for it; it does not waver. */
class Judge {
  /** @type {Array<{fps: number, frozenS: number}>} */
  #recent = [];
  /** @type {Level} */
  #level = "unknown";
  /** @type {Level[]} */
  #other = []; // the readings in a row that say better, or worse
  #flowed = false;

  /** @param {Direction} found @param {boolean} flows @param {Signs} signs @returns {Level} */
  of(found, flows, signs) {
    const flowed = this.#flowed;
    this.#flowed = flows;
    if (!flows || !flowed) {
      // A reading over the begin tells of the waiting picture too.
      [this.#recent, this.#level, this.#other] = [[], "unknown", []];
      return "unknown";
    }
    if (signs.ms < SHORT_MS) return this.#level;
    if (found.fps === 0 && found.kbps === 0) return "none";
    this.#recent = [...this.#recent, { fps: found.fps, frozenS: signs.frozenS }].slice(-RECENT);
    return this.#steady(this.#now(found, signs));
  }

  /** @param {Direction} found @param {Signs} signs @returns {Level} */
  #now({ fps, lossPercent: loss }, { rttMs, source }) {
    const usual = Math.min(source, median(this.#recent.map((one) => one.fps)));
    const overS = (Math.max(this.#recent.length, RECENT / 2) * QUALITY_EVERY_MS) / 1000; // one of them is none
    const frozen = this.#recent.reduce((sum, one) => sum + one.frozenS, 0) / overS;
    const slow = (/** @type {number} */ least, /** @type {number} */ part) => fps < Math.min(least, source) || fps < usual * part;
    const rtt = rttMs ?? 0;
    if (loss > 8 || rtt > 700 || frozen > 0.3 || slow(4, 0.3)) return "poor";
    if (loss > 2 || rtt > 300 || frozen > 0.1 || slow(8, 0.6)) return "fair";
    return "good";
  }

  /** @param {Level} now @returns {Level} */
  #steady(now) {
    if (this.#level === "unknown" || now === this.#level) {
      [this.#level, this.#other] = [now, []];
      return now;
    }
    const worse = worst(now, this.#level) === now;
    const same = this.#other.filter((one) => (worst(one, this.#level) === one) === worse);
    this.#other = [...same, now];
    if (this.#other.length >= (worse ? WORSE_AFTER : BETTER_AFTER)) {
      // The mildest change that all of them bear out.
      this.#level = this.#other.reduce((one, other) => (worse === (worst(one, other) === one) ? other : one));
      this.#other = [];
    }
    return this.#level;
  }
}

/**
 * @param {any} one @param {number} ms @param {number} bytes @param {number} frames @param {number} lossPercent
 * @param {number} freezes @returns {Direction}
 */
function direction(one, ms, bytes, frames, lossPercent, freezes) {
  const perSecond = (/** @type {number} */ value) => (ms > 0 ? (value * 1000) / ms : 0);
  return {
    level: "unknown",
    lossPercent: Math.round(lossPercent * 10) / 10,
    fps: Math.round(perSecond(frames)),
    kbps: Math.round(perSecond(bytes * 8) / 1000),
    width: one.frameWidth ?? 0,
    height: one.frameHeight ?? 0,
    freezes,
  };
}

/** What was measured, of what flows now. @param {Quality} quality @param {Flows} flows @returns {Quality} */
export function between(quality, flows) {
  const of = (/** @type {Direction} */ found, /** @type {boolean} */ flow) => (flow ? found : { ...found, level: /** @type {Level} */ ("none") });
  const [received, sent] = [of(quality.received, flows.received), of(quality.sent, flows.sent)];
  return { ...quality, level: worst(received.level, sent.level), received, sent };
}

/** @param {Level} one @param {Level} other @returns {Level} */
function worst(one, other) {
  const order = /** @type {Level[]} */ (["poor", "fair", "good", "unknown", "none"]);
  return order[Math.min(order.indexOf(one), order.indexOf(other))];
}

/** @param {number[]} values  at least one */
function median(values) {
  return [...values].sort((one, other) => one - other)[values.length >> 1];
}

/** @param {number} part @param {number} whole */
function percent(part, whole) {
  return whole > 0 ? (part / whole) * 100 : 0;
}

/** @returns {Direction} */
function nothing() {
  return { level: "unknown", lossPercent: 0, fps: 0, kbps: 0, width: 0, height: 0, freezes: 0 };
}

/** @returns {Quality} */
export function silence() {
  return { level: "unknown", rttMs: null, received: nothing(), sent: nothing() };
}
