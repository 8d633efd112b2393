// @ts-check
/** The page's windows: one at a time, closed by Escape, and the focus goes back to where it was. */

import { KEYS } from "./actions.js";
import { byId, make } from "./elements.js";
import { callerOf, numberOf, sourceName } from "./entry.js";
import { currentLanguage, fault, has, plainly, t, timeOfDay } from "./texts.js";

/** @typedef {import("../sdk/splitter.js").Splitter} Splitter */
/** @typedef {import("../sdk/splitter.js").Picture} Picture */
/** @typedef {import("./entry.js").Entry} Entry */

/** @type {Array<() => void>} */
let closing = [];

/** Wire the window itself; once. */
export function setUpDialogs() {
  const dialog = byId("dialog");
  byId("dialog-close").addEventListener("click", () => dialog.close());
  dialog.addEventListener("click", (/** @type {MouseEvent} */ event) => event.target === dialog && dialog.close());
  // It is told a moment later: another window may be open by then.
  dialog.addEventListener("close", () => dialog.open || clear());
}

function clear() {
  for (const act of closing.splice(0)) act();
  byId("dialog-body").replaceChildren();
}

export function closeDialog() {
  byId("dialog").close();
}

export function dialogOpen() {
  return byId("dialog").open;
}

/**
 * @param {string} title @param {Node[]} content
 * @param {{focus?: HTMLElement, large?: boolean, kind?: string}} [options]
 */
function open(title, content, options = {}) {
  const dialog = byId("dialog");
  if (dialog.open) dialog.close();
  clear();
  byId("dialog-title").textContent = title;
  byId("dialog-body").replaceChildren(...content);
  dialog.classList.toggle("large", options.large ?? false);
  dialog.dataset.kind = options.kind ?? "";
  dialog.showModal();
  (options.focus ?? byId("dialog-title")).focus();
}

/**
 * Ask before something that cannot be undone. Cancel has the focus: a key pressed twice must not do it.
 * @param {{title: string, text: string, submit: string, kind: string}} words
 * @param {() => void} act
 */
export function confirmFirst(words, act) {
  const cancel = make("button", { type: "button", text: t("dialog.cancel"), onclick: closeDialog });
  const done = () => {
    closeDialog();
    act();
  };
  const submit = make("button", { type: "button", class: "danger", "data-confirm": words.kind, text: words.submit, onclick: done });
  open(words.title, [make("p", { text: words.text }), make("div", { class: "actions" }, cancel, submit)], {
    focus: cancel,
    kind: words.kind,
  });
}

/** @param {Entry} entry @param {() => void} act */
export function confirmHangUp(entry, act) {
  const text = t("hangup.text", { who: callerOf(entry.call.view) });
  confirmFirst({ title: t("hangup.title"), text, submit: t("do.hangup"), kind: "hangup" }, act);
}

/** @param {() => void} act */
export function confirmDrop(act) {
  confirmFirst({ title: t("drop.title"), text: t("drop.text"), submit: t("do.drop"), kind: "drop" }, act);
}

/** @param {string} extension @param {() => void} act */
export function confirmHandOver(extension, act) {
  const words = { title: t("hand-over.title", { extension }), text: t("hand-over.text", { extension }), submit: t("hand-over.submit") };
  confirmFirst({ ...words, kind: "hand-over" }, act);
}

/** @param {Entry} entry @param {string} party @param {() => void} act */
export function confirmRemove(entry, party, act) {
  const { call } = entry;
  const who = sourceName(call, party)();
  const guest = call.view.parties.some((one) => one.name === party && one.kind === "guest");
  const kind = party === call.party ? ".you" : guest ? ".guest" : "";
  const words = { title: t(`remove.title${kind}`, { who }), text: t(`remove.text${kind}`, { who }) };
  confirmFirst({ ...words, submit: t(kind === ".you" ? "remove.submit.you" : "remove.submit"), kind: "remove" }, act);
}

// ---- pictures ----

