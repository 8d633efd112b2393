// @ts-check
/** Photos that the caller has sent stand among the screenshots, to be looked at and downloaded. */

/** @typedef {import("./entry.js").Entry} Entry */

/** @type {WeakMap<Entry, number>} the newest one that was fetched, or is being fetched */
const fetched = new WeakMap();

/** Fetch those that are not there yet. @param {Entry} entry @param {() => void} shown  called for each */
export async function followPhotos(entry, shown) {
  const { call } = entry;
  for (let number = (fetched.get(entry) ?? 0) + 1; number <= (call.view.photos ?? 0); number++) {
    fetched.set(entry, number);
    try {
      entry.keep(await call.photo(number), "jpg");
      shown();
    } catch {
      // it is gone, or is another desk's: the log of the call says that it was sent
    }
  }
}
