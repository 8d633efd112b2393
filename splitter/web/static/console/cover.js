// @ts-check
/** What covers the large video while there is none to see, or no longer. */

import { hasPaused, hasPicture, hasVideo } from "../sdk/splitter.js";
import { t } from "./texts.js";

/** @typedef {import("../sdk/splitter.js").CallView} CallView */
/** @typedef {import("../sdk/splitter.js").Media} Media */

/**
 * `kind`: "full" hides what is under it; "over" lets the last picture of a person through; "none" shows all of it.
 * @typedef {{kind: "none"|"full"|"over", busy: boolean, symbol: string, text: string}} Cover
 */

/**
 * @param {{view: CallView, media: Media, main: {name: string, sends: boolean}, comes: boolean}} sight  main: who is seen
 *   large; comes: a stream of it is here
 * @returns {Cover}
 */
export function coverOf({ view, media, main, comes }) {
  const ofCaller = main.name === "caller";
  const seen = ofCaller ? hasVideo(view) && hasPicture(view) : comes;
  if (view.state === "ringing" || view.state === "routing") return full("voice", t(`call.state.${view.state}`), true);
  if (media.state === "joining") return full("camera", t("now.joining"), true);
  if (media.state === "interrupted") return { ...full("camera-off", t("stage.interrupted"), true), kind: seen ? "over" : "full" };
  if (media.state !== "connected") return full("camera-off", t("stage.no-video"));
  if (ofCaller && view.video.state === "asking") return full("ask", t("stage.asking"), true);
  if (seen) return { kind: "none", busy: false, symbol: "camera", text: "" };
  if (!ofCaller) return full("camera-off", t("stage.no-video"), main.sends);
  if (!hasVideo(view)) return full("voice", t("stage.voice"));
  return hasPaused(view) ? full("camera-off", t("stage.paused")) : full("camera", t("stage.no-video"), true);
}

/** @param {string} symbol @param {string} text @param {boolean} [busy] @returns {Cover} */
function full(symbol, text, busy = false) {
  return { kind: "full", busy, symbol, text };
}
