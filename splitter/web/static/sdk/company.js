// @ts-check
/** Those in the video of a call, as they come and go, and where the video of each is to be seen. */

import { peopleOf, showingTo, toWatch } from "./people.js";

/** @typedef {import("./call.js").CallHandle} CallHandle */
/** @typedef {import("./place.js").Place} Place */
/** @typedef {import("./types.js").Person} Person */

/** Tells a call of those in it: its events "joined", "left" and "stream". */
export class Company {
  #call;
  #place;
  #all;
  /** @type {Map<string, Person>} who was told of */
  #known = new Map();
  /** @type {Map<string, MediaStream|null>} what was told of their video */
  #told = new Map();

  /** @param {CallHandle} call @param {Place} place @param {boolean} all  see everybody, each in a stream of its own */
  constructor(call, place, all) {
    this.#call = call;
    this.#place = place;
    this.#all = all;
    place.addEventListener("streams", () => this.follow());
  }

  /** Everybody, the caller first. */
  get people() {
    return peopleOf(this.#call.view, this.#place.party);
  }

  /** @param {string} name @returns {MediaStream|null} */
  streamOf(name) {
    const shown = showingTo(this.#call.view, this.#place.party);
    if (name === shown) return this.#place.remoteStream;
    const known = this.#place.streams.get(name);
    return known ?? (name === "caller" && ["slate", "none"].includes(shown) ? this.#place.remoteStream : null);
  }

  /** Something has changed: ask for what is missing, and tell. */
  follow() {
    const { party, streams } = this.#place;
    if (this.#all && party) this.#place.watch(toWatch(this.#call.view, party, (name) => streams.has(name)));
    const before = this.#known;
    this.#known = new Map(this.people.map((one) => [one.name, one]));
    for (const [name, person] of before) if (!this.#known.has(name)) this.#left(person);
    for (const [name, person] of this.#known) {
      if (!before.has(name)) this.#tell("joined", person);
      this.#tellStream(person, person.own || !party ? null : this.streamOf(name));
    }
  }

  /** @param {Person} person */
  #left(person) {
    this.#told.delete(person.name);
    this.#tell("left", person);
  }

  /** @param {Person} person @param {MediaStream|null} stream */
  #tellStream(person, stream) {
    if (stream === (this.#told.get(person.name) ?? null)) return;
    this.#told.set(person.name, stream);
    this.#tell("stream", { person, stream });
  }

  /** @param {string} type @param {unknown} detail */
  #tell(type, detail) {
    this.#call.dispatchEvent(new CustomEvent(type, { detail }));
  }
}
