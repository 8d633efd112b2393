// @ts-check
/** What the page of recordings says, in English and Chinese. Both have the same keys. */

/** @type {Record<"en"|"zh", Record<string, string>>} */
export const TEXTS = {
  en: {
    "title": "Recordings",
    "language.other": "中文",
    "theme.light": "Light colours",
    "logout": "Log out",
    "login": "Log in",
    "login.user": "User",
    "login.password": "Password",
    "login.code": "Six digits of the authenticator app, if you have one",
    "login.submit": "Log in",
    "find": "Find recordings",
    "find.number": "Number of the caller, or the called one",
    "find.agent": "Agent's extension",
    "find.route": "Route",
    "find.call": "Call",
    "find.since": "Begun then or later",
    "find.until": "Begun before",
    "find.submit": "Search",
    "find.noted": "Searches, plays and downloads are noted with your name.",
    "find.results": "Results",
    "find.missing": "Those at {nodes} are missing: it does not answer.",
    "find.node": "Open it at {node}",
    "find.none": "No recording matches.",
    "find.count": "{count} found",
    "col.began": "Began",
    "col.caller": "Caller",
    "col.called": "Called",
    "col.agent": "Agent",
    "col.route": "Route",
    "col.length": "Length",
    "col.state": "State",
    "col.open": "Open",
    "open": "Open",
    "open.one": "Open the recording of {who}, {when}",
    "back": "Back to the list",
    "state.recording": "being recorded",
    "state.paused": "paused",
    "state.ended": "ended",
    "state.stopped": "stopped by a fault",
    "state.deleted": "deleted",
    "film.make": "Make the film",
    "film.none": "There is no film of this recording yet.",
    "film.waiting": "The film is made when the machine has time.",
    "film.rendering": "The film is being made.",
    "film.failed": "The film could not be made: {why}",
    "film.ready": "",
    "film.notes": "Not in the film: {why}",
    "film.late": "The call is still recorded: its film comes after it.",
    "full": "Full screen",
    "hear": "Listen to",
    "hear.both": "both sides",
    "hear.caller": "the caller",
    "hear.agent": "the agent's side",
    "download": "Download",
    "events": "What happened",
    "beside": "Screenshots, photos and files",
    "beside.still": "Screenshot, {at}",
    "beside.photo": "Photo of the caller, {at}",
    "beside.pdf": "PDF of the caller, not checked: download, {at}",
    "beside.none": "None",
    "event.begun": "Recording began",
    "event.paused": "Recording paused",
    "event.resumed": "Recording went on",
    "event.ended": "Recording ended",
    "event.stopped": "Recording was stopped by a fault",
    "event.still": "Screenshot",
    "event.photo": "Photo of the caller",
    "event.pdf": "PDF of the caller",
    "event.party": "{who}: {is}",
    "event.phone": "Phone {who}: {is}",
    "event.video": "Video: {is}",
    "event.showing": "The caller sees: {is}",
    "event.extension": "Agent {is}",
    "event.muted": "Muted: {is}",
    "event.state": "Call: {is}",
    "event.gap": "{who}: nothing came for {seconds} s",
    "event.turned": "The phone was turned",
    "event.without": "Not recorded from here on: {is}",
    "is.nobody": "nobody",
    "is.caller": "the caller",
    "is.centre": "the agent",
    "fault.401": "Log in again.",
    "fault.403": "You may not look at recordings.",
    "fault.409": "That is not possible now.",
    "fault.410": "The files of this recording are not there any more.",
    "fault.503": "Nothing can be given out now: the recorder does not answer.",
    "fault": "That did not work. Try again.",
  },
  zh: {
    "title": "录像",
    "language.other": "English",
    "theme.light": "浅色界面",
    "logout": "退出",
    "login": "登录",
    "login.user": "用户名",
    "login.password": "密码",
    "login.code": "身份验证器应用的六位数字（如有）",
    "login.submit": "登录",
    "find": "查找录像",
    "find.number": "主叫或被叫号码",
    "find.agent": "坐席分机",
    "find.route": "路由",
    "find.call": "通话",
    "find.since": "开始时间不早于",
    "find.until": "开始时间早于",
    "find.submit": "查找",
    "find.noted": "查找、播放和下载都会连同您的名字一起记录。",
    "find.results": "查找结果",
    "find.missing": "{nodes} 没有应答，不含其录像。",
    "find.node": "请在 {node} 上打开",
    "find.none": "没有符合条件的录像。",
    "find.count": "找到 {count} 个",
    "col.began": "开始",
    "col.caller": "主叫",
    "col.called": "被叫",
    "col.agent": "坐席",
    "col.route": "路由",
    "col.length": "时长",
    "col.state": "状态",
    "col.open": "打开",
    "open": "打开",
    "open.one": "打开 {who} 在 {when} 的录像",
    "back": "返回列表",
    "state.recording": "正在录制",
    "state.paused": "已暂停",
    "state.ended": "已结束",
    "state.stopped": "因故障停止",
    "state.deleted": "已删除",
    "film.make": "生成影片",
    "film.none": "此录像的影片尚未生成。",
    "film.waiting": "机器空闲时生成影片。",
    "film.rendering": "正在生成影片。",
    "film.failed": "无法生成影片：{why}",
    "film.ready": "",
    "film.notes": "影片中没有：{why}",
    "film.late": "通话仍在录制，结束后才生成影片。",
    "full": "全屏",
    "hear": "收听",
    "hear.both": "双方",
    "hear.caller": "主叫",
    "hear.agent": "坐席一方",
    "download": "下载",
    "events": "通话过程",
    "beside": "屏幕截图、照片和文件",
    "beside.still": "屏幕截图，{at}",
    "beside.photo": "主叫的照片，{at}",
    "beside.pdf": "主叫的 PDF，未经检查：下载，{at}",
    "beside.none": "无",
    "event.begun": "开始录制",
    "event.paused": "暂停录制",
    "event.resumed": "继续录制",
    "event.ended": "录制结束",
    "event.stopped": "录制因故障停止",
    "event.still": "屏幕截图",
    "event.photo": "主叫的照片",
    "event.pdf": "主叫的 PDF",
    "event.party": "{who}：{is}",
    "event.phone": "电话 {who}：{is}",
    "event.video": "视频：{is}",
    "event.showing": "主叫看到：{is}",
    "event.extension": "坐席 {is}",
    "event.muted": "静音：{is}",
    "event.state": "通话：{is}",
    "event.gap": "{who}：{seconds} 秒没有内容",
    "event.turned": "手机转动了方向",
    "event.without": "从此处起不录制：{is}",
    "is.nobody": "无",
    "is.caller": "主叫",
    "is.centre": "坐席",
    "fault.401": "请重新登录。",
    "fault.403": "您无权查看录像。",
    "fault.409": "现在无法进行。",
    "fault.410": "此录像的文件已不存在。",
    "fault.503": "录制程序没有响应，现在无法提供任何内容。",
    "fault": "操作失败，请重试。",
  },
};

