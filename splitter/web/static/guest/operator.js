// @ts-check
/** Whose page it is: name, logo, a text, the link on privacy, and what its user agrees to before the camera starts. */

import { language, text } from "./texts.js";

/** @typedef {{name: string, name_zh: string, text: string, text_zh: string, privacy_url: string, logo: string, consent: string, rating: boolean}} Page */

const byId = (/** @type {string} */ id) => /** @type {HTMLElement} */ (document.getElementById(id));
const box = /** @type {HTMLInputElement} */ (byId("agreed"));
let wanted = "";

/** @param {Page} page */
export function showOperator(page) {
  const chinese = language !== "en";
  const logo = /** @type {HTMLImageElement} */ (byId("logo"));
  say("operator-name", chinese ? page.name_zh : page.name);
  say("operator-text", chinese ? page.text_zh : page.text);
  if (page.logo && logo.getAttribute("src") !== page.logo) logo.src = page.logo;
  logo.hidden = !page.logo;
  const link = /** @type {HTMLAnchorElement} */ (byId("privacy"));
  if (page.privacy_url) link.href = page.privacy_url;
  link.textContent = text("privacy");
  byId("agree-text").textContent = text("agree");
  if (page.consent !== wanted) box.checked = false;
  wanted = page.consent;
  box.addEventListener("change", () => (byId("agree-first").hidden = true));
}

/** @param {boolean} starting  the camera is to be started */
export function drawOperator(starting) {
  byId("operator").hidden = !starting || !(byId("operator-name").textContent || !byId("logo").hidden);
  byId("operator-text").hidden = !starting || !byId("operator-text").textContent;
  byId("privacy").hidden = !starting || !(/** @type {HTMLAnchorElement} */ (byId("privacy")).href);
  byId("agree").hidden = !starting || !wanted;
}

/** The version of the text that its user has agreed to; "" for none. */
export function agreedTo() {
  return wanted && box.checked ? wanted : "";
}

/** False where its user has to agree first, who is told so. */
export function mayStart() {
  const may = !wanted || box.checked;
  byId("agree-first").hidden = may;
  byId("agree-first").textContent = may ? "" : text("agree.first");
  if (!may) {
    box.focus();
    byId("agree-first").scrollIntoView({ block: "nearest" });
  }
  return may;
}

/** @param {string} id @param {string} words */
function say(id, words) {
  byId(id).textContent = words;
}
