// The picture with masks and marks, and the way between screen and source pixels.

import { frame, keptFrame, labelsOf } from "./pictures.js";
import { isRunning, listen, marksHere, objectOf, rgbOf, store } from "./store.js";
import { showError } from "./toast.js";

const canvas = document.getElementById("canvas");
const context = canvas.getContext("2d");
const overlay = document.createElement("canvas");
const overlayContext = overlay.getContext("2d");
const busy = document.getElementById("busy");

// Zoom 1 fits the frame into the stage; the centre is in source pixels, null for the middle.
const view = { zoom: 1, x: null, y: null };
let bitmap = null;
let labels = null;
let gesture = null; // what the hand is drawing right now: a function of (context, scale)
let crosshair = null; // [x, y] in source pixels while the keyboard draws
let loading = null;

export function setGesture(draw) {
  gesture = draw;
  redraw();
}

export function setCrosshair(at) {
  crosshair = at;
  redraw();
}

function placement() {
  const { width, height } = store.video;
  const fit = Math.min(canvas.clientWidth / width, canvas.clientHeight / height);
  const scale = fit * view.zoom;
  const x = canvas.clientWidth / 2 - (view.x ?? width / 2) * scale;
  const y = canvas.clientHeight / 2 - (view.y ?? height / 2) * scale;
  return { scale, x, y };
}

/** Source pixels of a pointer event; may lie outside the frame. */
export function toSource(event) {
  const box = canvas.getBoundingClientRect();
  const { scale, x, y } = placement();
  return [(event.clientX - box.left - x) / scale, (event.clientY - box.top - y) / scale];
}

/** Screen pixels per source pixel. */
export function pixelScale() {
  return placement().scale;
}

export function zoomAt(event, factor) {
  const [x, y] = toSource(event);
  const before = view.zoom;
  view.zoom = Math.min(12, Math.max(1, before * factor));
  if (view.zoom === 1) {
    view.x = view.y = null;
  } else {
    // What is under the pointer stays there.
    view.x = x + ((view.x ?? store.video.width / 2) - x) * (before / view.zoom);
    view.y = y + ((view.y ?? store.video.height / 2) - y) * (before / view.zoom);
  }
  redraw();
}

export function panBy(dx, dy) {
  if (view.zoom === 1) return;
  const { scale } = placement();
  view.x = (view.x ?? store.video.width / 2) - dx / scale;
  view.y = (view.y ?? store.video.height / 2) - dy / scale;
  redraw();
}

export function resetView() {
  view.zoom = 1;
  view.x = view.y = null;
  redraw();
}

/** Fetches frame and masks of the frame in view; of requests that overtake each other the last one counts. */
async function load() {
  loading?.abort();
  const call = new AbortController();
  loading = call;
  const index = store.frame;
  try {
    bitmap = keptFrame(index) ?? (await frame(index, call.signal));
    if (call.signal.aborted) return;
    redraw();
    const waits = marksHere().length > 0 && !isRunning();
    const notice = waits ? setTimeout(() => say("Reading your marks…"), 250) : 0;
    labels = await labelsOf(index, call.signal).finally(() => clearTimeout(notice));
    if (call.signal.aborted) return;
    paintLabels();
    say("");
    canvas.dataset.shown = `${index}`;
    canvas.dataset.origin = labels.origin;
    canvas.dataset.revision = `${store.document.revision}`;
  } catch (error) {
    if (call.signal.aborted) return;
    say("");
    labels = null;
    paintLabels();
    showError(error);
  }
  redraw();
}

function say(text) {
  busy.textContent = text;
  busy.hidden = !text;
}

function paintLabels() {
  if (!labels || labels.origin === "none") {
    overlay.width = overlay.height = 1;
    return;
  }
  const { width, height, ids } = labels;
  overlay.width = width;
  overlay.height = height;
  const image = overlayContext.createImageData(width, height);
  const pixels = new Uint32Array(image.data.buffer);
  const fill = new Map();
  const edge = new Map();
  for (const object of store.document.objects) {
    if (store.hiddenObjects.has(object.id)) continue;
    const [r, g, b] = rgbOf(object.colour);
    const colour = (b << 16) | (g << 8) | r;
    fill.set(object.id, ((Math.round(store.opacity * 2.55) << 24) | colour) >>> 0);
    edge.set(object.id, ((255 << 24) | colour) >>> 0);
  }
  for (let row = 0, at = 0; row < height; row++) {
    for (let column = 0; column < width; column++, at++) {
      const id = ids[at];
      if (!id) continue;
      const isEdge =
        (column > 0 && ids[at - 1] !== id) ||
        (column < width - 1 && ids[at + 1] !== id) ||
        (row > 0 && ids[at - width] !== id) ||
        (row < height - 1 && ids[at + width] !== id);
      pixels[at] = (isEdge ? edge : fill).get(id) ?? 0;
    }
  }
  overlayContext.putImageData(image, 0, 0);
}

let isQueued = false;
export function redraw() {
  if (isQueued) return;
  isQueued = true;
  requestAnimationFrame(() => {
    isQueued = false;
    draw();
  });
}

