// @ts-check
/** Streams in the elements of a page. */

import { ignore } from "./http.js";

/**
 * Play a stream without sound, whatever the browser's rules for playing by itself are.
 * @param {HTMLVideoElement} element
 * @param {MediaStream} stream
 */
export function play(element, stream) {
  element.muted = true;
  element.playsInline = true;
  element.autoplay = true;
  if (element.srcObject !== stream) element.srcObject = stream;
  element.play().catch(() => {
    const again = () => element.srcObject === stream && element.play().catch(ignore);
    setTimeout(again, 500);
    document.addEventListener("pointerdown", again, { once: true });
    document.addEventListener("keydown", again, { once: true });
  });
}