/** @param {Splitter} splitter @param {Entry} entry @param {(picture: Picture) => void} choose */
export function openPictures(splitter, entry, choose) {
  const grid = make("div", { class: "grid" }, make("p", { class: "muted", text: t("images.loading") }));
  const problem = make("p", { class: "fault", role: "alert" });
  const file = make("input", { type: "file", accept: "image/*", hidden: true });
  const upload = make("button", { type: "button", class: "primary", text: t("images.upload"), onclick: () => file.click() });
  const drop = make("div", { class: "drop" }, upload, make("span", { class: "muted", text: t("images.drop") }), file);
  const take = async (/** @type {Blob|undefined} */ image) => {
    if (!image) return;
    upload.disabled = true;
    try {
      const picture = await entry.call.uploadPicture(image);
      if (!dialogOpen()) return;
      closeDialog();
      choose(picture);
    } catch (error) {
      problem.textContent = fault(error);
    } finally {
      upload.disabled = false;
    }
  };
  file.addEventListener("change", () => take(file.files[0]));
  dropInto(drop, take);
  open(t("images.title"), [drop, problem, grid], { focus: upload, kind: "pictures" });
  listPictures(splitter, entry, grid, choose).catch((error) => grid.replaceChildren(make("p", { class: "fault", text: fault(error) })));
}

/** @param {HTMLElement} drop @param {(image: Blob|undefined) => void} take */
function dropInto(drop, take) {
  drop.addEventListener("dragover", (event) => {
    event.preventDefault();
    drop.classList.add("over-it");
  });
  drop.addEventListener("dragleave", () => drop.classList.remove("over-it"));
  drop.addEventListener("drop", (event) => {
    event.preventDefault();
    drop.classList.remove("over-it");
    take(event.dataTransfer?.files[0]);
  });
}

/** @param {Splitter} splitter @param {Entry} entry @param {HTMLElement} grid @param {(picture: Picture) => void} choose */
async function listPictures(splitter, entry, grid, choose) {
  const pictures = await splitter.pictures(entry.id);
  if (!pictures.length) {
    grid.replaceChildren(make("p", { class: "muted", text: t("images.none") }));
    return;
  }
  grid.replaceChildren(
    ...pictures.map((picture) => {
      const image = make("img", { alt: "" });
      load(splitter, picture.id, entry.id, image);
      const act = () => {
        closeDialog();
        choose(picture);
      };
      const own = picture.call_id ? make("span", { class: "muted", text: t("images.own") }) : null;
      const label = t("images.show", { name: picture.name });
      const name = make("span", { class: "name", text: picture.name });
      return make("button", { type: "button", "aria-label": label, title: label, "data-picture": picture.id, onclick: act }, image, name, own);
    }),
  );
}

/** @param {Splitter} splitter @param {string} id @param {string} callId @param {HTMLImageElement} image */
async function load(splitter, id, callId, image) {
  try {
    const url = URL.createObjectURL(await splitter.pictureImage(id, callId));
    image.src = url;
    closing.push(() => URL.revokeObjectURL(url));
  } catch {
    // its name has to do
  }
}

// ---- cameras ----

/** @param {Splitter} splitter @param {(deviceId: string) => void} choose */
export async function openCameras(splitter, choose) {
  const cameras = await splitter.desk.cameras().catch(() => []);
  const current = splitter.desk.track?.getSettings().deviceId ?? splitter.desk.camera.deviceId;
  const buttons = cameras.map((camera, index) => {
    const label = camera.label || t("cameras.unnamed", { number: index + 1 });
    const act = () => {
      closeDialog();
      choose(camera.deviceId);
    };
    const pressed = camera.deviceId !== "" && camera.deviceId === current;
    return make("button", { type: "button", "aria-pressed": pressed ? "true" : "false", text: label, onclick: act });
  });
  const content = buttons.length ? buttons : [make("p", { text: t("cameras.none") })];
  open(t("cameras.title"), [make("div", { class: "choices" }, ...content)], { focus: buttons[0], kind: "cameras" });
}

// ---- invitations ----

