// @ts-check
/** The player of one recording: the film, how loud it is, what happened in it, and the name of who looks. */

import { byId, make, say } from "./page.js";
import { clock, has, moment, t } from "./texts.js";

/** @typedef {import("../sdk/http.js").Http} Http */
/** @typedef {{at: number, what: string, more: Record<string, any>}} FilmEvent */

const RENEW_MS = 30 * 60_000;
const LOOK_MS = 3000;
const MARKS = 40;
const KINDS = ["begun", "paused", "resumed", "ended", "stopped", "still", "photo", "pdf", "hold", "message", "transfer", "without"];

/** @type {any} */ let row = null;
/** @type {FilmEvent[]} */ let events = [];
/** @type {{caller: number[], agent: number[]}} */ let peaks = { caller: [], agent: [] };
/** @type {Http|undefined} */ let http;
let who = "";
let timer = 0;
let renewed = 0;
/** @type {{context: AudioContext, gains: GainNode[]}|null} */ let heard = null;

/** @param {Http} api @param {(error: unknown) => void} refused */
export function setUpPlayer(api, refused) {
  http = api;
  const video = byId("video");
  video.addEventListener("timeupdate", draw);
  video.addEventListener("error", () => again(refused));
  byId("wave").addEventListener("click", (/** @type {MouseEvent} */ event) => {
    const box = byId("wave").getBoundingClientRect();
    if (Number.isFinite(video.duration)) video.currentTime = ((event.clientX - box.left) / box.width) * video.duration;
  });
  byId("full").addEventListener("click", () => byId("screen").requestFullscreen?.());
  byId("hear").addEventListener("change", hear);
  byId("make").addEventListener("click", () => ask("POST", "film").then(() => look(refused)).catch(refused));
  byId("download").addEventListener("click", () => save(refused));
  setInterval(mark, 10_000);
}

/** Open a recording. @param {any} found @param {string} name  of who looks @param {(error: unknown) => void} refused */
export async function openOne(found, name, refused) {
  [row, who, events, peaks] = [found, name, [], { caller: [], agent: [] }];
  byId("player").hidden = true;
  for (const list of ["events", "beside"]) byId(list).replaceChildren();
  document.getElementById("picture")?.remove(); // of the one before
  say(byId("one-title"), `${row.caller} → ${row.called}, ${moment(row.began)}`);
  byId("one-title").focus();
  await look(refused);
  if (row?.id !== found.id) return; // it was left meanwhile, or another one opened
  try {
    const said = await (await ask("GET", "events")).json();
    if (row?.id !== found.id) return;
    events = said.events;
    renderBeside();
  } catch (error) {
    refused(error);
  }
}

/** Leave it. */
export function closeOne() {
  clearTimeout(timer);
  row = null;
  document.getElementById("picture")?.remove();
  const video = byId("video");
  video.pause();
  video.removeAttribute("src");
  video.load();
}

/** Say all again in the language of now. */
export function renderOne() {
  if (!row) return;
  renderState();
  renderEvents();
  renderBeside();
  mark();
}

/** @param {string} method @param {string} part */
function ask(method, part = "") {
  const path = `/v1/recordings/${encodeURIComponent(row.id)}${part && `/${part}`}`;
  return /** @type {Http} */ (http).request(method, path, { cookies: part === "play" }); // which is how a player asks
}

/** See how far the film is, until it is ready. @param {(error: unknown) => void} refused */
async function look(refused) {
  clearTimeout(timer);
  const id = row?.id;
  try {
    const found = await (await ask("GET")).json();
    if (row?.id !== id) return; // another one was opened meanwhile
    row = found;
    renderState();
    const state = row.film?.state;
    if (state === "ready") await play();
    else if (state === "waiting" || state === "rendering") timer = setTimeout(() => row && look(refused), LOOK_MS);
  } catch (error) {
    refused(error);
  }
}

function renderState() {
  const film = row.film;
  const live = row.state === "recording" || row.state === "paused";
  let text = t(`film.${film?.state ?? "none"}`, { why: film?.reason ?? "" });
  if (film?.state === "ready" && film.reason) text = t("film.notes", { why: film.reason });
  if (row.state === "deleted") text = t("state.deleted");
  else if (live && film?.state !== "ready") text = t("film.late");
  say(byId("state"), text);
  byId("make").hidden = live || row.state === "deleted" || (film && film.state !== "failed");
}

async function play() {
  const id = row.id;
  await ask("POST", "play");
  if (row?.id !== id) return;
  renewed = Date.now();
  const loud = await (await ask("GET", "peaks")).json();
  if (row?.id !== id) return;
  peaks = loud;
  const video = byId("video");
  video.src = new URL(`/v1/recordings/${encodeURIComponent(row.id)}/film`, location.href).href;
  byId("player").hidden = false;
  mark();
  draw();
}

/** The leave to play has ended, or the network was away: go on at the same place. @param {(error: unknown) => void} refused */
async function again(refused) {
  const video = byId("video");
  if (!row || !video.getAttribute("src") || Date.now() - renewed < 5000) return;
  const at = video.currentTime;
  try {
    await play();
    video.currentTime = at;
  } catch (error) {
    refused(error);
  }
}

