// @ts-check
/**
 * The agent's console: an example of what the SDK can do, and what desks use. All that happens here goes through it.
 *
 *   texts.js     what is said (english.js, chinese.js)  status.js   what is happening and why (pure)
 *   entry.js     what is kept of a call                stage.js    video and images
 *   side.js      facts, parties, quality, stills, log  actions.js  the row of controls
 *   recent.js    this desk's calls before              login.js    signing in
 *   dialogs.js   windows                               strip.js    everybody else in the video
 *   voices.js    phones that were invited              choice.js   what the caller is to see
 *   chat.js      what is written in the call           recording.js  whether it is recorded
 *   wrapup.js    the note on a call that is over         deeds.js  what an agent does to a call
 *   take.js      a call is taken by number or code      keys.js   keys that act at once
 *   photos.js    that the caller has sent              check.js  camera and path, before a call
 *   others.js    calls that nobody has, or others
 */

import { Splitter } from "../sdk/splitter.js";
import { renderControls } from "./actions.js";
import * as dialogs from "./dialogs.js";
import { renderChat, setUpChat } from "./chat.js";
import { renderCheck, setUpCheck } from "./check.js";
import { renderChoice, setUpChoice } from "./choice.js";
import { Deeds } from "./deeds.js";
import { byId, fill, make, say, translatePage } from "./elements.js";
import { callerOf, Entry, sourceName } from "./entry.js";
import { setUpKeys, store, stored } from "./keys.js";
import { remembered, setUpLogin, showLogin, signOut } from "./login.js";
import { followPhotos } from "./photos.js";
import { renderRecent } from "./recent.js";
import { countOthers, renderOthers } from "./others.js";
import { mayOpenRecordings, renderRecording } from "./recording.js";
import { mayDecide, renderSide } from "./side.js";
import { pictureName, renderStage, setUpStage } from "./stage.js";
import { situation } from "./status.js";
import { sayTake, setUpTake } from "./take.js";
import { currentLanguage, duration, fault, t, useLanguage } from "./texts.js";
import { renderVoices } from "./voices.js";
import { renderWrapUp, setUpWrapUp } from "./wrapup.js";

const TOAST_MS = 6000;
const LANGUAGE = "splitter.language";

const splitter = new Splitter({ streams: true });
const deeds = new Deeds(splitter, current, attempt, toast);
/** @type {Map<string, Entry>} this desk's calls by id, those that ended a while ago included */
const entries = new Map();
let selected = "";
let pending = false;
let camera = "";
let sharing = false;
let online = false;
let restarting = false; // the gateway has said so before it went
/** @type {number|undefined} */
let toasting;
let toasted = ""; // the call that the toast leads to
let asking = ""; // the desk of which the toast says that it asks to join

// ---- what is shown -------------------------------------------------------------------------------------------------

/** The page follows what is known, once for whatever happens at the same time. */
function update() {
  if (pending) return;
  pending = true;
  // Not an animation frame: those stop while the window is hidden, and its title is to tell of a call.
  setTimeout(() => {
    pending = false;
    render();
  });
}

function current() {
  return entries.get(selected) ?? null;
}

function render() {
  const entry = current();
  const signedIn = splitter.connection.state !== "signed-out";
  document.body.dataset.connection = splitter.connection.state;
  // While nobody knows yet whether the login holds, what was there stays.
  const known = splitter.me !== null || splitter.connection.state !== "connecting";
  if (known) document.body.dataset.view = !signedIn ? "login" : entry ? "call" : "idle";
  renderTop();
  renderBanner();
  if (toasted && (toasted === entry?.id || (entries.get(toasted)?.over ?? true))) hush(); // nobody needs to be led there
  renderRecent(splitter, signedIn && !entry, deeds.dial);
  if (!signedIn) return;
  if (entry) {
    renderNow(entry);
    if (entry.over) renderWrapUp(splitter, entry);
    renderStage(splitter, entry);
    renderSide(splitter, entry, { ...deeds, remove: deeds.removeParty, show: deeds.showParty, open: dialogs.openStill });
    renderChoice(entry);
    renderVoices(entry, mayDecide(splitter, entry.call.view), deeds);
    renderRecording(entry, mayDecide(splitter, entry.call.view), deeds.record);
    followPhotos(entry, update);
    renderChat(entry, splitter.me?.extension || splitter.me?.name || "");
    renderControls(splitter, entry);
  } else renderIdle();
}

