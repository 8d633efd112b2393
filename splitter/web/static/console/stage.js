// @ts-check
/** The stage: the caller's video large, what the caller sees small, and what covers them. */

import { hasVideo, play } from "../sdk/splitter.js";
import { coverOf } from "./cover.js";
import { byId, fill, make, say } from "./elements.js";
import { callerOf, partyName, sourceName } from "./entry.js";
import { mainOf, renderStrip } from "./strip.js";
import { duration, ending, t } from "./texts.js";
import { keepable } from "./wrapup.js";

/** @typedef {import("../sdk/splitter.js").Splitter} Splitter */
/** @typedef {import("./entry.js").Entry} Entry */

/** @type {import("../sdk/splitter.js").CallHandle|null} */
let attached = null;
/** @type {Map<string, {url: string, name: string}>} images that the caller was shown, by id */
const stills = new Map();

/** Wire the stage; once. */
export function setUpStage() {
  const [stage, remote, own] = [byId("stage"), byId("remote"), byId("own")];
  // Beside the caller's video where there is room, so that it hides nothing of it.
  const place = () => {
    const width = (remote.videoWidth / (remote.videoHeight || 1)) * stage.clientHeight;
    const strip = stage.hasAttribute("data-strip") ? byId("strip").clientWidth : 0;
    stage.toggleAttribute("data-beside", width > 0 && width <= stage.clientWidth - strip - own.clientWidth - 28);
  };
  remote.addEventListener("resize", place);
  new ResizeObserver(place).observe(stage);
}

/** @param {Splitter} splitter @param {Entry} entry */
export function renderStage(splitter, entry) {
  if (attached !== entry.call) {
    attached = entry.call;
    entry.call.attach(byId("remote"));
  }
  renderMain(entry);
  renderStrip(entry);
  renderCover(entry);
  renderOwn(splitter, entry);
  renderSummary(splitter, entry);
}

/** The name of the image that the caller sees; "" while it is not known. @param {Entry} entry */
export function pictureName(entry) {
  const { showing } = entry.call;
  return stills.get(showing.replace("picture:", ""))?.name ?? "";
}

// ---- who is seen large ----

/** @param {Entry} entry */
function renderMain(entry) {
  const main = mainOf(entry);
  const stream = entry.call.streamOf(main.name) ?? (main.name === "caller" ? entry.call.remoteStream : null);
  if (stream && byId("remote").srcObject !== stream) play(byId("remote"), stream);
  byId("main-name").hidden = main.name === "caller" || entry.over;
  say(byId("main-name"), main.name === "caller" ? "" : partyName(entry.call, main.name));
}

// ---- the caller's video ----

/** @param {Entry} entry */
function renderCover(entry) {
  const main = mainOf(entry);
  const comes = main.sends && entry.call.streamOf(main.name) !== null;
  const { kind, busy, symbol, text } = coverOf({ view: entry.call.view, media: entry.call.media, main, comes });
  const stage = byId("stage");
  stage.dataset.cover = kind;
  stage.dataset.busy = String(busy);
  byId("cover-icon").setAttribute("href", `#i-${symbol}`);
  say(byId("cover-text"), text);
}

// ---- what the caller sees ----

/** @param {Splitter} splitter @param {Entry} entry */
function renderOwn(splitter, entry) {
  const { desk } = splitter;
  const still = shownStill(splitter, entry);
  const { symbol, text, tone } = ownOf(splitter, entry);
  const live = desk.track !== null && !still;
  const [figure, preview, image] = [byId("own"), byId("preview"), byId("shown")];
  figure.hidden = entry.over || entry.call.view.state !== "connected";
  figure.dataset.tone = tone;
  figure.dataset.mirror = String(live && !desk.sharing);
  if (live && preview.hidden) play(preview, desk.preview);
  preview.hidden = !live;
  image.hidden = !still;
  if (still && image.src !== still) image.src = still;
  byId("own-icon").toggleAttribute("hidden", live || Boolean(still));
  byId("own-icon").firstElementChild.setAttribute("href", `#i-${symbol}`);
  say(byId("own-text"), text);
}

/** @param {Splitter} splitter @param {Entry} entry @returns {{symbol: string, text: string, tone: string}} */
function ownOf(splitter, entry) {
  const { camera, sharing, track } = splitter.desk;
  const { view, party, showing } = entry.call;
  const own = (/** @type {string} */ key, tone = "", symbol = "camera-off", who = "") => ({ symbol, text: t(`own.${key}`, { who }), tone });
  if (showing.startsWith("picture:")) return own("image", "good", "picture");
  if (!hasVideo(view) && camera.state !== "on") return camera.wanted ? own("standby", "", "camera") : own("off");
  if (!sharing && camera.state === "trouble") return own("trouble", "warn");
  if (!sharing && !camera.wanted) return own("off", hasVideo(view) ? "warn" : "");
  if (!sharing && camera.state === "starting") return own("starting", "", "camera");
  if (showing === party && party) return own(sharing ? "screen" : "camera", "good");
  if (!hasVideo(view)) return own(track ? "preview" : "off");
  if (showing === "slate") return own("slate", "warn");
  if (showing === "none" || !showing) return own("none", "warn");
  return own("other", "", "eye", sourceName(entry.call, showing)());
}

/** The address of the image that the caller sees, once it was fetched. @param {Splitter} splitter @param {Entry} entry */
function shownStill(splitter, entry) {
  const { showing } = entry.call;
  if (!showing.startsWith("picture:")) return "";
  const id = showing.replace("picture:", "");
  const known = stills.get(id);
  if (!known) fetchStill(splitter, id, entry);
  return known?.url ?? "";
}

/** @param {Splitter} splitter @param {string} id @param {Entry} entry */
async function fetchStill(splitter, id, entry) {
  stills.set(id, { url: "", name: "" });
  try {
    const [image, all] = await Promise.all([splitter.pictureImage(id, entry.id), splitter.pictures(entry.id)]);
    const name = all.find((picture) => picture.id === id)?.name ?? "";
    stills.set(id, { url: URL.createObjectURL(image), name });
    entry.call.dispatchEvent(new Event("change"));
  } catch {
    setTimeout(() => stills.delete(id), 5000); // the next change tries again
  }
}

// ---- the end ----

/** @param {Splitter} splitter @param {Entry} entry */
function renderSummary(splitter, entry) {
  const { view } = entry.call;
  const summary = byId("summary");
  summary.hidden = !entry.over;
  if (!entry.over) return;
  say(summary.querySelector("h2"), t(entry.gone ? "now.gone" : entry.lost ? "now.lost" : "now.ended"));
  say(byId("summary-why"), entry.gone ? "" : entry.lost ? t("end.lost") : ending(view.end_reason, view.end_status));
  const facts = [
    [t("ended.number"), callerOf(view)],
    [t("ended.duration"), view.answered_at ? duration((view.ended_at ?? entry.endedAt) - view.answered_at) : "0:00"],
    [t("ended.video"), t(entry.hadVideo ? "ended.video.yes" : "ended.video.no")],
    [t("ended.stills"), String(entry.stills.length)],
  ];
  fill(byId("summary-facts"), facts, () => facts.flatMap(([name, value]) => [make("dt", { text: name }), make("dd", { text: value })]));
  byId("summary-keep").hidden = entry.stills.length === (byId("wrap").hidden ? 0 : keepable(entry).length);
  const left = entry.left(splitter.now());
  say(byId("summary-back"), Number.isFinite(left) ? t("ended.back", { seconds: left }) : "");
}