/** @param {Entry} entry @param {(invitation: import("../sdk/splitter.js").Invitation) => void} made */
export function openInvite(entry, made) {
  const number = make("input", { id: "invite-number", type: "tel", value: numberOf(entry.call.view), autocomplete: "off" });
  const label = make("label", { for: "invite-number", text: t("invite.number") });
  const title = make("input", { id: "invite-name", maxlength: "40", autocomplete: "off" });
  const titled = make("div", { hidden: true }, make("label", { for: "invite-name", text: t("invite.name") }), title);
  const problem = make("p", { class: "fault", role: "alert" });
  const submit = make("button", { type: "submit", class: "primary", text: t("invite.submit") });
  const text = make("p", { class: "muted", text: t("invite.text") });
  /** @type {"guest"|"expert"} */
  let kind = "guest";
  const choice = (/** @type {"guest"|"expert"} */ of) => {
    const radio = make("input", { type: "radio", name: "invite-kind", value: of, checked: of === kind });
    radio.addEventListener("change", () => {
      kind = of;
      titled.hidden = kind === "guest";
      number.value = kind === "guest" ? numberOf(entry.call.view) : "";
      text.textContent = t(kind === "guest" ? "invite.text" : "invite.text.expert");
      submit.textContent = t(kind === "guest" ? "invite.submit" : "invite.submit.expert");
    });
    return make("label", { class: "check" }, radio, make("span", { text: t(`invite.kind.${of}`) }));
  };
  const whom = make("fieldset", { class: "whom" }, make("legend", { text: t("invite.kind") }), choice("guest"), choice("expert"));
  const form = make("form", { novalidate: true }, whom, text, titled, label, make("div", { class: "row" }, number, submit), problem);
  form.addEventListener("submit", async (/** @type {Event} */ event) => {
    event.preventDefault();
    submit.disabled = true;
    try {
      const invitation = await entry.call.invite(number.value.trim() || undefined, {
        language: currentLanguage(),
        kind,
        title: title.value.trim(),
      });
      made(invitation);
      if (dialogOpen()) form.replaceWith(...invitationShown(entry, invitation, number.value));
    } catch (error) {
      problem.textContent = fault(error);
      submit.disabled = false;
    }
  });
  open(t("invite.title"), [form], { focus: submit, kind: "invite" });
}

/** What the open window says of the link that it shows. @type {{id: string, line: HTMLElement}|null} */
let following = null;

/** Something became of a link: the window that shows it says so. @param {import("../sdk/splitter.js").Notice} notice */
export function followInvitation({ invitation, code, text }) {
  if (!following || following.id !== invitation || !has(`notice.${code}`)) return;
  const why = code === "link-failed" ? plainly(text.slice(text.indexOf(": ") + 2)) : "";
  following.line.textContent = t(`notice.${code}`) + (why && `: ${why}`) + t("sentence.end");
  following.line.className = code === "link-failed" || code === "link-unknown" ? "fault" : "";
}

/** @param {Entry} entry @param {import("../sdk/splitter.js").Invitation} invitation @param {string} number */
function invitationShown(entry, invitation, number) {
  const link = make("input", { readonly: true, value: invitation.link, "aria-label": t("invite.link") });
  const copy = make("button", { type: "button", text: t("invite.copy") });
  copy.addEventListener("click", async () => {
    link.select();
    try {
      await navigator.clipboard.writeText(invitation.link);
      copy.textContent = t("invite.copied");
    } catch {
      copy.replaceWith(make("span", { class: "fault", text: t("error.copy") }));
    }
  });
  const line = make("p", { role: "status", text: invitation.sent ? t("invite.sent", { number }) : t("invite.unsent") });
  following = { id: invitation.id, line };
  closing.push(() => (following = null));
  const code = invitation.link.slice(-10).replace(/(.....)(.....)/, "$1 $2");
  const picture = URL.createObjectURL(new Blob([invitation.qr], { type: "image/svg+xml" }));
  closing.push(() => URL.revokeObjectURL(picture));
  const revoke = make("button", { type: "button", text: t("invite.revoke") });
  revoke.addEventListener("click", async () => {
    try {
      await entry.call.revoke(invitation.id);
      revoke.replaceWith(make("span", { role: "status", text: t("invite.revoked") }));
    } catch (error) {
      revoke.replaceWith(make("span", { class: "fault", role: "alert", text: fault(error) }));
    }
  });
  const why = plainly(invitation.reason);
  return [
    line,
    make("div", { class: "link-row" }, link, copy),
    make("p", { class: "aloud", text: t("invite.aloud", { code }) }),
    make("img", { class: "qr", src: picture, alt: t("invite.qr") }),
    make("p", { class: "muted", text: t("invite.until", { time: timeOfDay(invitation.expires_at) }) }),
    make("p", { class: "muted", text: why && why + t("sentence.end") }),
    make("div", { class: "actions" }, revoke),
  ];
}

