// @ts-check
/** The side of the page: who calls, who is in the video, how good it is, the screenshots, what happened. */

import { hasVideo } from "../sdk/splitter.js";
import { byId, fill, icon, make } from "./elements.js";
import { callerOf, numberOf, partyName, sourceName, spoken } from "./entry.js";
import { silent } from "./status.js";
import { superviseItem, supervision } from "./supervise.js";
import { currentLanguage, t, timeOfDay } from "./texts.js";

/** @typedef {import("./entry.js").Entry} Entry */
/** @typedef {import("../sdk/splitter.js").Splitter} Splitter */
/**
 * @typedef {{remove: (party: string) => void, show: (party: string) => void, admit: (extension: string) => void,
 *   deny: (extension: string) => void, handOver: (extension: string) => void, supervise: import("./supervise.js").Supervise, open: (still: import("./entry.js").Still) => void}} Doing
 */

/** @type {Record<string, string>} what is said otherwise where it is oneself */
const OWN = { "party.show": "party.show.you", "party.remove": "party.leave" };

/** @param {Splitter} splitter @param {Entry} entry @param {Doing} doing */
export function renderSide(splitter, entry, doing) {
  renderFacts(entry);
  renderParties(splitter, entry, doing);
  renderQuality(entry);
  renderStills(entry, doing);
  renderLog(entry);
}

/** @param {Entry} entry */
function renderFacts(entry) {
  const { view } = entry.call;
  const { facts } = view;
  const hidden = !numberOf(view) && facts.private;
  const found = [
    [t("fact.number"), hidden ? t("fact.hidden") : facts.private ? `${callerOf(view)} · ${t("fact.hidden")}` : callerOf(view)],
    view.direction === "out" ? [t("fact.shown"), view.caller] : [t("fact.called"), view.called],
    [t("fact.place"), placeOf(facts)],
    [t("fact.consent"), [...new Set((view.consents ?? []).map((one) => `${one.version} · ${timeOfDay(one.at)}`))].join(", ")],
    [t("fact.rating"), view.rating ? t("fact.rating.of", { stars: view.rating }) : ""],
    [t("fact.location"), pointOf(view.location), mapOf(view.location)],
    [t("fact.cell"), facts.access_network],
    [t("fact.code"), view.short_code],
  ].filter(([, value]) => value);
  fill(byId("facts"), found, () => found.flatMap(([name, value, link]) => [make("dt", { text: name }), make("dd", {}, link ? outside(link, value) : value)]));
}

/** @typedef {import("../sdk/splitter.js").CallView["location"]} Location */

/** @param {Location} place  of the caller, who shares it */
function pointOf(place) {
  if (!place) return "";
  const { latitude, longitude, accuracy_m: radius, at } = place;
  return [`${latitude.toFixed(5)}, ${longitude.toFixed(5)}`, t("fact.around", { radius: Math.round(radius) }), timeOfDay(at)].join(" · ");
}

/** A map with the place: of whoever knows the country best whose language is spoken here. @param {Location} place */
function mapOf(place) {
  if (!place) return "";
  const { latitude, longitude } = place;
  if (currentLanguage() === "en") return `https://www.openstreetmap.org/?mlat=${latitude}&mlon=${longitude}#map=17/${latitude}/${longitude}`;
  return `https://uri.amap.com/marker?position=${longitude},${latitude}&coordinate=wgs84`;
}

/** @param {string} href @param {string} text */
function outside(href, text) {
  return make("a", { href, text, target: "_blank", rel: "noopener noreferrer", title: t("fact.location.map"), "data-key": "map" });
}

/** @param {import("../sdk/splitter.js").CallerFacts} facts */
function placeOf(facts) {
  const { latitude, longitude, radius_m: radius } = facts;
  const point = latitude === null || longitude === null ? "" : `${latitude.toFixed(5)}, ${longitude.toFixed(5)}`;
  const around = point && radius ? t("fact.around", { radius: Math.round(radius) }) : "";
  return [facts.civic_address, point, around].filter(Boolean).join(" · ");
}

/** @param {Splitter} splitter @param {Entry} entry @param {Doing} doing */
function renderParties(splitter, entry, doing) {
  const { view, party: own } = entry.call;
  const parties = view.parties.filter((party) => party.state !== "left");
  const rules = mayDecide(splitter, view);
  const asking = rules && !entry.over ? (view.asking ?? []) : [];
  const looksOn = supervision(splitter, entry);
  fill(byId("parties"), [parties, own, entry.call.showing, entry.over, asking, rules, looksOn, view.extension], () => [
    ...(looksOn ? [superviseItem(splitter, entry, doing.supervise)] : []),
    ...asking.map((extension) => askingItem(extension, doing)),
    ...(parties.length && !entry.over
      ? parties.map((party) => partyItem(entry, party, rules, doing))
      : [make("li", { class: "muted", text: t(entry.over ? "fact.none" : "party.alone") })]),
  ]);
}

/** Whether this login says who else is in the call. @param {Splitter} splitter @param {import("../sdk/splitter.js").CallView} view */
export function mayDecide(splitter, view) {
  const scopes = splitter.me?.scopes ?? [];
  return splitter.owns(view) || scopes.includes("calls:control") || scopes.includes("admin");
}