/** The name of who looks, and when, over the picture. */
function mark() {
  if (!row || byId("player").hidden) return;
  const text = `${who} · ${moment(Date.now() / 1000)}`;
  byId("mark").replaceChildren(...Array.from({ length: MARKS }, () => make("span", { text })));
  if (Date.now() - renewed > RENEW_MS) {
    renewed = Date.now();
    ask("POST", "play").catch(() => {}); // the player itself says so where it cannot go on
  }
}

/** How loud it is, the caller above and all others below; where events are, and where it plays. */
function draw() {
  const canvas = byId("wave");
  const pen = canvas.getContext("2d");
  const [width, height, video] = [canvas.width, canvas.height, byId("video")];
  pen.clearRect(0, 0, width, height);
  const count = peaks.caller.length;
  pen.fillStyle = "#7cc4ff";
  peaks.caller.forEach((value, index) => pen.fillRect((index * width) / count, height / 2, width / count, (-Math.sqrt(value) * height) / 20));
  pen.fillStyle = "#63d297";
  peaks.agent.forEach((value, index) => pen.fillRect((index * width) / count, height / 2, width / count, (Math.sqrt(value) * height) / 20));
  const length = video.duration;
  if (!Number.isFinite(length) || !length) return;
  pen.fillStyle = "#ffc857";
  for (const event of events) if (KINDS.includes(event.what)) pen.fillRect((event.at / length) * width, 0, 2, height);
  pen.fillStyle = "#ffffff";
  pen.fillRect((video.currentTime / length) * width, 0, 2, height);
}

function renderEvents() {
  const shown = events.filter((event) => has(`event.${event.what}`));
  byId("events").replaceChildren(
    ...shown.map((event) => {
      const whom = event.more.title || event.more.name || event.more.number || "";
      const is = said(event.more.is);
      const words = event.what === "message" ? event.more.is : is; // of people, which are none of ours
      const text = t(`event.${event.what}`, { who: said(whom), is: words, seconds: event.more.seconds });
      const jump = () => {
        byId("video").currentTime = event.at;
        draw();
      };
      return make("li", {}, make("button", { type: "button", onclick: jump }, make("span", { class: "at", text: clock(event.at) }), make("span", { text })));
    }),
  );
}

/** What an event says, in the language of now where there are words. @param {any} is */
function said(is) {
  if (Array.isArray(is)) return is.length ? is.map(said).join(", ") : t("is.nobody");
  if (is === null || typeof is === "object") return "";
  return has(`is.${is}`) ? t(`is.${is}`) : is;
}

function renderBeside() {
  renderEvents();
  const items = row.beside.map((/** @type {any} */ file) => {
    const text = t(`beside.${file.kind}`, { at: moment(file.at) });
    return make("li", {}, make("button", { type: "button", text, onclick: () => open(file) }));
  });
  byId("beside").replaceChildren(...(items.length ? items : [make("li", { class: "muted", text: t("beside.none") })]));
  draw();
}

/** Show a picture, or download a PDF, and jump to where it was taken. @param {any} file */
async function open(file) {
  const at = events.find((event) => event.more.file === file.path.split("/").pop());
  if (at) byId("video").currentTime = at.at;
  const id = row.id;
  const answer = await ask("GET", `beside/${file.number}`);
  if (row?.id !== id) return;
  const blob = await answer.blob();
  if (file.kind === "pdf") return download(blob, file.path.split("/").pop());
  const url = URL.createObjectURL(blob);
  const image = make("img", { src: url, alt: t(`beside.${file.kind}`, { at: moment(file.at) }), class: "picture" });
  image.addEventListener("load", () => URL.revokeObjectURL(url));
  document.getElementById("picture")?.remove();
  byId("beside").after(make("div", { id: "picture" }, image));
}

/** Put a file of a stranger on the disk; never open it here. @param {Blob} blob @param {string} name */
function download(blob, name) {
  const url = URL.createObjectURL(blob.slice(0, blob.size, "application/octet-stream"));
  make("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}

/** Hear both sides, or one. */
function hear() {
  const wanted = byId("hear").value;
  if (!heard) {
    const context = new AudioContext();
    const [source, split, join] = [context.createMediaElementSource(byId("video")), context.createChannelSplitter(2), context.createChannelMerger(2)];
    const gains = [context.createGain(), context.createGain()];
    source.connect(split);
    gains.forEach((gain, side) => {
      split.connect(gain, side);
      for (const ear of [0, 1]) gain.connect(join, 0, ear);
    });
    join.connect(context.destination);
    heard = { context, gains };
  }
  heard.context.resume();
  heard.gains[0].gain.value = wanted === "agent" ? 0 : 1;
  heard.gains[1].gain.value = wanted === "caller" ? 0 : 1;
}

/** Take the film out of the house: the browser keeps it as a file. @param {(error: unknown) => void} refused */
async function save(refused) {
  try {
    await ask("POST", "play");
    const url = `/v1/recordings/${encodeURIComponent(row.id)}/film?export=1`;
    make("a", { href: url, download: `${row.id}.mp4` }).click();
  } catch (error) {
    refused(error);
  }
}
