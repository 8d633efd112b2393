// @ts-check
/** Signing in: with user and password, at the company's own login, or with a token that was pasted or stands behind "#". */

import { hasWebRtc } from "../sdk/splitter.js";
import { byId, say } from "./elements.js";
import { fault, t } from "./texts.js";

/** @typedef {import("../sdk/splitter.js").Splitter} Splitter */

const TOKEN = "splitter.token";

let byToken = false;
let byCode = false; // the account that signs in has an authenticator app
let problem = "";
let ways = { password: true, openid: "" };

/** @param {Splitter} splitter */
export function setUpLogin(splitter) {
  byId("login-form").addEventListener("submit", (/** @type {Event} */ event) => {
    event.preventDefault();
    submit(splitter);
  });
  byId("login-openid").addEventListener("click", () => leaveForProvider(splitter));
  byId("login-other").addEventListener("click", () => {
    byToken = !byToken;
    problem = "";
    showLogin();
    byId(byToken ? "token" : "user").focus();
  });
}

/** Show the form as it stands. @param {string} [reason]  why one is signed out */
export function showLogin(reason = "") {
  if (reason === "expired") {
    forget();
    problem ||= "login.expired";
    queueMicrotask(() => byId(byToken ? "token" : "user").focus());
  }
  byId("login-user-fields").hidden = byToken || !ways.password;
  byId("login-submit").hidden = !(byToken || ways.password);
  byId("login-openid").hidden = !ways.openid;
  say(byId("login-openid"), ways.openid);
  byId("login-token-fields").hidden = !byToken;
  byId("login-code-field").hidden = byToken || !byCode;
  say(byId("login-other"), t(byToken ? "login.password.open" : "login.token.open"));
  byId("login-browser").hidden = hasWebRtc();
  say(byId("login-browser"), hasWebRtc() ? "" : t("error.no-webrtc"));
  say(byId("login-fault"), problem.startsWith("login.") ? t(problem) : problem);
}

/** Go on where this tab was, or with what the address brought: a token, or the answer of the company's login. @param {Splitter} splitter */
export function remembered(splitter) {
  const brought = /[#&]token=([^&]+)/.exec(location.hash)?.[1];
  const answer = new URLSearchParams(location.search);
  const [code, state] = [answer.get("code"), answer.get("state")];
  if (brought) history.replaceState(null, "", location.pathname + location.search); // it is nobody else's to see
  if (state) history.replaceState(null, "", location.pathname);
  const token = brought ? decodeURIComponent(brought) : kept();
  document.body.dataset.view = token || (code && state) ? "opening" : "login";
  if (state && !code) problem = "login.openid.refused";
  learnWays(splitter);
  if (code && state) comeBack(splitter, code, state);
  else if (token) enter(splitter, token);
  else byId("user").focus();
}

/** @param {Splitter} splitter */
async function learnWays(splitter) {
  try {
    ways = await splitter.loginWays();
  } catch {
    // then the form stays as it is; signing in says what is wrong
  }
  showLogin();
}

/** @param {Splitter} splitter */
async function leaveForProvider(splitter) {
  const button = byId("login-openid");
  button.disabled = true;
  say(button, t("login.openid.busy"));
  try {
    location.assign(await splitter.beginLogin());
  } catch (error) {
    refused(error);
  } finally {
    button.disabled = false;
  }
}

/** @param {Splitter} splitter @param {string} code @param {string} state */
async function comeBack(splitter, code, state) {
  try {
    await enter(splitter, (await splitter.endLogin(code, state)).token);
  } catch (error) {
    document.body.dataset.view = "login";
    refused(error);
  }
}

/** @param {Splitter} splitter */
export function signOut(splitter) {
  forget();
  problem = "";
  empty();
  splitter.close();
  byId("user").focus();
}

/** @param {Splitter} splitter */
async function submit(splitter) {
  const [user, password, token] = [byId("user").value.trim(), byId("password").value, byId("token").value.trim()];
  if (byToken ? !token : !(user && password)) {
    problem = byToken ? "login.token.needed" : "login.needed";
    return showLogin();
  }
  const button = byId("login-submit");
  button.disabled = true;
  say(button, t("login.busy"));
  problem = "";
  showLogin();
  try {
    const code = byCode ? byId("code").value.replace(/\s/g, "") : "";
    const granted = byToken ? token : (await splitter.login(user, password, code)).token;
    await enter(splitter, granted);
  } catch (error) {
    refused(error);
  } finally {
    button.disabled = false;
    say(button, t("login.submit"));
  }
}

/** @param {Splitter} splitter @param {string} token */
async function enter(splitter, token) {
  try {
    problem = "";
    await splitter.connect({ token });
    keep(token);
    empty();
  } catch (error) {
    if (/** @type {any} */ (error).code !== "closed") refused(error);
  }
}

/** @param {unknown} error */
function refused(error) {
  const { status, code } = /** @type {{status?: number, code?: string}} */ (error);
  if (status === 401) forget();
  byCode ||= code === "code-needed";
  problem = code === "expired-token" || code === "expired" ? "login.expired" : fault(error);
  showLogin();
  const field = byId(byToken ? "token" : byCode && code !== "wrong-login" ? "code" : "password");
  field.select?.();
  field.focus();
}

/** Leave no secret in the form. */
function empty() {
  byId("password").value = byId("token").value = byId("code").value = "";
  byCode = false;
}

function kept() {
  try {
    return sessionStorage.getItem(TOKEN);
  } catch {
    return null;
  }
}

/** @param {string} token */
function keep(token) {
  try {
    sessionStorage.setItem(TOKEN, token);
  } catch {
    // then it lasts as long as the page
  }
}

function forget() {
  try {
    sessionStorage.removeItem(TOKEN);
  } catch {
    // there is nothing to forget
  }
}
