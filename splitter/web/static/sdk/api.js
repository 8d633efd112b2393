// @ts-check
/** What can be asked of a gateway: of several in a cluster, of one that is there. */

import { Http, SplitterError } from "./http.js";
import { fetchImage, listImages, uploadImage } from "./images.js";

/** @typedef {import("./types.js").CallView} CallView */
/** @typedef {import("./types.js").Picture} Picture */

/** The API of a gateway, for one who has logged in. */
export class Api extends EventTarget {
  #http;
  /** @type {URL[]} the gateways that do, the one that is asked first */
  #gateways;
  #tried = 0;

  /** @param {URL} url */
  constructor(url) {
    super();
    this.#gateways = [url];
    this.#http = new Http(url);
  }

  /** Of the gateway that is asked. */
  get url() {
    return this.#http.url;
  }

  get token() {
    return this.#http.token;
  }

  /** For `request` alone, without the event socket; `connect` takes one itself. */
  set token(token) {
    this.#http.token = token;
  }

  /**
   * Log in with the user and password of an account; its `code` where it has an authenticator app (else the error's
   * code is "code-needed").
   * @param {string} user
   * @param {string} password
   * @param {string} [code]  six digits
   * @returns {Promise<{token: string, expires_at: number, user: string, extension: string, name: string}>}
   */
  async login(user, password, code = "") {
    this.token = "";
    const response = await this.request("POST", "/v1/login", { json: { user, password, ...(code && { code }) } });
    const granted = await response.json();
    this.token = granted.token;
    return granted;
  }

  /**
   * How one may log in: by password, and by an identity provider, whose name is for a button ("" for none).
   * @returns {Promise<{password: boolean, openid: string}>}
   */
  async loginWays() {
    return (await this.request("GET", "/v1/login")).json();
  }

  /**
   * Begin a login at the identity provider: the address that the page is to go to.
   * @returns {Promise<string>}
   */
  async beginLogin() {
    this.token = "";
    return (await (await this.request("POST", "/v1/login/openid/begin", { cookies: true })).json()).url;
  }

  /**
   * End that login, with what the provider has sent the page back with.
   * @param {string} code
   * @param {string} state
   * @returns {Promise<{token: string, expires_at: number, user: string, extension: string, name: string}>}
   */
  async endLogin(code, state) {
    this.token = "";
    const response = await this.request("POST", "/v1/login/openid", { json: { code, state }, cookies: true });
    const granted = await response.json();
    this.token = granted.token;
    return granted;
  }

  /**
   * Live calls, or those that ended (`ended`), the newest first.
   * @param {{ended?: boolean, number?: string, extension?: string, limit?: number, before?: number}} [query]
   * @returns {Promise<CallView[]>}
   */
  async list(query = {}) {
    const words = new URLSearchParams();
    for (const [name, value] of Object.entries(query)) if (value) words.set(name, value === true ? "1" : String(value));
    return (await (await this.request("GET", `/v1/calls?${words}`)).json()).calls;
  }

  /**
   * Call a number: this desk's phone rings first, and then the number. The call comes like any other.
   * @param {string} number
   * @param {{extension?: string, video?: boolean}} [options]  another desk's phone, for programs that may; video: asked for at once
   * @returns {Promise<string>}  the id of the call
   */
  async dial(number, options = {}) {
    return (await (await this.request("POST", "/v1/calls", { json: { number, ...options } })).json()).call_id;
  }

  /**
   * Note what came of a call that is over; the last word counts.
   * @param {string} callId
   * @param {{note?: string, disposition?: string, screenshots?: number[]}} words  `disposition`: one of
   *   `me.dispositions`; `screenshots`: numbers of those that stay with the call's record
   * @returns {Promise<import("./types.js").WrapUp>}
   */
  async wrapUp(callId, words) {
    return (await this.request("PUT", `/v1/calls/${callId}/wrap-up`, { json: words })).json();
  }

  /**
   * Images that callers may be shown: those for all calls, and those of one.
   * @param {string} [callId]
   * @returns {Promise<Picture[]>}
   */
  pictures(callId = "") {
    return listImages(this, callId);
  }

  /**
   * The file of an image, for an <img> by URL.createObjectURL.
   * @param {string} id
   * @param {string} [callId]  of several gateways, that of this call is asked
   * @returns {Promise<Blob>}
   */
  pictureImage(id, callId = "") {
    return fetchImage(this, id, callId);
  }

  /**
   * Upload an image. Other kinds than PNG and JPEG, and those that are too large, are converted first.
   * @param {Blob} file
   * @param {{name?: string, callId?: string}} [options]  callId: for this call alone
   * @returns {Promise<Picture>}
   */
  uploadPicture(file, options = {}) {
    return uploadImage(this, file, options);
  }

  /**
   * Any request of the API; see /v1/openapi.json.
   * @param {string} method
   * @param {string} path
   * @param {import("./http.js").RequestOptions} [options]
   * @returns {Promise<Response>}
   */
  async request(method, path, options) {
    try {
      return await this.#http.request(method, path, options);
    } catch (error) {
      this._refused(SplitterError.of(error), path.startsWith("/v1/login"));
      throw error;
    }
  }

  /** Other gateways would do as well. */
  get several() {
    return this.#gateways.length > 1;
  }

  /** Go on with another gateway of the cluster. @returns {boolean} false where all were tried: then a pause does good */
  moveOn() {
    this.#gateways.push(...this.#gateways.splice(0, 1));
    this.#http.url = this.#gateways[0];
    this.#tried = (this.#tried + 1) % this.#gateways.length;
    return this.#tried > 0;
  }

  /** The gateway is there, and has named those that do as well. @param {string[]} urls */
  _others(urls) {
    this.#tried = 0;
    this.#gateways = [this.url, ...urls.map((url) => new URL(url))];
  }

  /** A request was refused, or had no answer. @param {SplitterError} error @param {boolean} login  it was one */
  _refused(error, login) {}
}
