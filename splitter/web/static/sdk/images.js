// @ts-check
/** Images that callers may be shown instead of a desk: listed, fetched, and made fit for the gateway. */

import { SplitterError } from "./http.js";

/** @typedef {Pick<import("./types.js").Gateway, "request">} Gateway */
/** @typedef {import("./types.js").Picture} Picture */

const MOST_BYTES = 8_000_000;
const MOST_SIDE = 1920;

/** Those for all calls, and those of one. @param {Gateway} gateway @param {string} callId @returns {Promise<Picture[]>} */
export async function listImages(gateway, callId) {
  return (await (await gateway.request("GET", `/v1/pictures${ofCall(callId)}`)).json()).pictures;
}

/** The file of one, as the gateway has it that has the call. @param {Gateway} gateway @param {string} id @param {string} callId @returns {Promise<Blob>} */
export async function fetchImage(gateway, id, callId) {
  return (await gateway.request("GET", `/v1/pictures/${encodeURIComponent(id)}${ofCall(callId)}`)).blob();
}

/** @param {string} callId */
function ofCall(callId) {
  return callId ? `?call=${encodeURIComponent(callId)}` : "";
}

/**
 * Upload one; it is made fit first.
 * @param {Gateway} gateway
 * @param {Blob} file
 * @param {{name?: string, callId?: string}} options
 * @returns {Promise<Picture>}
 */
export async function uploadImage(gateway, file, options) {
  const image = await fitImage(file);
  const query = new URLSearchParams();
  const name = options.name ?? ("name" in file ? String(file.name) : "");
  if (name) query.set("name", name.slice(0, 100));
  if (options.callId) query.set("call", options.callId);
  const body = { body: image, type: image.type, limitMs: 60_000 };
  return (await gateway.request("POST", `/v1/pictures?${query}`, body)).json();
}

/** An image as the gateway takes it: PNG or JPEG, and not too large. @param {Blob} file @returns {Promise<Blob>} */
async function fitImage(file) {
  const taken = file.type === "image/png" || file.type === "image/jpeg";
  if (taken && file.size <= MOST_BYTES) return file;
  let image;
  try {
    image = await createImageBitmap(file);
  } catch {
    throw new SplitterError(415, "no-picture", "this file is no image that the browser knows");
  }
  const scale = Math.min(1, MOST_SIDE / Math.max(image.width, image.height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(image.width * scale));
  canvas.height = Math.max(1, Math.round(image.height * scale));
  canvas.getContext("2d")?.drawImage(image, 0, 0, canvas.width, canvas.height);
  image.close();
  return new Promise((resolve, reject) =>
    canvas.toBlob(
      (blob) => (blob ? resolve(blob) : reject(new SplitterError(415, "no-picture", "the image could not be converted"))),
      "image/jpeg",
      0.9,
    ),
  );
}
