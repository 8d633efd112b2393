// @ts-check
/** What can be read off the view of a call. Pure. */

/** @typedef {import("./types.js").CallView} CallView */

/** Video may come and go: of the phone, or of the caller's own browser. @param {CallView} view */
export function hasVideo(view) {
  return view.video.state === "on" || view.parties.some((party) => party.kind === "guest" && party.state !== "left");
}

/** Video of the caller comes now. @param {CallView} view */
export function hasPicture(view) {
  const phone = view.video.state === "on" && view.video.sends;
  return phone || view.parties.some((party) => party.kind === "guest" && party.sends && party.state === "connected");
}

/** What the caller sees: "none", "slate", a party's name, or "picture:ID". @param {CallView} view */
export function showingOf(view) {
  return guestOf(view)?.showing ?? view.showing;
}

/** Through whose eyes the caller sees: "caller", the phone, or the name of the caller's own browser. @param {CallView} view */
export function viewerOf(view) {
  return guestOf(view)?.name ?? "caller";
}

/** The caller's own browser, where the phone itself has no video. @param {CallView} view */
function guestOf(view) {
  if (view.video.state === "on") return undefined;
  return view.parties.find((party) => party.kind === "guest" && party.state !== "left");
}