// ---- phones ----

/** @param {Entry} entry */
export function openPhone(entry) {
  const number = make("input", { id: "phone-number", type: "tel", autocomplete: "off" });
  const label = make("label", { for: "phone-number", text: t("phone.number") });
  const problem = make("p", { class: "fault", role: "alert" });
  const submit = make("button", { type: "submit", class: "primary", text: t("phone.submit") });
  const video = make("input", { type: "checkbox", id: "phone-video" });
  const check = make("label", { class: "check", for: "phone-video" }, video, t("phone.video"));
  const form = make("form", { novalidate: true }, label, make("div", { class: "row" }, number, submit), check, problem);
  form.addEventListener("submit", async (/** @type {Event} */ event) => {
    event.preventDefault();
    if (!number.value.trim()) return;
    submit.disabled = true;
    try {
      await entry.call.voices.invite(number.value.trim().replace(/[ ()-]/g, ""), { video: video.checked });
      closeDialog();
    } catch (error) {
      problem.textContent = fault(error);
      submit.disabled = false;
    }
  });
  open(t("phone.title"), [make("p", { class: "muted", text: t("phone.text") }), form], { focus: number, kind: "phone" });
}

/** @param {() => void} act */
export function confirmLeave(act) {
  confirmFirst({ title: t("leave.title"), text: t("leave.text"), submit: t("leave.submit"), kind: "leave" }, act);
}

// ---- stills ----

/** @param {import("./entry.js").Still} still */
export function openStill(still) {
  const time = timeOfDay(still.at);
  const paper = still.kind === "pdf";
  const title = t(paper ? "file.of" : "still.of", { time });
  const shown = paper ? make("p", { class: "unchecked", text: t("file.unchecked") }) : make("img", { class: "still-large", src: still.url, alt: title });
  const close = make("button", { type: "button", text: t("dialog.close"), onclick: closeDialog });
  const download = make("a", { class: "button", href: still.url, download: still.file, text: t("still.download") });
  open(title, [shown, make("div", { class: "actions" }, close, download)], {
    focus: paper ? close : download,
    large: !paper,
    kind: "still",
  });
}

// ---- help ----

/** @param {boolean} single  whether single keys work @param {(single: boolean) => void} change */
export function openHelp(single, change) {
  const labels = ["camera", "picture", "share", "ask", "snapshot", "invite", "phone", "hangup", "full", "next", "help"];
  const rows = labels.map((action) => [KEYS[action], t(action === "picture" ? "do.image" : `do.${action}`)]);
  rows.push(["1–9", t("help.calls")], ["Tab", t("help.move")], ["Esc", t("help.close")]);
  const keys = make("div", { class: "keys" });
  for (const [key, text] of rows) keys.append(make("kbd", { text: key }), make("span", { text }));
  const box = make("input", { type: "checkbox", id: "single-keys" });
  box.checked = single;
  box.addEventListener("change", () => change(box.checked));
  const check = make("label", { class: "check", for: "single-keys" }, box, t("help.keys"));
  const hint = make("p", { class: "muted", text: t("help.keys.hint") });
  open(t("help.title"), [keys, make("div", {}, check, hint)], { focus: byId("dialog-close"), kind: "help" });
}
