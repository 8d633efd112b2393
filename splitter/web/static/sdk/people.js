// @ts-check
/** Who is in the video of a call, and where each is to be seen. Pure. */

/** @typedef {import("./types.js").CallView} CallView */
/** @typedef {import("./types.js").PartyView} PartyView */
/** @typedef {import("./types.js").Person} Person */

/** Everybody in the video, the caller first. @param {CallView} view @param {string} own  this desk's own name @returns {Person[]} */
export function peopleOf(view, own) {
  const present = view.parties.filter((party) => party.state === "connected" || party.state === "interrupted");
  return [
    { name: "caller", kind: "caller", extension: "", title: "", sends: view.video.state === "on" && view.video.sends, own: false },
    ...present.map((party) => ({
      name: party.name,
      kind: kindOf(party, view),
      extension: party.extension,
      title: party.title ?? "",
      sends: party.sends,
      own: party.name === own,
    })),
  ];
}

/** @param {PartyView} party @param {CallView} view @returns {Person["kind"]} */
function kindOf({ kind, extension }, view) {
  if (kind === "guest" || kind === "expert" || kind === "onlooker" || kind === "phone") return kind;
  return extension && extension === view.extension ? "host" : "desk";
}

/** What the gateway shows this desk by itself: a name, "slate" or "none". @param {CallView} view @param {string} own */
export function showingTo(view, own) {
  return view.parties.find((party) => party.name === own)?.showing ?? "none";
}

/**
 * Who has to be asked for in a stream of its own.
 * @param {CallView} view
 * @param {string} own
 * @param {(name: string) => boolean} seen  it is seen so already: a camera that is off for a while keeps its stream
 */
export function toWatch(view, own, seen) {
  const shown = showingTo(view, own);
  const others = peopleOf(view, own).filter((one) => !one.own && one.name !== shown);
  return others.filter((one) => one.sends || seen(one.name)).map((one) => one.name);
}
