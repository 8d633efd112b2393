// @ts-check
/** The shapes of the SDK, for editors and type checkers: no browser loads this file. */

/** @typedef {{width: number, height: number, frame_rate: number, bitrate_kbps: number}} Limits */
/** @typedef {{name: string, trunk: string, state: "early"|"confirmed"|"ended", audio: string, video: string}} LegView  `audio` and
 *   `video`: codec and direction as the gateway says them to that peer, "" where there is none. */
/** @typedef {{name: string, kind: "sip"|"webrtc"|"guest"|"expert"|"onlooker"|"phone", extension: string, client: string,
 *   state: "joining"|"connected"|"interrupted"|"left", sends: boolean, showing: string, title?: string, camera?: string, hidden?: boolean, lack?: string}} PartyView
 *   guest: the caller's own browser; expert: somebody else's, asked in by a link. `title`: what people call it. `camera`:
 *   what its browser says of it: "", starting, on, paused, denied, no-camera, in-use, unplugged, muted, blocked, background or failed. `hidden`: others are not told of it.
 *   `lack`: what kept it out: "no-ports" (the gateway has no media ports left for video), "no-media", or nothing. */
/** @typedef {{name: string, number: string, by: string, state: "calling"|"ringing"|"joining"|"joined"|"left", outcome: string,
 *   reason: string, muted: boolean, part: "talks"|"listens"|"whispers", video?: "off"|"asking"|"on"|"dropping",
 *   video_reason?: string}} PhoneView  A phone that was invited into the voice; `video`: whether it is in the picture as well. */
/** @typedef {{name: string, kind: "caller"|"host"|"desk"|"guest"|"expert"|"onlooker"|"phone", extension: string, title: string, sends: boolean,
 *   own: boolean}} Person  Somebody in the video. host: the desk that has the call; `own`: this desk itself. */
/** @typedef {{state: "off"|"asking"|"on"|"dropping", outcome: string, reason: string, supported: boolean|null,
 *   limits: Limits|null, sends: boolean, fault?: string}} VideoView  `fault`: what kept the picture out, "no-ports" or "no-media"; "" for nothing. */
/** @typedef {{access_network: string, latitude: number|null, longitude: number|null, radius_m: number|null,
 *   civic_address: string, charging_id: string, location_uri: string, video_capable: boolean|null,
 *   private: boolean}} CallerFacts */
/** @typedef {{call_id: string, short_code: string, state: "routing"|"ringing"|"connected"|"ended", caller: string,
 *   called: string, direction: "in"|"out", started_at: number, answered_at: number|null, ended_at: number|null, end_reason: string,
 *   end_status: number, route: string, showing: string, legs: LegView[], facts: CallerFacts, parties: PartyView[],
 *   video: VideoView, extension: string, bound_by: string, strangers: object[], asking: string[],
 *   admitted: string[], recording?: {state: "off"|"recording"|"paused"|"stopped", id: string, reason: string, by_rule: boolean, possible: boolean, elsewhere?: string, left_out?: string[], fork?: "by-rule"|"on"|"off"}, chosen?: string, mosaic?: {parties: string[], reason: string, of: string[]}|null, node?: string, phones?: PhoneView[], muted?: string[], messages?: number, web?: boolean,
 *   location?: {latitude: number, longitude: number, accuracy_m: number, at: number}|null,
 *   consents?: Array<{party: string, version: string, at: number}>, rating?: number, photos?: number, wrap_up?: WrapUp|null}} CallView  Times are seconds since the Unix epoch. `asking`: desks that ask to be let in, `admitted`: those that may.
 *   `mosaic`: null where nobody is to see one; `parties` is empty while the speaker is shown instead, and `reason` says why.
 */
/** @typedef {{note: string, disposition: string, by: string, at: number, screenshots: number[]}} WrapUp  What was noted of a call that is over, `by` which login. */
/** @typedef {{call_id: string, code: string, text: string, party: string, extension: string, invitation: string}} Notice
 *   `invitation`: the id of the link that it is about. */
/** @typedef {{name: string, extension: string, scopes: string[], expires_at: number|null, gateways?: string[],
 *   ice_servers?: RTCIceServer[], dispositions?: string[]}} Me
 *   `gateways`: URLs of others of a cluster, which do as well. `ice_servers`: relays, for networks without UDP.
 *   `dispositions`: what an agent chooses from when a call is over. */
/** @typedef {{call_id: string, number: string, since: number, node: string}} UnboundCall  A call that is answered, and nobody's.
 *   `number`: "" where the caller hides it. `since`: when it was answered, seconds since the Unix epoch. */
/** @typedef {{calls: UnboundCall[], more: number}} UnboundCalls  The oldest ones first; `more`: how many are not listed. */
/** @typedef {{id: string, name: string, width: number, height: number, call_id: string}} Picture */
/** @typedef {{blob: Blob, takenAt: number, location: string, number: number}} Snapshot  `takenAt`: seconds since the Unix epoch; `number`: of those of its call. */
/** @typedef {{id: string, link: string, expires_at: number, sent: boolean, reason: string, state: string, qr: string}} Invitation
 *   `qr`: the link as an SVG image. Notices "link-sent", "link-delivered" … tell what becomes of it. */
/** @typedef {{id: string, expires_at: number, holds: boolean, state: string, reason: string, changed_at: number,
 *   devices: number, used: number, kind: "guest"|"expert", title: string}} InvitationView */
/** @typedef {{state: "signed-out"|"connecting"|"online"|"waiting"|"offline"|"replaced", reason: string,
 *   retryAt: number}} Connection  `retryAt`: milliseconds as of Date.now(), 0 where nothing is planned. */
/** @typedef {{state: "running"|"draining", since?: number}} GatewayState  draining: it takes no new calls, since then (seconds). */
/** @typedef {{state: "out"|"joining"|"connected"|"interrupted"|"removed"|"failed", code: string, message: string,
 *   status: number}} Media  Where this desk's own video transport in the call stands. `status`: of HTTP, 0 where none. */
/** @typedef {{level: Level, lossPercent: number, fps: number, kbps: number, width: number, height: number,
 *   freezes: number}} Direction */
/** @typedef {"good"|"fair"|"poor"|"unknown"|"none"} Level  unknown: video flows, but was not measured yet. */
/** @typedef {{level: Level, rttMs: number|null, received: Direction, sent: Direction}} Quality */
/** @typedef {{wanted: boolean, state: "off"|"starting"|"on"|"trouble", trouble: string, deviceId: string,
 *   label: string}} Camera  `trouble`: no-camera, denied, in-use, unplugged, muted, insecure-context or failed. */
/** @typedef {{works: boolean, by: ""|"udp"|"tcp"|"relay", needs: string[]}} PathFound  Whether pictures would find a way,
 *   and by what; else what a firewall would have to let through. */
/** @typedef {{received: boolean, sent: boolean}} Flows  What flows between people; the waiting picture does not count. */

/**
 * What a place in a call needs of the gateway. `Splitter` is one; the guest page makes its own.
 * @typedef {{url: URL, client: string, iceServers: RTCIceServer[],
 *   request: (method: string, path: string, options?: import("./http.js").RequestOptions) => Promise<Response>,
 *   several?: boolean, moveOn?: () => boolean}} Gateway  `several`: others would do as well. `moveOn`: go on with another one;
 *   false where all were tried.
 */

export {};
