// The hand: pointer or keyboard, tool by tool, into gestures in source pixels.

import { post } from "./api.js";
import { icon } from "./icon.js";
import { outline, panBy, setCrosshair, setGesture, strokeLine, toSource, zoomAt } from "./stage.js";
import { changed, isRunning, listen, objectOf, store } from "./store.js";
import { showError, toast } from "./toast.js";

const canvas = document.getElementById("canvas");
const hint = document.getElementById("hint");
const bar = document.getElementById("tools");

const CLOSE_ENOUGH = 10; // screen pixels from the first corner of an outline at which a click closes it

const TOOLS = [
  { name: "stroke", icon: "stroke", label: "Stroke", key: "b", hint: "Paint over part of the object" },
  { name: "eraser", icon: "eraser", label: "Eraser", key: "e", hint: "Paint over what does not belong to the object" },
  { name: "point-on", icon: "point-on", label: "Point +", key: "p", hint: "Click on the object" },
  { name: "point-off", icon: "point-off", label: "Point −", key: "n", hint: "Click outside the object" },
  { name: "box", icon: "box", label: "Box", key: "r", hint: "Drag a box around the object" },
  { name: "polygon", icon: "polygon", label: "Outline", key: "g", hint: "Click corner by corner; Enter or a click on the first corner closes the outline" },
];

export const TOOL_KEYS = new Map(TOOLS.map((tool) => [tool.key, tool.name]));

let line = []; // of the stroke, box or outline in progress
let isDown = false;
let pointer = null; // where the pointer is, in source pixels
let isSending = Promise.resolve();

const colour = () => objectOf(store.object)?.colour ?? "#ffffff";

function clamp([x, y]) {
  const { width, height } = store.video;
  return [Math.min(Math.max(x, 0), width), Math.min(Math.max(y, 0), height)];
}

function isInside([x, y]) {
  const { width, height } = store.video;
  return x >= 0 && y >= 0 && x < width && y < height;
}

const round = (at) => at.map((value) => Math.round(value * 100) / 100);

/** Sends a gesture about the active object on the frame in view, one after the other. */
export function send(gesture) {
  const body = { object: store.object, frame: store.frame, ...gesture };
  isSending = isSending.then(async () => {
    try {
      store.document = await post("api/edit", body);
      changed("document");
    } catch (error) {
      showError(error);
    } finally {
      // Drawn by the document from now on, or refused.
      if (!isDown && store.tool !== "polygon") line = [];
      show();
    }
  });
  return isSending;
}

const DRAG = {
  down(at) {
    line = [round(clamp(at))];
    // The model looks at the picture while the hand is still drawing.
    post(`api/warm/${store.frame}`).catch(() => {});
  },
  move(at) {
    const next = round(clamp(at));
    const [x, y] = line.at(-1);
    if (Math.hypot(next[0] - x, next[1] - y) >= 1) line.push(next);
  },
  up() {
    send({ kind: store.tool, points: line, width: store.brush });
  },
  draw(context, thin) {
    strokeLine(context, line, store.tool === "eraser" ? "#16181d" : colour(), store.brush, thin);
  },
};

const BOX = {
  down: DRAG.down,
  move(at) {
    line[1] = round(clamp(at));
  },
  up() {
    const [[x0, y0], [x1, y1] = line[0]] = line;
    if (Math.abs(x1 - x0) < 2 || Math.abs(y1 - y0) < 2) {
      line = [];
      toast("Drag from one corner of the box to the other.");
    } else {
      send({ kind: "box", corners: [x0, y0, x1, y1] });
    }
  },
  draw(context, thin) {
    const [[x0, y0], [x1, y1] = line[0]] = line;
    outline(context, [[x0, y0], [x1, y0], [x1, y1], [x0, y1]], colour(), thin, []);
  },
};

const POINT = {
  down(at) {
    if (isInside(at)) send({ kind: "point", at: round(at), positive: store.tool === "point-on" });
  },
  move() {},
  up() {},
  draw() {},
};

const POLYGON = {
  down(at) {
    const corner = round(clamp(at));
    if (line.length >= 3 && screenDistance(corner, line[0]) < CLOSE_ENOUGH) closePolygon();
    else if (line.length === 0 || screenDistance(corner, line.at(-1)) > 2) line.push(corner);
  },
  move() {},
  up() {},
  draw(context, thin) {
    outline(context, pointer ? [...line, pointer] : line, colour(), thin, [], false);
    const [x, y] = line[0];
    context.fillStyle = colour();
    context.fillRect(x - 4 * thin, y - 4 * thin, 8 * thin, 8 * thin);
  },
};

const HANDS = { stroke: DRAG, eraser: DRAG, "point-on": POINT, "point-off": POINT, box: BOX, polygon: POLYGON };

function screenDistance(a, b) {
  const scale = canvas.clientWidth / store.video.width;
  return Math.hypot(a[0] - b[0], a[1] - b[1]) * scale;
}

export function closePolygon() {
  if (store.tool !== "polygon" || line.length === 0) return false;
  if (line.length < 3) {
    toast("An outline needs at least three corners.");
    return true;
  }
  const ring = line;
  line = [];
  send({ kind: "polygon", ring });
  return true;
}

/** Drops what is being drawn. Returns whether there was anything. */
export function giveUp() {
  const wasDrawing = line.length > 0;
  line = [];
  isDown = false;
  show();
  return wasDrawing;
}