const KEPT = "splitter.language";

/** @type {"en"|"zh"} */
let language = first();

/** @returns {"en"|"zh"} */
function first() {
  try {
    const kept = localStorage.getItem(KEPT);
    if (kept === "en" || kept === "zh") return kept;
  } catch {
    // then by the browser
  }
  return navigator.language.startsWith("zh") ? "zh" : "en";
}

/** A text in the language of now. @param {string} key @param {Record<string, string|number>} [values] */
export function t(key, values = {}) {
  const text = TEXTS[language][key] ?? key;
  return text.replace(/\{(\w+)\}/g, (_, name) => String(values[name] ?? ""));
}

/** Whether there are words for this. @param {string} key */
export const has = (key) => key in TEXTS.en;

/** The tag of the language of now. */
export const tag = () => (language === "zh" ? "zh-CN" : "en");

/** Change to the other language. */
export function switchLanguage() {
  language = language === "zh" ? "en" : "zh";
  try {
    localStorage.setItem(KEPT, language);
  } catch {
    // it lasts as long as the page
  }
}

/** A span of time, as h:mm:ss. @param {number} seconds */
export function clock(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  const parts = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  return parts.map((part, index) => (index ? String(part).padStart(2, "0") : part)).join(":");
}

/** Date and time. @param {number} unix  seconds */
export const moment = (unix) => new Date(unix * 1000).toLocaleString(tag());
