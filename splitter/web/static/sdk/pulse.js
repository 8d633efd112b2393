// @ts-check
/** Tells when a stream that flowed stands still: a browser itself takes five seconds and more to find a path dead. */

const LOOK_EVERY_MS = 500;
export const STILL_AFTER_MS = 1_500;

/** Watches one receiver, until `stop`. */
export class Pulse {
  #receiver;
  #onstill;
  #newest = 0; // when the newest packet was taken, by the browser's clock
  #movedAt = 0;
  #told = true; // nothing has flowed yet, so that nothing stands still
  /** @type {number|undefined} */
  #timer;

  /**
   * @param {RTCRtpReceiver} receiver
   * @param {() => void} onstill  called once for each time that it stands still
   */
  constructor(receiver, onstill) {
    this.#receiver = receiver;
    this.#onstill = onstill;
    if (typeof receiver?.getSynchronizationSources === "function") this.#timer = setInterval(() => this.#look(), LOOK_EVERY_MS);
  }

  stop() {
    clearInterval(this.#timer);
  }

  #look() {
    const newest = Math.max(0, ...this.#receiver.getSynchronizationSources().map((source) => source.timestamp));
    const now = Date.now();
    if (newest > this.#newest) {
      [this.#newest, this.#movedAt, this.#told] = [newest, now, false];
    } else if (!this.#told && now - this.#movedAt >= STILL_AFTER_MS) {
      this.#told = true;
      this.#onstill();
    }
  }
}