/** A desk that asks to be let in. @param {string} extension @param {Doing} doing */
function askingItem(extension, doing) {
  const button = (/** @type {string} */ key, /** @type {string} */ kind, /** @type {(extension: string) => void} */ act) => {
    const label = t(`${key}.who`, { extension });
    const attributes = { type: "button", class: kind, text: t(key), "aria-label": label, title: label, "data-key": `${key} ${extension}` };
    return make("button", { ...attributes, onclick: () => act(extension) });
  };
  return make(
    "li",
    { class: "asking", "data-asking": extension },
    make("span", { class: "grow", text: t("asks", { extension }) }),
    button("asks.admit", "primary", doing.admit),
    button("asks.deny", "", doing.deny),
  );
}

/** @param {Entry} entry @param {import("../sdk/splitter.js").PartyView} party @param {boolean} rules @param {Doing} doing */
function partyItem(entry, party, rules, doing) {
  const { showing, party: own } = entry.call;
  const who = partyName(entry.call, party.name);
  const name = party.name === own && party.extension ? `${who} (${party.extension})` : who;
  const seen = showing === party.name;
  const showable = !seen && party.sends && party.state === "connected" && hasVideo(entry.call.view) && party.kind !== "guest";
  const button = (/** @type {string} */ symbol, /** @type {string} */ key, /** @type {(party: string) => void} */ act) => {
    const label = party.name === own ? t(OWN[key]) : t(key, { who: sourceName(entry.call, party.name)() });
    const attributes = { type: "button", "aria-label": label, title: label, "data-key": `${key} ${party.name}` };
    return make("button", { ...attributes, onclick: () => act(party.name) }, icon(symbol));
  };
  return make(
    "li",
    { "data-state": party.state, "data-party": party.name },
    make("span", { class: "grow", text: name, title: name }),
    seen ? make("span", { class: "seen", title: t("party.seen"), role: "img", "aria-label": t("party.seen") }, icon("eye")) : null,
    make("span", { class: "state", text: stateOf(party) }),
    party.extension && party.extension === entry.call.view.extension ? make("span", { class: "seen host", title: t("party.host"), role: "img", "aria-label": t("party.host") }, icon("host")) : null,
    showable ? button("eye", "party.show", doing.show) : null,
    mayHost(entry, party, rules) ? button("host", "party.hand-over", () => doing.handOver(party.extension)) : null,
    (rules || party.name === own) && party.kind !== "phone" ? button("close", "party.remove", doing.remove) : null,
  );
}

/** How a party is, in a word or two: without video, why. @param {import("../sdk/splitter.js").PartyView} party */
function stateOf(party) {
  if (party.state !== "connected") return t(`party.${party.state}`);
  if (party.kind === "onlooker") return t("party.onlooker");
  return t(silent(party) ? `party.camera.${party.camera}` : "party.connected");
}

/** Whether this desk can be made the host. @param {Entry} entry @param {import("../sdk/splitter.js").PartyView} party @param {boolean} rules */
function mayHost(entry, { kind, extension, state }, rules) {
  return rules && extension && extension !== entry.call.view.extension && state === "connected" && (kind === "webrtc" || kind === "sip");
}

/** @param {Entry} entry */
function renderQuality(entry) {
  const { media, quality } = entry.call;
  const on = media.state === "connected" && !entry.over;
  byId("quality-off").hidden = on;
  byId("quality").hidden = !on;
  fill(byId("quality"), [on, quality], () => (on ? [directionItem("received", quality.received), directionItem("sent", quality.sent)].flat() : []));
  byId("quality").title = on && quality.rttMs !== null ? t("quality.rtt", { rtt: quality.rttMs }) : "";
}

/** @param {"received"|"sent"} name @param {import("../sdk/splitter.js").Direction} found */
function directionItem(name, found) {
  const bars = make("span", { class: "bars", "aria-hidden": "true" }, make("i"), make("i"), make("i"));
  const { width, height, fps, kbps, lossPercent: loss } = found;
  const detail = found.level === "none" || found.level === "unknown" ? "" : t("quality.detail", { width, height, fps, kbps, loss });
  const level = make("span", { class: "level", text: t(`quality.${found.level}`) });
  return [
    make("dt", { text: t(`quality.${name}`) }),
    make("dd", { "data-level": found.level, "data-direction": name }, bars, level, make("span", { class: "detail", text: detail })),
  ];
}

/** @param {Entry} entry @param {Doing} doing */
function renderStills(entry, doing) {
  fill(byId("stills"), entry.stills.map((still) => still.url), () => {
    if (!entry.stills.length) return [make("li", { class: "muted", text: t("still.none") })];
    return [...entry.stills].reverse().map((still) => {
      const time = timeOfDay(still.at);
      const attributes = { type: "button", "data-key": still.url, "aria-label": t(still.kind === "pdf" ? "file.open" : "still.open", { time }) };
      const image = still.kind === "pdf" ? make("span", { class: "paper", text: "PDF" }) : make("img", { src: still.url, alt: "" });
      return make("li", {}, make("button", { ...attributes, onclick: () => doing.open(still) }, image, time));
    });
  });
}

/** @param {Entry} entry */
function renderLog(entry) {
  const last = entry.remarks.at(-1);
  fill(byId("log"), [entry.id, entry.remarks.length, last?.at, last?.key], () =>
    [...entry.remarks].reverse().map((remark) => {
      const { text, more } = spoken(remark);
      return make(
        "li",
        { "data-tone": remark.tone || null },
        make("time", { text: timeOfDay(remark.at) }),
        make("span", { text }),
        more ? make("small", { class: "more", text: more }) : null,
      );
    }),
  );
}
