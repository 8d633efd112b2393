// The half of eyes.py that lives in the page: reads <video> elements, and draws test pictures as lab/picture.py does.
"use strict";

(() => {
  const SIDE = 96; // of the shrunk picture that Python reads: 8 pixels a cell, and square, so that it may be turned
  const KEPT = 3000; // frames that nobody has taken yet
  const readers = new Map();

  function luma(context, video) {
    context.drawImage(video, 0, 0, SIDE, SIDE);
    const rgba = context.getImageData(0, 0, SIDE, SIDE).data;
    let text = "";
    for (let at = 0; at < rgba.length; at += 4)
      text += String.fromCharCode(16.5 + 0.257 * rgba[at] + 0.504 * rgba[at + 1] + 0.098 * rgba[at + 2]);
    return btoa(text);
  }

  // Follows the element that the selector finds, also when the page replaces it by another.
  function open(selector) {
    const context = new OffscreenCanvas(SIDE, SIDE).getContext("2d", { willReadFrequently: true });
    context.imageSmoothingQuality = "high";
    const reader = { frames: [], video: null };
    const follow = () => {
      const video = document.querySelector(selector);
      if (video === reader.video) return;
      reader.video = video;
      const look = (now, about) => {
        if (reader.video !== video) return;
        video.requestVideoFrameCallback(look);
        if (reader.frames.length < KEPT)
          reader.frames.push([performance.timeOrigin + about.expectedDisplayTime, video.videoWidth, video.videoHeight, luma(context, video)]);
      };
      if (video) video.requestVideoFrameCallback(look);
    };
    setInterval(follow, 50);
    follow();
    readers.set(selector, reader);
  }

  // What the selector's element has shown since this was asked last; a page that was loaded anew begins anew.
  function take(selector) {
    if (!readers.has(selector)) open(selector);
    return readers.get(selector).frames.splice(0);
  }

  // ---- drawing: what a page shows that is shared, or sends where a test needs the time in the picture --------------

  const COLUMNS = 12, ROWS = 8, WHITE = "#f3f3f3", BLACK = "#090909"; // 225 and 24 as video has them

  function crc(bytes) { // CRC-16/CCITT
    let value = 0xffff;
    for (const byte of bytes) {
      value ^= byte << 8;
      for (let bit = 0; bit < 8; bit++) value = ((value << 1) ^ (value & 0x8000 ? 0x1021 : 0)) & 0xffff;
    }
    return value;
  }

  function draw(context, sender, counter, clock) {
    const { width, height } = context.canvas;
    const view = new DataView(new ArrayBuffer(12));
    view.setUint16(0, 0xa53c);
    view.setUint32(2, ((sender << 24) | (counter & 0xffffff)) >>> 0);
    view.setUint32(6, clock % 2 ** 32);
    view.setUint16(10, crc(new Uint8Array(view.buffer, 0, 10)));
    context.fillStyle = "#909090";
    context.fillRect(0, 0, width, height);
    const top = Math.floor((height * 2) / 3);
    for (let cell = 0; cell < COLUMNS * ROWS; cell++) {
      const row = Math.floor(cell / COLUMNS), column = cell % COLUMNS;
      context.fillStyle = (view.getUint8(cell >> 3) >> (7 - (cell & 7))) & 1 ? WHITE : BLACK;
      const x = Math.round((column * width) / COLUMNS), y = Math.round((row * top) / ROWS);
      context.fillRect(x, y, Math.round(((column + 1) * width) / COLUMNS) - x, Math.round(((row + 1) * top) / ROWS) - y);
    }
  }

  // Draws picture after picture, with the time in each.
  function play(canvas, sender, framesPerSecond = 15) {
    const context = canvas.getContext("2d");
    let counter = 0;
    return setInterval(() => draw(context, sender, counter++, Date.now()), 1000 / framesPerSecond);
  }

  window.pictures = { take, draw, play };
})();