export function takeBackCorner() {
  if (store.tool !== "polygon" || line.length === 0) return false;
  line.pop();
  show();
  return true;
}

function show() {
  const hand = HANDS[store.tool];
  setGesture((context, thin) => {
    if (line.length) hand.draw(context, thin);
    const isBrush = store.tool === "stroke" || store.tool === "eraser";
    if (isBrush && pointer && !isRunning()) drawBrush(context, thin);
  });
}

function drawBrush(context, thin) {
  for (const [style, width] of [["rgb(0 0 0 / .7)", 3], ["#ffffff", 1.2]]) {
    context.beginPath();
    context.arc(...pointer, store.brush / 2, 0, 2 * Math.PI);
    context.strokeStyle = style;
    context.lineWidth = width * thin;
    context.stroke();
  }
}

function press(at) {
  if (!store.video) return;
  if (isRunning()) {
    toast("Stop the propagation before you draw; what is done is kept.");
    return;
  }
  store.isPlaying = false;
  changed("play");
  isDown = true;
  HANDS[store.tool].down(at);
  show();
}

function moveTo(at) {
  pointer = at;
  if (isDown && line.length) HANDS[store.tool].move(at);
  show();
}

function release() {
  if (!isDown) return;
  isDown = false;
  if (line.length) HANDS[store.tool].up();
  show();
}

// Pointer ------------------------------------------------------------------------------------------------------------

let pan = null;

canvas.addEventListener("pointerdown", (event) => {
  setKeyHand(null);
  if (event.button === 1) {
    pan = [event.clientX, event.clientY];
    event.preventDefault();
  } else if (event.button === 0) {
    press(toSource(event));
  }
  canvas.setPointerCapture(event.pointerId);
});

canvas.addEventListener("pointermove", (event) => {
  if (!store.video) return;
  if (pan) {
    panBy(event.clientX - pan[0], event.clientY - pan[1]);
    pan = [event.clientX, event.clientY];
    return;
  }
  for (const one of event.getCoalescedEvents?.() ?? []) if (isDown) moveTo(toSource(one));
  moveTo(toSource(event));
});

canvas.addEventListener("pointerup", () => {
  pan = null;
  release();
});
canvas.addEventListener("pointercancel", () => {
  pan = null;
  giveUp();
});
canvas.addEventListener("pointerleave", () => {
  pointer = null;
  show();
});
canvas.addEventListener(
  "wheel",
  (event) => {
    event.preventDefault();
    if (store.video) zoomAt(event, Math.exp(-event.deltaY / 400));
  },
  { passive: false },
);
canvas.addEventListener("dblclick", closePolygon);

// Keyboard: with the frame focused, arrows move a crosshair and Enter presses and releases. ----------------------------

let keyHand = null;

function setKeyHand(at) {
  keyHand = at;
  setCrosshair(at);
}

/** Handles a key on the focused frame; returns whether it was one of ours. */
export function drawByKey(event) {
  if (!store.video || document.activeElement !== canvas || event.ctrlKey || event.metaKey || event.altKey) return false;
  const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
  if (step) {
    const { width, height } = store.video;
    const far = Math.max(1, Math.round(height / (event.shiftKey ? 20 : 150)));
    const from = keyHand ?? [width / 2, height / 2];
    setKeyHand(clamp([from[0] + step[0] * far, from[1] + step[1] * far]));
    moveTo(keyHand);
    return true;
  }
  if (event.key === "Enter" && keyHand) {
    const isDrag = HANDS[store.tool] === DRAG || HANDS[store.tool] === BOX;
    if (!isDown) press(keyHand);
    else release();
    if (!isDrag) release();
    return true;
  }
  return false;
}

// The bar of tools ---------------------------------------------------------------------------------------------------

export function chooseTool(name) {
  giveUp();
  store.tool = name;
  changed("tool");
}

const buttons = TOOLS.map((tool) => {
  const button = document.createElement("button");
  button.type = "button";
  button.role = "radio";
  button.dataset.tool = tool.name;
  button.title = `${tool.hint} (${tool.key.toUpperCase()})`;
  button.setAttribute("aria-keyshortcuts", tool.key.toUpperCase());
  button.append(icon(tool.icon), tool.label);
  button.onclick = () => chooseTool(tool.name);
  bar.append(button);
  return button;
});

bar.addEventListener("keydown", (event) => {
  const by = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 }[event.key];
  if (!by) return;
  event.preventDefault();
  event.stopPropagation();
  const at = TOOLS.findIndex((tool) => tool.name === store.tool);
  const next = (at + by + TOOLS.length) % TOOLS.length;
  chooseTool(TOOLS[next].name);
  buttons[next].focus();
});

listen((what) => {
  if (what.has("frame") || what.has("video")) giveUp();
  if (what.has("tool")) {
    for (const button of buttons) {
      const isChosen = button.dataset.tool === store.tool;
      button.setAttribute("aria-checked", String(isChosen));
      button.tabIndex = isChosen ? 0 : -1;
    }
    hint.textContent = TOOLS.find((tool) => tool.name === store.tool).hint;
  }
  if (what.has("document") || what.has("tool")) {
    const isMarked = (store.document?.prompts.length ?? 0) > 0;
    hint.hidden = isMarked && store.tool !== "polygon";
  }
  if (what.has("object") || what.has("view")) show();
});
