// @ts-check
/** Who this tab is: an id that is kept over reloads, so that it takes up its old place in a call. */

/**
 * The id of this tab. A reload keeps it, and whoever comes after a tab that died takes its id up, and so its place in
 * the call; two tabs that live never have the same one, even where one was made as a copy of the other.
 * @param {string} name
 * @returns {Promise<{client: string, release: () => void}>}
 */
export async function claimClient(name) {
  const [mine, pool] = [`splitter.client.${name}`, `splitter.clients.${name}`];
  const own = stored("sessionStorage", mine);
  const known = (stored("localStorage", pool) ?? "").split(" ").filter(Boolean);
  const candidates = own ? [own, ...known.filter((id) => id !== own)] : known;
  for (const id of [...candidates, randomId()]) {
    const release = await hold(id, id === own ? 500 : 0); // the page before a reload may take a moment to go
    if (!release) continue;
    store("sessionStorage", mine, id);
    store("localStorage", pool, [id, ...known.filter((other) => other !== id)].slice(0, 8).join(" "));
    return { client: id, release };
  }
  return { client: randomId(), release: () => {} };
}

/** What tells this device from others, for links that let one device in: random, and kept by its browser. */
export function deviceId() {
  const kept = stored("localStorage", "splitter.device") ?? stored("sessionStorage", "splitter.device");
  if (kept && /^[0-9a-f]{32}$/.test(kept)) return kept;
  const made = randomId() + randomId();
  store("localStorage", "splitter.device", made);
  store("sessionStorage", "splitter.device", made);
  return made;
}

/** @param {string} id @param {number} waitMs @returns {Promise<(() => void)|null>} */
function hold(id, waitMs) {
  const { locks } = navigator;
  if (!locks) return Promise.resolve(() => {}); // no secure context: then a tab is what its storage says
  return new Promise((resolve) => {
    const options = waitMs ? { signal: AbortSignal.timeout(waitMs) } : { ifAvailable: true };
    const held = (/** @type {Lock|null} */ lock) =>
      lock
        ? new Promise((release) => resolve(() => release(undefined)))
        : resolve(null);
    locks.request(`splitter.${id}`, options, held).catch(() => resolve(null));
  });
}

function randomId() {
  return Array.from(crypto.getRandomValues(new Uint8Array(8)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** @param {"localStorage"|"sessionStorage"} where @param {string} key */
function stored(where, key) {
  try {
    return globalThis[where].getItem(key);
  } catch {
    return null; // storage is switched off
  }
}

/** @param {"localStorage"|"sessionStorage"} where @param {string} key @param {string} value */
function store(where, key, value) {
  try {
    globalThis[where].setItem(key, value);
  } catch {
    // then it lasts as long as the page
  }
}