function renderTop() {
  const { me, connection } = splitter;
  say(byId("link-text"), t(`connection.${connection.state}`));
  byId("recordings-open").hidden = !mayOpenRecordings(me?.scopes); // its page takes the token of this tab
  say(byId("who"), me ? (me.extension ? t("desk", { extension: me.extension }) : me.name) : "");
  const ringing = [...entries.values()].find((one) => !one.over && one.call.view.state !== "connected");
  const told = ringing ?? [...entries.values()].find((one) => !one.over);
  const sign = ringing ? "◎" : "●";
  document.title = told ? `${sign} ${callerOf(told.call.view)} – ${t("title")}` : t("title");
  const shown = entries.size > 1 ? [...entries.values()] : [];
  fill(byId("tabs"), [selected, shown.map((one) => [one.id, stateOf(one), callerOf(one.call.view)])], () =>
    shown.map((one) => {
      const attributes = { type: "button", "data-key": one.id, "data-state": stateOf(one), "aria-current": String(one.id === selected) };
      const state = make("span", { class: "tab-state", text: t(`call.state.${stateOf(one)}`) });
      return make("button", { ...attributes, onclick: () => select(one.id) }, make("span", { text: callerOf(one.call.view) }), state);
    }),
  );
}

/** @param {Entry} entry */
function stateOf(entry) {
  return entry.over ? "ended" : entry.call.view.state;
}

function renderBanner() {
  const { state, reason, retryAt } = splitter.connection;
  const away = state === "waiting" || state === "offline" || state === "replaced" || (state === "connecting" && online);
  const draining = state === "online" && splitter.gateway.state === "draining";
  if (reason === "restarting") restarting = true;
  if (state === "online" || state === "replaced") restarting = false;
  byId("banner").hidden = !away && !draining;
  byId("banner-retry").hidden = !away;
  if (draining) {
    say(byId("banner-text"), t("banner.draining"));
    say(byId("banner-wait"), "");
  }
  if (!away) return;
  const seconds = Math.ceil((retryAt - Date.now()) / 1000);
  const talking = state !== "replaced" && [...entries.values()].some((entry) => !entry.over && entry.call.view.state === "connected");
  const tried = state === "connecting" || state === "waiting";
  const words = t(`banner.${tried ? (restarting ? "restarting" : "waiting") : state}`);
  say(byId("banner-text"), talking && !(tried && restarting) ? words + t("sentence.gap") + t("banner.voice") : words);
  say(byId("banner-wait"), state === "waiting" && seconds > 0 ? t("banner.retry.in", { seconds }) : "");
  say(byId("banner-retry"), t(state === "replaced" ? "banner.here" : "banner.retry"));
}

/** @param {Entry} entry */
function renderNow(entry) {
  const { call } = entry;
  const { camera: own, sharing: shared } = splitter.desk;
  const line = situation({
    view: call.view,
    media: call.media,
    party: call.party,
    camera: own,
    sharing: shared,
    droppedBy: entry.droppedBy,
    stopped: entry.stopped,
    gone: entry.gone,
    lost: entry.lost,
    picture: pictureName(entry),
    who: (name) => sourceName(call, name)(),
  });
  byId("now").dataset.tone = line.tone;
  say(byId("headline"), line.head);
  say(byId("why"), line.why);
  byId("why").title = line.why; // it may be cut off
  say(byId("elapsed"), line.counting ? duration(splitter.now() - entry.askedAt) : "");
  const action = byId("now-action");
  action.hidden = !line.join;
  say(action, t("now.join"));
  say(byId("caller"), callerOf(call.view));
  renderClock();
}

