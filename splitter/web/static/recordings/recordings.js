// @ts-check
/** The page of recordings: who looks, what is searched for, and which one is open. */

import { Http } from "../sdk/http.js";
import { byId, make, say, translatePage } from "./page.js";
import { closeOne, openOne, renderOne, setUpPlayer } from "./player.js";
import { clock, has, moment, switchLanguage, t } from "./texts.js";

const TOKEN = "splitter.token"; // as the console keeps it, for this tab
const COLUMNS = ["began", "caller", "called", "agent", "route", "length", "state", "open"];
const ASKED = ["number", "agent", "route", "call"];
/** @type {Record<string, {name: string, of: string[]}>} what may be chosen, by the id of its element */
const CHOICES = {
  consent: { name: "consent", of: ["accepted", "refused", "no-answer", "unsupported", "failed", "withdrawn"] },
  "video-seen": { name: "video", of: ["both", "caller only", "agent only", "none"] },
  "recording-state": { name: "state", of: ["recording", "paused", "ended", "stopped", "deleted"] },
};

const http = new Http(new URL("/", location.href));
/** @type {any[]|null} */ let rows = null;
/** @type {string[]} */ let missing = []; // nodes that did not answer
let who = "";

/** @param {unknown} error */
function refused(error) {
  const { status = 0, code = "" } = /** @type {{status?: number, code?: string}} */ (error);
  say(byId("fault"), t(has(`fault.${status}`) ? `fault.${status}` : "fault"));
  if (status === 401 && code !== "code-needed") signOut();
}

/** @param {"login"|"found"|"one"} part */
function show(part) {
  for (const id of ["login", "found", "one"]) byId(id).hidden = id !== part;
  byId("logout").hidden = part === "login";
}

function signOut() {
  closeOne();
  http.token = who = "";
  rows = null;
  try {
    sessionStorage.removeItem(TOKEN);
  } catch {
    // there is nothing to forget
  }
  render();
  show("login");
}

async function enter() {
  const me = await (await http.request("GET", "/v1/me")).json();
  who = me.name;
  say(byId("fault"), "");
  render();
  show("found");
  const id = new URLSearchParams(location.hash.slice(1)).get("id");
  if (id) await openId(id);
}

/** @param {Event} event */
async function logIn(event) {
  event.preventDefault();
  const [user, password, code] = ["user", "password", "code"].map((id) => byId(id).value.trim());
  try {
    const answer = await http.request("POST", "/v1/login", { json: { user, password, ...(code && { code }) } });
    http.token = (await answer.json()).token;
    try {
      sessionStorage.setItem(TOKEN, http.token);
    } catch {
      // then it lasts as long as the page
    }
    byId("password").value = byId("code").value = "";
    await enter();
  } catch (error) {
    refused(error);
  }
}

/** @param {Event} event */
async function find(event) {
  event.preventDefault();
  const query = new URLSearchParams({ limit: "200" });
  for (const id of ASKED) if (byId(id).value.trim()) query.set(id, byId(id).value.trim());
  for (const [id, choice] of Object.entries(CHOICES)) if (byId(id).value) query.set(choice.name, byId(id).value);
  for (const id of ["since", "until"]) {
    if (byId(id).value) query.set(id, String(new Date(byId(id).value).getTime() / 1000));
  }
  try {
    const found = await (await http.request("GET", `/v1/recordings?${query}`)).json();
    [rows, missing] = [found.recordings, found.missing ?? []];
    say(byId("fault"), "");
    render();
  } catch (error) {
    refused(error);
  }
}

/** @param {string} id */
async function openId(id) {
  try {
    const row = await (await http.request("GET", `/v1/recordings/${encodeURIComponent(id)}`)).json();
    say(byId("fault"), "");
    show("one");
    history.replaceState(null, "", `#id=${encodeURIComponent(id)}`);
    await openOne(row, who, refused);
  } catch (error) {
    refused(error);
  }
}

function renderChoices() {
  for (const [id, { name, of }] of Object.entries(CHOICES)) {
    const chosen = byId(id).value;
    byId(id).replaceChildren(...["", ...of].map((one) => make("option", { value: one, text: t(one ? `${name}.${one}` : "find.any") })));
    byId(id).value = chosen;
  }
}

function render() {
  translatePage();
  renderChoices();
  say(byId("who"), who);
  byId("head").replaceChildren(...COLUMNS.map((name) => make("th", { scope: "col", text: t(`col.${name}`) })));
  byId("table").hidden = !rows?.length;
  const lacking = missing.length ? ` ${t("find.missing", { nodes: missing.join(", ") })}` : "";
  say(byId("count"), rows ? t(rows.length ? "find.count" : "find.none", { count: rows.length }) + lacking : "");
  byId("rows").replaceChildren(...(rows ?? []).map(line));
  renderOne();
}

/** @param {any} row */
function line(row) {
  const length = clock((row.ended ?? Date.now() / 1000) - row.began);
  const label = t("open.one", { who: row.caller || "-", when: moment(row.began) });
  const open = make("button", { type: "button", text: t("open"), "aria-label": label, onclick: () => openId(row.id) });
  const cells = [moment(row.began), row.caller || "-", row.called, row.agent || "-", row.route || "-", length, t(`state.${row.state}`)];
  return make("tr", {}, ...cells.map((text) => make("td", { text })), make("td", row.node ? { text: t("find.node", { node: row.node }) } : {}, ...(row.node ? [] : [open])));
}

byId("login").addEventListener("submit", logIn);
byId("find").addEventListener("submit", find);
byId("logout").addEventListener("click", () => {
  say(byId("fault"), "");
  signOut();
});
byId("back").addEventListener("click", () => {
  closeOne();
  history.replaceState(null, "", location.pathname);
  show("found");
});
byId("language").addEventListener("click", () => {
  switchLanguage();
  render();
});
setUpPlayer(http, refused);
render();
try {
  http.token = sessionStorage.getItem(TOKEN) ?? "";
} catch {
  http.token = "";
}
if (http.token) enter().catch(refused);
else show("login");
