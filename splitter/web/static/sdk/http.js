// @ts-check
/** Requests to the gateway, and what is wrong when one fails. */

const REQUEST_LIMIT_MS = 12_000;
const RETRY_FIRST_MS = 500;
const RETRY_MOST_MS = 10_000;

/** @typedef {{json?: unknown, body?: BodyInit, type?: string, headers?: Record<string, string>, limitMs?: number, cookies?: boolean}} RequestOptions */

/** Anything that did not work. `code` is stable, for programs: "no-such-call", "unreachable", "denied". */
export class SplitterError extends Error {
  /**
   * @param {number} status of HTTP; 0 where there was no answer
   * @param {string} code
   * @param {string} message
   */
  constructor(status, code, message) {
    super(message);
    this.name = "SplitterError";
    this.status = status;
    this.code = code;
  }

  /** Any error as one of these. @param {unknown} error */
  static of(error) {
    return error instanceof SplitterError ? error : new SplitterError(0, "failed", String(error));
  }
}

/** The gateway's API over HTTP, with a token once there is one. */
export class Http {
  /** @param {URL} url  of the gateway */
  constructor(url) {
    this.url = url;
    this.token = "";
  }

  /**
   * Any request of the API; see /v1/openapi.json. Raises SplitterError where it is refused or gets no answer.
   * @param {string} method
   * @param {string} path
   * @param {RequestOptions} [options]
   * @returns {Promise<Response>}
   */
  async request(method, path, options = {}) {
    /** @type {Record<string, string>} */
    const headers = { ...options.headers };
    if (this.token) headers.Authorization = `Bearer ${this.token}`;
    let body = options.body;
    if (options.json !== undefined) {
      body = JSON.stringify(options.json);
      headers["Content-Type"] = "application/json";
    } else if (options.type) headers["Content-Type"] = options.type;
    const signal = AbortSignal.timeout(options.limitMs ?? REQUEST_LIMIT_MS);
    let response;
    try {
      const credentials = options.cookies ? "same-origin" : "omit";
      response = await fetch(new URL(path, this.url), { method, headers, body, signal, credentials });
    } catch (error) {
      const late = error instanceof DOMException && error.name === "TimeoutError";
      throw late
        ? new SplitterError(0, "timeout", "the gateway did not answer in time")
        : new SplitterError(0, "unreachable", "the gateway cannot be reached");
    }
    if (!response.ok) throw await refusalOf(response);
    return response;
  }
}

/** @param {Response} response @returns {Promise<SplitterError>} */
async function refusalOf(response) {
  try {
    const { error } = await response.json();
    return new SplitterError(response.status, String(error.code), String(error.message));
  } catch {
    return new SplitterError(response.status, `http-${response.status}`, response.statusText);
  }
}

/** How long to wait before trying again, after so many failures. @param {number} tries */
export function backoffMs(tries) {
  return Math.min(RETRY_MOST_MS, RETRY_FIRST_MS * 2 ** tries) * (0.5 + Math.random() / 2);
}

export function ignore() {}

/** What is gone already need not be taken away. @param {unknown} error */
export function ignoreGone(error) {
  if (!(error instanceof SplitterError && (error.status === 404 || error.status === 409))) throw error;
}