function renderClock() {
  const entry = current();
  if (!entry) return;
  const { view } = entry.call;
  const until = view.ended_at ?? (entry.endedAt || splitter.now());
  say(byId("duration"), view.answered_at ? duration(until - view.answered_at) : t(`call.state.${view.state}`));
}

function renderIdle() {
  renderCheck(splitter);
  const reach = (/** @type {string} */ id, /** @type {boolean} */ take) => attempt(async () => open(await reached(id, take)));
  renderOthers(splitter, (id) => entries.has(id), reach);
}

/** A call of the list, taken or only looked at. @param {string} id @param {boolean} take */
async function reached(id, take) {
  const call = splitter.calls.get(id);
  return call && !take ? call : splitter.takeCall(id);
}

/** Each second: what counts. */
function tick() {
  const now = splitter.now();
  for (const entry of entries.values()) if (entry.over && entry.left(now) <= 0 && !dialogs.dialogOpen()) dismiss(entry);
  if (splitter.connection.state === "waiting") renderBanner();
  const entry = current();
  if (entry?.over || entry?.call.view.video.state === "asking") update();
  else if (entry) renderClock();
  else countOthers(splitter);
}

/** @param {string} text @param {"bad"|"calm"} [tone] @param {string} [about]  the call that it leads to */
function toast(text, tone = "bad", about = "") {
  const element = byId("toast");
  [toasted, asking] = [about, ""];
  element.dataset.tone = tone;
  element.hidden = false;
  say(element, text);
  clearTimeout(toasting);
  toasting = setTimeout(hush, TOAST_MS);
}

function hush() {
  const element = byId("toast");
  clearTimeout(toasting);
  toasted = asking = "";
  element.hidden = true;
  element.textContent = "";
}

// ---- calls ---------------------------------------------------------------------------------------------------------

/** @param {import("../sdk/splitter.js").CallHandle} call */
function open(call) {
  const [shown, known] = [current(), entries.get(call.id)];
  if (known && !known.over) return select(call.id);
  const entry = new Entry(call, splitter.now());
  if (known) entry.inherit(known); // it was another desk's meanwhile
  entries.set(call.id, entry);
  call.addEventListener("change", update);
  call.addEventListener("quality", update);
  call.chat.addEventListener("messages", update);
  call.addEventListener("media", () => {
    entry.followMedia(splitter.now());
    update();
  });
  // A call that comes goes before one that is over, never before one that lives.
  if (!shown || shown.over) select(call.id);
  else toast(t("another", { who: callerOf(call.view) }), "calm", call.id);
  update();
}

/** @param {string} id */
function select(id) {
  if (dialogs.dialogOpen()) dialogs.closeDialog();
  selected = id;
  update();
}

/** @param {Entry} entry */
function dismiss(entry) {
  entry.dismiss();
  entries.delete(entry.id);
  if (selected === entry.id) {
    const others = [...entries.values()];
    selected = (others.find((one) => !one.over) ?? others[0])?.id ?? "";
    if (!selected) queueMicrotask(() => byId("idle-title").focus());
  }
  update();
}

splitter.addEventListener("call", (event) => {
  const { call, before, gone, lost } = /** @type {CustomEvent} */ (event).detail;
  const entry = entries.get(call.id);
  if (entry && entry.call === call) {
    entry.follow(before, splitter.now(), { gone, lost });
    if (entry.over && selected === entry.id && dialogs.dialogOpen()) dialogs.closeDialog();
  } else if (isOurs(call.view) && !gone && !lost && call.view.state !== "ended") {
    open(call);
    sayTake("");
  }
  update();
});

splitter.addEventListener("notice", (event) => {
  const { notice, call, at } = /** @type {CustomEvent} */ (event).detail;
  const entry = call ? entries.get(call.id) : undefined;
  entry?.notice(notice, at);
  dialogs.followInvitation(notice);
  if (notice.code === "join-asked" && entry && splitter.owns(entry.call.view)) {
    toast(t("asks.toast", { extension: notice.extension }), "calm");
    asking = notice.extension;
  } else if (notice.code.startsWith("join-") && notice.extension === asking) hush();
  const answered = notice.code === "join-denied" || notice.code === "join-unanswered";
  if (answered && notice.extension === splitter.me?.extension) sayTake(t(`take.${notice.code}`));
  update();
});