function draw() {
  const ratio = devicePixelRatio;
  const [width, height] = [Math.round(canvas.clientWidth * ratio), Math.round(canvas.clientHeight * ratio)];
  if (canvas.width !== width || canvas.height !== height) {
    canvas.width = width;
    canvas.height = height;
  }
  context.setTransform(1, 0, 0, 1, 0, 0);
  context.clearRect(0, 0, width, height);
  if (!store.video || !bitmap) return;
  const { scale, x, y } = placement();
  context.setTransform(scale * ratio, 0, 0, scale * ratio, x * ratio, y * ratio);
  context.imageSmoothingEnabled = scale < 3;
  const { width: w, height: h } = store.video;
  context.drawImage(bitmap, 0, 0, w, h);
  if (store.opacity > 0 && overlay.width > 1) context.drawImage(overlay, 0, 0, w, h);
  const thin = 1 / scale;
  if (store.showMarks) for (const mark of marksHere()) drawMark(mark, thin);
  gesture?.(context, thin);
  if (crosshair) drawCrosshair(thin);
}

function drawMark(mark, thin) {
  if (store.hiddenObjects.has(mark.object)) return;
  const colour = objectOf(mark.object)?.colour ?? "#ffffff";
  context.lineJoin = context.lineCap = "round";
  for (const line of mark.lines ?? []) strokeLine(context, line, colour, mark.width, thin);
  const points = [...(mark.positive ?? []).map((at) => [at, true]), ...(mark.negative ?? []).map((at) => [at, false])];
  for (const [at, isPositive] of points) {
    // The eraser leaves many points on a line: dots, which the signs of clicks would drown in.
    const isAlone = !points.some(([other]) => other !== at && Math.hypot(other[0] - at[0], other[1] - at[1]) < 14 * thin);
    drawPoint(at, colour, isPositive, thin, isAlone);
  }
  for (const ring of mark.rings ?? []) outline(context, ring, colour, thin, []);
  for (const ring of mark.outline ?? []) outline(context, ring, colour, thin, [3 * thin, 3 * thin]);
}

/** A stroke as the model sees it: its width, half transparent, with a light line along its middle. */
export function strokeLine(context, line, colour, width, thin) {
  trace(context, line, false);
  context.setLineDash([]);
  context.globalAlpha = 0.55;
  context.strokeStyle = colour;
  context.lineWidth = Math.max(width, 2 * thin);
  context.stroke();
  context.globalAlpha = 1;
  context.strokeStyle = "#ffffff";
  context.lineWidth = 1.5 * thin;
  context.stroke();
}

export function outline(context, ring, colour, thin, dash, isClosed = true) {
  trace(context, ring, isClosed);
  context.setLineDash([]);
  context.strokeStyle = "rgb(0 0 0 / .6)";
  context.lineWidth = 4 * thin;
  context.stroke();
  context.setLineDash(dash);
  context.strokeStyle = colour;
  context.lineWidth = 2 * thin;
  context.stroke();
  context.setLineDash([]);
}

function trace(context, line, isClosed) {
  context.beginPath();
  context.moveTo(...line[0]);
  for (const point of line) context.lineTo(...point);
  if (isClosed) context.closePath();
}

function drawPoint([x, y], colour, isPositive, thin, isSigned) {
  context.beginPath();
  context.arc(x, y, (isSigned ? 7 : 3.5) * thin, 0, 2 * Math.PI);
  context.fillStyle = isPositive ? colour : "#16181d";
  context.fill();
  context.lineWidth = 2 * thin;
  context.strokeStyle = isPositive ? "#ffffff" : colour;
  context.stroke();
  if (!isSigned) return;
  context.beginPath();
  context.moveTo(x - 3.5 * thin, y);
  context.lineTo(x + 3.5 * thin, y);
  if (isPositive) {
    context.moveTo(x, y - 3.5 * thin);
    context.lineTo(x, y + 3.5 * thin);
  }
  context.strokeStyle = isPositive ? "#16181d" : "#ffffff";
  context.stroke();
}

function drawCrosshair(thin) {
  const [x, y] = crosshair;
  for (const [colour, width] of [["rgb(0 0 0 / .7)", 3], ["#ffffff", 1]]) {
    context.beginPath();
    context.moveTo(x - 14 * thin, y);
    context.lineTo(x + 14 * thin, y);
    context.moveTo(x, y - 14 * thin);
    context.lineTo(x, y + 14 * thin);
    context.strokeStyle = colour;
    context.lineWidth = width * thin;
    context.stroke();
  }
}

new ResizeObserver(redraw).observe(canvas);

listen((what) => {
  if (!store.video) {
    bitmap = labels = null;
    redraw();
    return;
  }
  if (what.has("video")) {
    bitmap = labels = null;
    resetView();
  }
  if (what.has("video") || what.has("frame") || what.has("document") || what.has("masks")) load();
  if (what.has("view") || what.has("document")) {
    paintLabels();
    redraw();
  }
});
