// @ts-check
/**
 * The agent's desk of the splitter: calls, events and video in a browser. This one import brings all of it; see README.md.
 *
 *   Splitter     the connection to a gateway: login, the event socket, the calls that are this desk's
 *   CallHandle   one call: its view, its video (WHIP, RFC 9725) and everything that can be done with it
 *   Desk         this desk's camera and screen; what is sent to every call that it has joined
 *
 * The voice is on the agent's phone and never passes here: nothing in this module can end or disturb it but `hangUp`.
 */

export { CallHandle } from "./call.js";
export { Splitter } from "./connection.js";
export { SplitterError } from "./http.js";
export { checkCamera, checkPath } from "./path.js";
export { play } from "./playback.js";
export { Meter } from "./quality.js";
export { Desk } from "./sources.js";
export { hasWebRtc, Transport } from "./transport.js";
export { hasPaused, hasPicture, hasVideo, holdOf, showingOf } from "./views.js";

/** @typedef {import("./types.js").CallView} CallView */
/** @typedef {import("./types.js").Camera} Camera */
/** @typedef {import("./types.js").CallerFacts} CallerFacts */
/** @typedef {import("./types.js").Connection} Connection */
/** @typedef {import("./types.js").Direction} Direction */
/** @typedef {import("./types.js").Invitation} Invitation */
/** @typedef {import("./types.js").Limits} Limits */
/** @typedef {import("./types.js").Media} Media */
/** @typedef {import("./types.js").Me} Me */
/** @typedef {import("./types.js").Notice} Notice */
/** @typedef {import("./types.js").PartyView} PartyView */
/** @typedef {import("./types.js").PathFound} PathFound */
/** @typedef {import("./types.js").Person} Person */
/** @typedef {import("./types.js").PhoneView} PhoneView */
/** @typedef {import("./types.js").Picture} Picture */
/** @typedef {import("./types.js").Quality} Quality */
/** @typedef {import("./types.js").Snapshot} Snapshot */
/** @typedef {import("./types.js").UnboundCall} UnboundCall */
/** @typedef {import("./types.js").UnboundCalls} UnboundCalls */
