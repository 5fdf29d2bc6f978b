// Presence of every object over the video, with its marks; a click goes there.

import { get } from "./api.js";
import { isRunning, listen, rgbOf, setFrame, store } from "./store.js";
import { showError } from "./toast.js";

const tracks = document.getElementById("tracks");

const REFRESH_MS = 400;
const THUMB = 16; // width of the slider's thumb, whose centre stays half of it inside the ends

let presence = {}; // object id -> Uint8Array, one byte per frame: 0 unknown, 1 absent, up to 255 present
let asked = 0;

async function refresh() {
  if (!store.video) return;
  asked = performance.now();
  try {
    const answer = await get("api/presence");
    presence = {};
    for (const [id, text] of Object.entries(answer.objects)) {
      presence[id] = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
    }
    draw();
  } catch (error) {
    showError(error);
  }
}

function row(object) {
  const element = document.createElement("div");
  element.className = "timeline-row";
  const name = document.createElement("span");
  name.className = "timeline-name";
  const dot = document.createElement("i");
  dot.style.background = object.colour;
  name.append(dot, object.name);
  const canvas = document.createElement("canvas");
  canvas.dataset.object = object.id;
  canvas.setAttribute("role", "img");
  canvas.title = "Where the object is visible; click to go there";
  const go = (event) => {
    const box = canvas.getBoundingClientRect();
    const share = (event.clientX - box.left - THUMB / 2) / Math.max(1, box.width - THUMB);
    setFrame(share * (store.video.frames - 1));
  };
  canvas.onpointerdown = (event) => {
    canvas.setPointerCapture(event.pointerId);
    go(event);
  };
  canvas.onpointermove = (event) => event.buttons & 1 && go(event);
  element.append(name, canvas);
  return element;
}

function build() {
  const objects = store.document?.objects ?? [];
  tracks.replaceChildren(...objects.map(row));
  draw();
}

function draw() {
  for (const canvas of tracks.querySelectorAll("canvas")) drawTrack(canvas);
}

function drawTrack(canvas) {
  const object = store.document.objects.find((one) => one.id === Number(canvas.dataset.object));
  if (!object || !canvas.clientWidth) return;
  const ratio = devicePixelRatio;
  canvas.width = canvas.clientWidth * ratio;
  canvas.height = canvas.clientHeight * ratio;
  const context = canvas.getContext("2d");
  context.scale(ratio, ratio);
  const [width, height] = [canvas.clientWidth, canvas.clientHeight];
  const frames = store.video.frames;
  const step = (width - THUMB) / Math.max(1, frames - 1);
  const x = (frame) => THUMB / 2 + frame * step;
  context.fillStyle = "#242832";
  context.fillRect(0, 0, width, height);
  const [r, g, b] = rgbOf(object.colour);
  const values = presence[object.id] ?? new Uint8Array(frames);
  let [seen, known] = [0, 0];
  for (let from = 0; from < frames; ) {
    let to = from;
    while (to < frames && values[to] === values[from]) to++;
    const value = values[from];
    if (value > 0) known += to - from;
    if (value >= 128) seen += to - from;
    if (value > 1) {
      context.fillStyle = `rgb(${r} ${g} ${b} / ${0.12 + 0.78 * (value / 255) ** 2})`;
      context.fillRect(x(from) - step / 2, 3, (to - from) * step + 0.5, height - 6);
    } else if (value === 1) {
      context.fillStyle = "#3a4150";
      context.fillRect(x(from) - step / 2, height / 2 - 1, (to - from) * step + 0.5, 2);
    }
    from = to;
  }
  const marked = [...new Set(store.document.prompts.filter((p) => p.object === object.id).map((p) => p.frame))];
  for (const frame of marked) drawDiamond(context, x(frame), height / 2, "#ffffff");
  for (const removal of store.document.removals.filter((one) => one.object === object.id)) {
    context.fillStyle = "#ff8787";
    context.fillRect(x(removal.frame) - 1, 1, 3, height - 2);
  }
  context.fillStyle = "#ffffff";
  context.fillRect(x(store.frame) - 0.75, 0, 1.5, height);
  const where = marked.length ? `, marked on frame ${marked.slice(0, 8).join(", ")}` : "";
  canvas.setAttribute("aria-label", `${object.name}: in view in ${seen} of ${known} tracked frames${where}`);
}

function drawDiamond(context, x, y, colour) {
  context.beginPath();
  context.moveTo(x, y - 6);
  context.lineTo(x + 5, y);
  context.lineTo(x, y + 6);
  context.lineTo(x - 5, y);
  context.closePath();
  context.fillStyle = colour;
  context.fill();
  context.lineWidth = 1.5;
  context.strokeStyle = "#121419";
  context.stroke();
}

new ResizeObserver(draw).observe(tracks);

listen((what) => {
  if (what.has("video") || what.has("document")) build();
  else if (what.has("frame")) draw();
  if (what.has("video") || what.has("masks") || what.has("document")) refresh();
  else if (what.has("run") && isRunning() && performance.now() - asked > REFRESH_MS) refresh();
});
