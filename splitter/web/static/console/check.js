// @ts-check
/** The card of the idle desk: does the camera work, and would pictures find a way? */

import { checkCamera, checkPath } from "../sdk/splitter.js";
import { byId, say } from "./elements.js";
import { fault, t } from "./texts.js";

/** @typedef {import("../sdk/splitter.js").Splitter} Splitter */
/** @typedef {"calm"|"busy"|"good"|"warn"} Tone */
/** @typedef {() => string} Words  anew in each language */

const lines = {
  camera: { tone: /** @type {Tone} */ ("calm"), words: /** @type {Words} */ (() => t("check.camera.unknown")) },
  path: { tone: /** @type {Tone} */ ("calm"), words: /** @type {Words} */ (() => "") },
};
let running = false;
let checked = ""; // the login whose path was looked at

/** @param {Splitter} splitter */
export function setUpCheck(splitter) {
  byId("check-run").addEventListener("click", () => check(splitter, true));
}

/** Show what is known; the path is looked at once for each login, the camera only when somebody asks. @param {Splitter} splitter */
export function renderCheck(splitter) {
  const name = splitter.connection.state === "online" ? (splitter.me?.name ?? "") : "";
  if (name && name !== checked) {
    checked = name;
    check(splitter, false);
  }
  draw();
}

/** @param {Splitter} splitter @param {boolean} camera */
async function check(splitter, camera) {
  if (running) return;
  running = true;
  if (camera) set("camera", "busy", () => t("check.running"));
  set("path", "busy", () => t("check.running"));
  await Promise.all([camera ? lookAtCamera() : null, lookAtPath(splitter)]);
  running = false;
  draw();
}

async function lookAtCamera() {
  const { trouble } = await checkCamera();
  if (trouble) set("camera", "warn", () => t(`camera.${trouble}`));
  else set("camera", "good", () => t("check.works"));
}

/** @param {Splitter} splitter */
async function lookAtPath(splitter) {
  try {
    const { works, by, needs } = await checkPath(splitter);
    if (works) set("path", "good", () => t(`check.path.${by}`));
    else set("path", "warn", () => t("check.path.closed", { where: needs.join(", ") }));
  } catch (error) {
    set("path", "warn", () => fault(error));
  }
}

/** @param {"camera"|"path"} which @param {Tone} tone @param {Words} words */
function set(which, tone, words) {
  lines[which] = { tone, words };
  draw();
}

function draw() {
  for (const which of /** @type {const} */ (["camera", "path"])) {
    byId(`check-${which}`).dataset.tone = lines[which].tone;
    say(byId(`check-${which}-said`), lines[which].words());
  }
  byId("check-run").toggleAttribute("disabled", running);
}
