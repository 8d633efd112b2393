// @ts-check
/** What the caller is to see: by itself the host, or what somebody has chosen. */

import { byId, fill, make } from "./elements.js";
import { partyName, sourceName } from "./entry.js";
import { t } from "./texts.js";

/** @typedef {import("./entry.js").Entry} Entry */

/** @param {(source: string) => void} show */
export function setUpChoice(show) {
  byId("choice").addEventListener("change", () => show(byId("choice").value));
}

/** @param {Entry} entry */
export function renderChoice(entry) {
  const { view, people } = entry.call;
  const chosen = view.chosen ?? "";
  const alone = people.filter((one) => one.name !== "caller" && one.kind !== "guest" && one.kind !== "onlooker").length < 2;
  byId("choice-side").hidden = entry.over || view.state !== "connected" || (alone && !chosen && !view.phones?.length);
  const shown = people.filter((one) => one.kind !== "caller" && one.kind !== "guest" && (one.sends || one.name === chosen));
  const options = [
    ["", t("choice.host")],
    ["speaker", t("choice.speaker")],
    ["mosaic", t(chosen === "mosaic" && !view.mosaic?.parties.length ? "choice.mosaic.not-now" : "choice.mosaic")],
    ...shown.map((one) => [one.name, partyName(entry.call, one.name)]),
    ["slate", t("source.slate")],
  ];
  if (!options.some(([value]) => value === chosen)) options.push([chosen, sourceName(entry.call, chosen)()]);
  const select = byId("choice");
  fill(select, options, () => options.map(([value, text]) => make("option", { value, text })));
  if (select.value !== chosen) select.value = chosen;
}