splitter.addEventListener("gateway", update);
splitter.addEventListener("unbound", update);

splitter.addEventListener("connection", () => {
  const { state } = splitter.connection;
  const lives = [...entries.values()].filter((entry) => !entry.over);
  if (online && (state === "waiting" || state === "offline")) for (const entry of lives) entry.remark(splitter.now(), "log.gone", undefined, "warn");
  if (!online && state === "online") for (const entry of lives) if (entry.remarks.some((one) => one.key === "log.gone")) entry.remark(splitter.now(), "log.back", undefined, "good");
  if (state === "online") online = true;
  else if (state !== "connecting") online = false;
  if (state === "signed-out") {
    if (dialogs.dialogOpen()) dialogs.closeDialog();
    showLogin(splitter.connection.reason);
  }
  update();
});

splitter.desk.addEventListener("camera", () => {
  const { desk } = splitter;
  const state = desk.camera.state === "trouble" ? desk.camera.trouble : desk.camera.state;
  const entry = current();
  const first = camera === "" && state === "off";
  if (entry && !entry.over && state !== camera && state !== "starting" && !first) {
    if (desk.camera.state === "trouble") entry.remark(splitter.now(), "log.camera", () => ({ why: t(`camera.${state}`) }), "warn");
    else entry.remark(splitter.now(), `log.camera.${state}`);
  }
  if (entry && desk.sharing !== sharing) entry.remark(splitter.now(), desk.sharing ? "log.share" : "log.share.stop");
  if (state !== "starting") camera = state;
  sharing = desk.sharing;
  update();
});

// ---- what is done --------------------------------------------------------------------------------------------------

/** @param {() => Promise<unknown>} act @returns {Promise<boolean>} whether it was done */
async function attempt(act) {
  let done = true;
  try {
    await act();
  } catch (error) {
    done = false;
    toast(fault(error));
  }
  update();
  return done;
}

/** Of this desk, or one that it was let into. @param {import("../sdk/splitter.js").CallView} view */
function isOurs(view) {
  return splitter.owns(view) || (view.admitted ?? []).includes(splitter.me?.extension ?? "");
}

// ---- keys, language, doors -----------------------------------------------------------------------------------------

/** @param {string} wanted */
function speak(wanted) {
  useLanguage(wanted);
  byId("language").lang = currentLanguage() === "en" ? "zh-CN" : "en";
  translatePage();
  sayTake("");
  showLogin();
  update();
}

function begin() {
  dialogs.setUpDialogs();
  setUpLogin(splitter);
  setUpStage();
  setUpCheck(splitter);
  setUpChoice(deeds.showParty);
  setUpChat((entry, text) => attempt(() => entry.call.chat.write(text)));
  speak(stored(LANGUAGE) ?? navigator.language);
  setUpKeys(deeds.act, (number) => {
    const id = [...entries.keys()][number - 1];
    if (id) select(id);
    return Boolean(id);
  });
  document.addEventListener("click", (event) => {
    const button = /** @type {Element} */ (event.target).closest("[data-do]");
    if (button) deeds.act(/** @type {string} */ (button.getAttribute("data-do")));
  });
  byId("language").addEventListener("click", () => {
    const other = currentLanguage() === "en" ? "zh" : "en";
    store(LANGUAGE, other);
    speak(other);
  });
  byId("logout").addEventListener("click", () => {
    for (const entry of entries.values()) entry.dismiss();
    entries.clear();
    signOut(splitter);
  });
  byId("banner-retry").addEventListener("click", () => splitter.retry());
  byId("now-action").addEventListener("click", () => attempt(async () => current()?.call.join()));
  setUpWrapUp(dismiss);
  byId("stage").addEventListener("dblclick", deeds.full);
  setUpTake(splitter, open, update);
  setInterval(tick, 1000);
  remembered(splitter);
}

begin();
