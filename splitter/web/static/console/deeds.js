// @ts-check
/** What an agent does to a call with buttons and keys. What cannot be done is said. */

import { hindrance } from "./actions.js";
import * as dialogs from "./dialogs.js";
import { byId } from "./elements.js";
import { singleKeys, useSingleKeys } from "./keys.js";
import { enlargeNext, mainOf } from "./strip.js";
import { t } from "./texts.js";

/** @typedef {import("./entry.js").Entry} Entry */

export class Deeds {
  /** @type {import("../sdk/splitter.js").Splitter} */
  #splitter;
  /** @type {() => Entry|null} */
  #current;
  /** @type {(act: () => Promise<unknown>) => Promise<boolean>} */
  #attempt;
  /** @type {(text: string, tone?: "bad"|"calm") => void} */
  #toast;

  /**
   * @param {import("../sdk/splitter.js").Splitter} splitter
   * @param {() => Entry|null} current  the call that is shown
   * @param {(act: () => Promise<unknown>) => Promise<boolean>} attempt  does it, and says what went wrong
   * @param {(text: string, tone?: "bad"|"calm") => void} toast
   */
  constructor(splitter, current, attempt, toast) {
    this.#splitter = splitter;
    this.#current = current;
    this.#attempt = attempt;
    this.#toast = toast;
  }

  /** @param {string} party */
  removeParty = (party) => {
    const entry = this.#current();
    if (entry) dialogs.confirmRemove(entry, party, () => this.#attempt(() => (party === entry.call.party ? entry.call.leave() : entry.call.remove(party))));
  };

  /** @param {string} phone */
  removePhone = (phone) => {
    this.#attempt(async () => this.#current()?.call.voices.remove(phone));
  };

  /** @param {string} phone @param {boolean} wanted  its picture is wanted, or no longer */
  filmPhone = (phone, wanted) => {
    this.#attempt(async () => this.#current()?.call.voices.setVideo(phone, wanted));
  };

  /** @param {string} number */
  dial = (number) => {
    this.#attempt(async () => {
      await this.#splitter.dial(number);
      this.#toast(t("recent.dialling", { who: number }), "calm");
    });
  };

  leaveVoice = () => {
    const entry = this.#current();
    if (entry) dialogs.confirmLeave(() => this.#attempt(() => entry.call.voices.leave()));
  };

  /** @param {string} voice @param {boolean} muted */
  mute = (voice, muted) => {
    this.#attempt(async () => this.#current()?.call.voices.mute(voice, muted));
  };

  /** @param {import("./recording.js").Action} action @param {string} [party] */
  record = (action, party) => {
    this.#attempt(async () => this.#current()?.call.record(action, party));
  };

  /** @param {string} extension */
  admit = (extension) => {
    this.#attempt(async () => this.#current()?.call.admit(extension));
  };

  /** @param {string} extension */
  deny = (extension) => {
    this.#attempt(async () => this.#current()?.call.deny(extension));
  };

  /** @param {string} extension */
  handOver = (extension) => {
    const entry = this.#current();
    if (entry) dialogs.confirmHandOver(extension, () => this.#attempt(() => entry.call.handOver(extension)));
  };

  /** @type {import("./supervise.js").Supervise} */
  supervise = (step, phone) => {
    const call = this.#current()?.call;
    if (!call) return;
    const parts = /** @type {const} */ ({ whisper: "whispers", talk: "talks", silent: "listens" });
    this.#attempt(async () => {
      if (step === "listen") await call.voices.invite(undefined, { part: "listens" });
      else if (step === "hang-up") await call.voices.remove(phone);
      else if (step === "take-over") await call.takeOver();
      else if (step === "look") await call.join();
      else if (step === "leave") await call.leave();
      else await call.voices.setPart(phone, parts[step]);
    });
  };

  /** @param {string} party */
  showParty = (party) => {
    this.#attempt(async () => this.#current()?.call.show(party));
  };

  /** @type {Record<string, (entry: Entry) => unknown>} */
  actions = {
    camera: () => this.#splitter.desk.setCamera(!this.#splitter.desk.camera.wanted || this.#splitter.desk.camera.state === "trouble"),
    cameras: () => dialogs.openCameras(this.#splitter, (id) => this.#attempt(() => this.#splitter.desk.setCamera(id))),
    picture: (entry) =>
      entry.call.showing.startsWith("picture:") ? entry.call.showCamera() : dialogs.openPictures(this.#splitter, entry, (picture) => this.showPicture(entry, picture.id)),
    share: (entry) => (this.#splitter.desk.sharing ? this.#splitter.desk.stopSharing() : this.share(entry)),
    ask: (entry) => this.askForVideo(entry),
    snapshot: async (entry) => entry.keep(await entry.call.snapshot(mainOf(entry).name === "caller" ? undefined : entry.main)),
    invite: (entry) => dialogs.openInvite(entry, () => entry.remark(this.#splitter.now(), "log.invite")),
    phone: (entry) => dialogs.openPhone(entry),
    hangup: (entry) => dialogs.confirmHangUp(entry, () => this.#attempt(() => entry.call.hangUp())),
  };

  /** @param {string} action */
  act = (action) => {
    if (action === "help") return dialogs.openHelp(singleKeys(), useSingleKeys);
    if (action === "full") return this.full();
    const entry = this.#current();
    if (!entry || this.#splitter.connection.state === "signed-out") return;
    if (action === "next") return enlargeNext(entry);
    const why = hindrance(/** @type {any} */ (action), this.#splitter, entry);
    if (why) this.#toast(why);
    else this.#attempt(async () => this.actions[action](entry));
  };

  /** Ask for video, take the question back, or turn video off: that alone is asked for first. @param {Entry} entry */
  askForVideo = ({ call }) => {
    const { state } = call.view.video;
    if (state === "off") return call.raiseVideo({ elseLink: true });
    if (state === "asking") return call.dropVideo();
    return dialogs.confirmDrop(() => this.#attempt(() => call.dropVideo()));
  };

  /** @param {Entry} entry @param {string} id */
  showPicture = (entry, id) => {
    this.#attempt(async () => {
      await entry.call.showPicture(id);
      this.#splitter.desk.stopSharing();
    });
  };

  /** @param {Entry} entry */
  share = async (entry) => {
    try {
      await this.#splitter.desk.share();
    } catch (error) {
      if (/** @type {any} */ (error).code !== "share-refused") throw error;
      return; // a change of mind is no fault
    }
    if (entry.call.showing !== entry.call.party) await entry.call.showCamera();
  };

  full = () => {
    if (document.fullscreenElement) document.exitFullscreen();
    else if (this.#current()) byId("stage").requestFullscreen().catch(() => {});
  };
}
