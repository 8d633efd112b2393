// What works where modules do not: it is written for every browser there is, and needs nothing else of the page.
(function () {
  "use strict";
  var LOADING_MS = 12000;
  var body = document.body;
  var agent = navigator.userAgent || "";
  // Programs that show pages themselves, and often give them no camera.
  var app = /MicroMessenger|\bQQ\/|QQBrowser\/.*Mobile.*\bQQ\b|AlipayClient|DingTalk|Weibo|FBAN|FBAV|Instagram|\bLine\//.test(agent);

  function byId(id) {
    return document.getElementById(id);
  }

  function show(id) {
    byId(id).removeAttribute("hidden");
  }

  function copied() {
    show("copied");
  }

  /** Copy as old browsers do. */
  function copyByHand(text) {
    var field = document.createElement("textarea");
    field.value = text;
    field.setAttribute("readonly", "");
    field.style.position = "fixed";
    field.style.opacity = "0";
    body.appendChild(field);
    field.select();
    field.setSelectionRange(0, text.length);
    var done = false;
    try {
      done = document.execCommand("copy");
    } catch (error) {
      done = false;
    }
    body.removeChild(field);
    if (done) copied();
    else window.prompt("", text);
  }

  /** The modules are not there, or do not run. */
  function fail(why) {
    if (body.getAttribute("data-state") !== "loading") return;
    body.setAttribute("data-state", why);
    byId("text").setAttribute("hidden", "");
    show(why);
    show("copy");
    if (why === "stuck") show("reload");
  }

  byId("copy").onclick = function () {
    var text = location.href;
    if (!navigator.clipboard || !navigator.clipboard.writeText) return copyByHand(text);
    navigator.clipboard.writeText(text).then(copied, function () {
      copyByHand(text);
    });
  };
  byId("reload").onclick = function () {
    location.reload();
  };
  if (app) {
    body.setAttribute("data-app", "1");
    show("app");
    show("copy");
  }
  if (!("noModule" in document.createElement("script"))) fail("old");
  else {
    window.addEventListener(
      "error",
      function (event) {
        var target = /** @type {Element|null} */ (event.target);
        // What is not understood of a script is of a browser before its time; a file that did not come may come yet.
        if (!target || event.target === window) fail("old");
        else if (target.tagName === "SCRIPT") fail("stuck");
      },
      true
    );
    setTimeout(function () {
      fail("stuck");
    }, LOADING_MS);
  }
})();
