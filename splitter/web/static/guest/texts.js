// @ts-check
/** What the guest page says. Both languages are complete; whoever reads it is under stress: short and plain. */

/** @typedef {Record<string, string>} Texts */

/** @type {Texts} */
const en = {
  page: "Video for your call",
  "start.title": "Show what you see",
  "start.text": "Stay on the phone. Your camera is shown to the person you are talking to. No sound is sent from here.",
  "start.button": "Start camera",
  connecting: "Connecting…",
  connected: "They can see your video",
  unseen: "They cannot see your video",
  paused: "Your video is paused",
  interrupted: "Connection lost. Trying again…",
  "camera.starting": "Starting the camera…",
  "camera.denied.title": "The camera is blocked",
  "camera.denied.text": "Allow the camera for this page: tap the lock or “aA” beside the address, then “Camera”, “Allow”.",
  "camera.no-camera.title": "No camera found",
  "camera.no-camera.text": "This device has no camera that the browser can use. You can still see the other side.",
  "camera.in-use.title": "The camera is busy",
  "camera.in-use.text": "Close other apps that use the camera, then try again.",
  "camera.unplugged.title": "The camera was disconnected",
  "camera.unplugged.text": "Connect it again, then try again.",
  "camera.muted.title": "The camera is paused",
  "camera.muted.text": "The phone has paused the camera. It starts again by itself.",
  "camera.insecure-context.title": "This browser blocks the camera here",
  "camera.insecure-context.text": "Copy the link and open it in Safari or Chrome.",
  "camera.failed.title": "The camera cannot be started",
  "camera.failed.text": "Try again, or open the link in Safari or Chrome.",
  again: "Try again",
  "over.title": "The call is over",
  "over.text": "You can close this page.",
  "expired.title": "This link is no longer valid",
  "expired.text": "Ask the person on the phone for a new one.",
  "used.title": "This link is used on another device",
  "used.text": "It is for one device alone. Ask the person on the phone for another link.",
  "left.title": "Your video is off",
  "left.text": "The phone call goes on.",
  "left.button": "Show video again",
  "removed.title": "The other side has ended your video",
  "removed.text": "The phone call goes on.",
  "no-h264.title": "This browser cannot send video here",
  "no-h264.text": "Open the link in Safari or Chrome.",
  "no-webrtc.title": "This browser cannot do video",
  "no-webrtc.text":
    "The phone call goes on. Copy the link and open it in Safari or Chrome. If Lockdown Mode is on, switch it off for this page.",
  "busy.title": "No video at the moment",
  "busy.text": "The phone call goes on. Try again in a moment.",
  turn: "Switch camera",
  pause: "Pause",
  resume: "Resume",
  leave: "End video",
  agent: "Video of the other side",
  own: "Your video",
  "start.title.expert": "Join the call by video",
  "start.text.expert": "You see everybody in the video, and they can see your camera. No sound is sent from here.",
  "expired.text.expert": "Ask whoever sent it for a new one.",
  "used.text.expert": "It is for one device alone. Ask whoever sent it for another link.",
  "left.text.expert": "The call goes on.",
  "removed.text.expert": "The call goes on.",
  "no-webrtc.text.expert": "Copy the link and open it in Safari or Chrome. If Lockdown Mode is on, switch it off for this page.",
  "busy.text.expert": "Try again in a moment.",
};

/** @type {Texts} */
const zh = {
  page: "通话视频",
  "start.title": "让对方看到现场",
  "start.text": "请不要挂断电话。正在通话的对方会看到您的摄像头视频，本页面不发送声音。",
  "start.button": "打开摄像头",
  connecting: "正在连接…",
  connected: "对方可以看到您的视频",
  unseen: "对方看不到您的视频",
  paused: "视频已暂停",
  interrupted: "连接中断，正在重试…",
  "camera.starting": "正在打开摄像头…",
  "camera.denied.title": "摄像头被禁止",
  "camera.denied.text": "请允许本页面使用摄像头：点地址栏旁的锁或“大小”图标，选择“摄像头”“允许”。",
  "camera.no-camera.title": "没有找到摄像头",
  "camera.no-camera.text": "本设备没有浏览器可用的摄像头。您仍可以看到对方。",
  "camera.in-use.title": "摄像头被占用",
  "camera.in-use.text": "请关闭正在使用摄像头的其他应用，然后重试。",
  "camera.unplugged.title": "摄像头已断开",
  "camera.unplugged.text": "请重新连接，然后重试。",
  "camera.muted.title": "摄像头已暂停",
  "camera.muted.text": "手机暂停了摄像头，稍后会自动恢复。",
  "camera.insecure-context.title": "此浏览器不允许使用摄像头",
  "camera.insecure-context.text": "请复制链接，用系统浏览器（Safari 或 Chrome）打开。",
  "camera.failed.title": "摄像头无法打开",
  "camera.failed.text": "请重试，或用系统浏览器打开链接。",
  again: "重试",
  "over.title": "通话已结束",
  "over.text": "可以关闭本页面。",
  "expired.title": "链接已失效",
  "expired.text": "请让通话中的对方重新发送链接。",
  "used.title": "此链接已在另一台设备上使用",
  "used.text": "链接只能在一台设备上使用。请让通话中的对方再发送一个链接。",
  "left.title": "视频已关闭",
  "left.text": "电话仍在继续。",
  "left.button": "重新打开视频",
  "removed.title": "对方结束了视频",
  "removed.text": "电话仍在继续。",
  "no-h264.title": "此浏览器不能发送视频",
  "no-h264.text": "请用系统浏览器（Safari 或 Chrome）打开链接。",
  "no-webrtc.title": "此浏览器不支持视频",
  "no-webrtc.text": "电话仍在继续。请复制链接，用系统浏览器（Safari 或 Chrome）打开。如果开启了锁定模式，请对本页面关闭。",
  "busy.title": "暂时没有视频",
  "busy.text": "电话仍在继续，请稍后重试。",
  turn: "切换摄像头",
  pause: "暂停",
  resume: "继续",
  leave: "结束视频",
  agent: "对方的视频",
  own: "您的视频",
  "start.title.expert": "视频参与通话",
  "start.text.expert": "您可以看到视频中的所有人，对方也会看到您的摄像头视频。本页面不发送声音。",
  "expired.text.expert": "请让发送链接的人重新发送。",
  "used.text.expert": "链接只能在一台设备上使用。请让发送链接的人再发一个。",
  "left.text.expert": "通话仍在继续。",
  "removed.text.expert": "通话仍在继续。",
  "no-webrtc.text.expert": "请复制链接，用系统浏览器（Safari 或 Chrome）打开。如果开启了锁定模式，请对本页面关闭。",
  "busy.text.expert": "请稍后重试。",
};

export const language = /^zh/i.test(navigator.language) ? "zh-CN" : "en";
const texts = language === "en" ? en : zh;

let reader = "guest";

/** Whom the page speaks to. @param {"guest"|"expert"} kind */
export function speakTo(kind) {
  reader = kind;
}

/** @param {string} key */
export function text(key) {
  return texts[`${key}.${reader}`] ?? texts[key] ?? en[key] ?? key;
}
