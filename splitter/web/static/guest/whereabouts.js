// @ts-check
/** Where the guest is: told to the desks as long as its user agrees, and anew when that changes. */

import { ignore } from "../sdk/http.js";

/** @typedef {import("../sdk/types.js").Gateway} Gateway */

const EVERY_MS = 2_000;

/** Event: "change" (of `sharing` and `trouble`). */
export class Whereabouts extends EventTarget {
  #gateway;
  #path;
  /** @type {number|null} */
  #watch = null;
  /** @type {GeolocationPosition|null} the newest that was not told yet */
  #newest = null;
  /** @type {number|undefined} */
  #timer;
  /** @type {Promise<unknown>} one request after the other: what is taken back must not arrive before what was told */
  #turn = Promise.resolve();
  /** What is wrong, in a word for `texts.js`; "" for nothing. */
  trouble = "";

  /** @param {Pick<Gateway, "request">} gateway @param {string} callId */
  constructor(gateway, callId) {
    super();
    this.#gateway = gateway;
    this.#path = `/v1/calls/${encodeURIComponent(callId)}/guest/location`;
  }

  get sharing() {
    return this.#watch !== null;
  }

  /** Share, or no longer. The browser asks its user by itself. */
  toggle() {
    if (this.sharing) return this.stop();
    this.trouble = navigator.geolocation ? "" : "location.none";
    if (navigator.geolocation) {
      const options = { enableHighAccuracy: true, maximumAge: 5_000, timeout: 30_000 };
      this.#watch = navigator.geolocation.watchPosition((found) => this.#found(found), (error) => this.#failed(error), options);
    }
    this.#changed();
  }

  /** Share it no longer: the desks forget it. */
  stop() {
    if (!this.sharing) return;
    this.#rest();
    this.#turn = this.#turn.then(() => this.#gateway.request("DELETE", this.#path)).catch(ignore);
    this.#changed();
  }

  #rest() {
    if (this.#watch !== null) navigator.geolocation.clearWatch(this.#watch);
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#watch = this.#newest = null;
  }

  /** @param {GeolocationPosition} position */
  #found(position) {
    this.#newest = position;
    if (this.trouble) {
      this.trouble = "";
      this.#changed();
    }
    if (this.#timer === undefined) this.#tell();
  }

  #tell() {
    const position = this.#newest;
    this.#newest = null;
    if (!position || !this.sharing) return (this.#timer = undefined);
    this.#timer = setTimeout(() => this.#tell(), EVERY_MS);
    const { latitude, longitude, accuracy } = position.coords;
    const json = { latitude, longitude, accuracy_m: Math.min(100_000, accuracy) };
    this.#turn = this.#turn
      .then(() => (this.sharing ? this.#gateway.request("PUT", this.#path, { json }) : undefined))
      .catch(() => (this.#newest ??= this.sharing ? position : null));
  }

  /** @param {GeolocationPositionError} error */
  #failed(error) {
    if (error.code === error.TIMEOUT || (error.code === error.POSITION_UNAVAILABLE && this.sharing)) {
      this.trouble = "location.late"; // it may be found yet
    } else {
      this.stop();
      this.trouble = "location.denied";
    }
    this.#changed();
  }

  #changed() {
    this.dispatchEvent(new Event("change"));
  }
}
