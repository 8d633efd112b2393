// @ts-check
/** Where the guest's video stands, in a word for `texts.js`: nothing is said to be seen that is not. Pure. */

/** @typedef {import("../sdk/types.js").Camera} Camera */
/** @typedef {import("./feed.js").GuestCall} GuestCall */
/** @typedef {import("./feed.js").Own} Own */
/**
 * @typedef {{connection: "connecting"|"connected"|"interrupted", code: string, online: boolean, camera: Camera,
 *   call: GuestCall|null, own: Own|undefined, late: boolean, app: boolean}} Known
 *   code: why the connection is as it is; own: what the gateway knows of this browser; late: pictures were to be there by
 *   now; app: a program shows the page that is no browser.
 */
/** @typedef {{status: string, tone: ""|"good"|"warn", trouble: string, sign: string}} Standing
 *   trouble: what is said large, with its remedy; sign: of what the user sees. */

const IN_APP = ["denied", "no-camera", "insecure-context", "failed"];
const WITHOUT_ROOM = ["overload", "draining", "full", "no-media", "no-ports"];

/** @param {Known} known @returns {Standing} */
export function standingOf(known) {
  const { camera } = known;
  const trouble = camera.wanted && camera.state === "trouble" ? `camera.${nameOf(known)}` : "";
  return { ...seen(known), trouble, sign: signOf(known) };
}

/** @param {Known} known @returns {{status: string, tone: ""|"good"|"warn"}} */
function seen({ connection, code, online, camera, call, own, late }) {
  if (!online) return { status: "offline", tone: "warn" };
  if (code === "no-path") return { status: "no-path", tone: "warn" };
  if (WITHOUT_ROOM.includes(code)) return { status: "crowded", tone: "warn" };
  if (connection === "interrupted") return { status: "interrupted", tone: "warn" };
  if (connection === "connecting") return { status: "connecting", tone: "" };
  if (!camera.wanted) return { status: "paused", tone: "" };
  if (camera.state === "starting") return { status: "camera.starting", tone: "" };
  if (camera.state !== "on") return { status: "unseen", tone: "warn" };
  if (!call || !own?.receives) return late ? { status: "stalled", tone: "warn" } : { status: "arriving", tone: "" };
  return call.agent === "away" ? { status: "unwatched", tone: "" } : { status: "connected", tone: "good" };
}

/** What is said of the camera's trouble. @param {Known} known */
function nameOf({ camera, app }) {
  return app && IN_APP.includes(camera.trouble) ? "in-app" : camera.trouble;
}

/** @param {Known} known */
function signOf({ connection, call, own }) {
  if (connection !== "connected" || !call || !own || call.agent === "away") return "";
  if (own.shown === "image") return "sign.image";
  return own.shown === "waiting" && call.agent === "connected" ? "sign.paused" : "";
}

/**
 * What the desks are told of this camera; see `CameraState` of the API.
 * @param {Camera} camera @param {boolean} hidden  the page is in the background @param {boolean} app
 */
export function told(camera, hidden, app) {
  if (!camera.wanted) return "paused";
  if (hidden) return "background";
  if (camera.state !== "trouble") return camera.state === "off" ? "" : camera.state;
  const name = app && IN_APP.includes(camera.trouble) ? "blocked" : camera.trouble;
  return name === "insecure-context" ? "blocked" : name;
}
