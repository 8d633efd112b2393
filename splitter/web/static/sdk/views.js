// @ts-check
/** What can be read off the view of a call. Pure. */

/** @typedef {import("./types.js").CallView} CallView */

/** Video may come and go: of the phone, or of the caller's own browser. @param {CallView} view */
export function hasVideo(view) {
  return view.video.state === "on" || view.parties.some((party) => party.kind === "guest" && party.state !== "left");
}

/** The caller has paused the video, on the phone or in the own browser. @param {CallView} view */
export function hasPaused(view) {
  const phone = view.video.state === "on" && ["sendonly", "inactive"].includes(directionOf(view, "caller", "video"));
  return phone || view.parties.some((party) => party.kind === "guest" && party.camera === "paused" && party.state === "connected");
}

/** Who holds the call, so that the voice goes one way or not at all. @param {CallView} view @returns {""|"caller"|"centre"|"both"} */
export function holdOf(view) {
  const [caller, centre] = [directionOf(view, "caller", "audio"), directionOf(view, "centre", "audio")];
  if (caller === "inactive" || centre === "inactive") return "both";
  if (caller === "recvonly" || centre === "sendonly") return "caller";
  return caller === "sendonly" || centre === "recvonly" ? "centre" : "";
}

/** The direction of a leg's line, as the gateway says it to that peer; the centre's is "centre-2" after a transfer. @param {CallView} view @param {string} name @param {"audio"|"video"} side */
function directionOf(view, name, side) {
  const leg = view.legs.find((one) => one.state === "confirmed" && (one.name === name || one.name.startsWith(`${name}-`)));
  return / (sendrecv|sendonly|recvonly|inactive)\b/.exec(leg?.[side] ?? "")?.[1] ?? "";
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
