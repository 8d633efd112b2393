// @ts-check
/** Photos that the caller has sent stand among the screenshots, to be looked at and downloaded; a PDF, to be downloaded. */

import { backoffMs, SplitterError } from "../sdk/http.js";

/** @typedef {import("./entry.js").Entry} Entry */

const MOST_TRIES = 6;
/** @type {WeakMap<Entry, number>} the newest one that was fetched, or is being fetched */
const fetched = new WeakMap();

/** Fetch those that are not there yet. @param {Entry} entry @param {() => void} shown  called for each */
export async function followPhotos(entry, shown) {
  for (let number = (fetched.get(entry) ?? 0) + 1; number <= (entry.call.view.photos ?? 0); number++) {
    fetched.set(entry, number);
    await fetchPhoto(entry, number, shown, 0);
  }
}

/** @param {Entry} entry @param {number} number @param {() => void} shown @param {number} tries  before this one */
async function fetchPhoto(entry, number, shown, tries) {
  try {
    const sent = await entry.call.photo(number);
    entry.keep(sent, sent.blob.type === "application/pdf" ? "pdf" : "jpg");
    shown();
  } catch (error) {
    const { status } = SplitterError.of(error);
    const later = status === 0 || status === 429 || status >= 500;
    if (later && tries + 1 < MOST_TRIES) setTimeout(() => fetchPhoto(entry, number, shown, tries + 1), backoffMs(tries));
    // Else it is gone, or is another desk's: the log of the call says that it was sent.
  }
}
