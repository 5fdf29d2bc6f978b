// The hand: pointer or keyboard, tool by tool, into gestures in source pixels.

import { post } from "./api.js";
import { icon } from "./icon.js";
import { chooseMark, chosenMark, markAt } from "./marks.js";
import { outline, panBy, pixelScale, setCrosshair, setGesture, strokeLine, toSource, zoomAt } from "./stage.js";
import { changed, isRunning, listen, objectOf, store } from "./store.js";
import { showError, toast } from "./toast.js";

const canvas = document.getElementById("canvas");
const hint = document.getElementById("hint");
const bar = document.getElementById("tools");

const CLOSE_ENOUGH = 10; // screen pixels from the first corner of an outline at which a click closes it

const NEAR = 12; // screen pixels from a mark at which a click chooses it
const FAR = 4; // screen pixels that make a click a drag

const TOOLS = [
  { name: "select", icon: "select", label: "Select", key: "v", hint: "Click a mark to choose it; drag moves it, Delete removes it" },
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
let keyHand = null; // where the crosshair of the keyboard is, in source pixels
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

let pick = null; // what waits for a part of the picture to be pointed at

/** The next click or drag on the picture is not a mark: `take` gets {point} or {box} in source pixels. */
export function pickPart(take) {
  giveUp();
  pick = take;
  canvas.focus();
  show();
}

const PICK = {
  down(at) {
    line = [round(clamp(at))];
  },
  move(at) {
    line[1] = round(clamp(at));
  },
  up() {
    const [start, end = start] = line;
    const take = pick;
    line = [];
    pick = null;
    if (screenDistance(start, end) > FAR) take({ box: [...start, ...end] });
    else if (isInside(start)) take({ point: start });
  },
  draw: (context, thin) => BOX.draw(context, thin),
};

const SELECT = {
  down(at) {
    const found = markAt(at, NEAR / pixelScale());
    chooseMark(found);
    if (found && found.object !== store.object) {
      store.object = found.object;
      changed("object");
    }
    line = [at];
  },
  move(at) {
    line[1] = at;
  },
  up() {
    const [start, end = start] = line;
    line = [];
    const mark = chosenMark();
    if (!mark || screenDistance(start, end) <= FAR) return;
    const { object, mark: kind, number } = mark;
    send({ kind: "move-mark", object, mark: kind, number, by: round([end[0] - start[0], end[1] - start[1]]) });
  },
  draw() {},
};

/** Takes the chosen mark away. Returns whether there was one. */
export function deleteChosen() {
  const mark = chosenMark();
  if (!mark || isRunning()) return false;
  chooseMark(null);
  send({ kind: "delete-mark", object: mark.object, mark: mark.mark, number: mark.number });
  return true;
}

function drawChosen(context, thin) {
  const mark = chosenMark();
  if (!mark) return;
  const [[x0, y0], [x1, y1] = line[0]] = isDown && line.length ? line : [[0, 0], [0, 0]];
  const by = mark.isMovable ? [x1 - x0, y1 - y0] : [0, 0];
  const points = mark.points.map(([x, y]) => [x + by[0], y + by[1]]);
  if (points.length === 1) {
    context.beginPath();
    context.arc(...points[0], 11 * thin, 0, 2 * Math.PI);
    context.setLineDash([]);
    context.strokeStyle = "#ffffff";
    context.lineWidth = 2.5 * thin;
    context.stroke();
  } else {
    outline(context, points, "#ffffff", thin, [5 * thin, 4 * thin], mark.isClosed);
  }
}

const HANDS = { select: SELECT, stroke: DRAG, eraser: DRAG, "point-on": POINT, "point-off": POINT, box: BOX, polygon: POLYGON };

function screenDistance(a, b) {
  return Math.hypot(a[0] - b[0], a[1] - b[1]) * pixelScale();
}

const hand = () => (pick ? PICK : HANDS[store.tool]);

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
function drop() {
  const wasDrawing = line.length > 0 || chosenMark() !== null;
  line = [];
  chooseMark(null);
  isDown = false;
  show();
  return wasDrawing;
}

/** Drops that and whatever waits for the hand. Returns whether there was anything. */
export function giveUp() {
  const wasWaiting = pick !== null || keyHand !== null;
  pick = null;
  setKeyHand(null);
  return drop() || wasWaiting;
}

export function takeBackCorner() {
  if (store.tool !== "polygon" || line.length === 0) return false;
  line.pop();
  show();
  return true;
}

function show() {
  setGesture((context, thin) => {
    if (line.length) hand().draw(context, thin);
    drawChosen(context, thin);
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
  hand().down(at);
  show();
}

function moveTo(at) {
  pointer = at;
  if (isDown && line.length) hand().move(at);
  show();
}

function release() {
  if (!isDown) return;
  isDown = false;
  if (line.length) hand().up();
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
  } else if (event.button === 2) {
    pressNegative(toSource(event));
    return;
  }
  canvas.setPointerCapture(event.pointerId);
});

canvas.addEventListener("contextmenu", (event) => event.preventDefault());

/** The right button says "not this", whatever the tool. */
function pressNegative(at) {
  if (!store.video || isDown || line.length || pick || !isInside(at)) return;
  if (isRunning()) {
    toast("Stop the propagation before you draw; what is done is kept.");
    return;
  }
  send({ kind: "point", at: round(at), positive: false });
}

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

// Keyboard: C shows a crosshair that arrows move; Enter presses and releases. ------------------------------------------

/** Shows the crosshair in the middle, or hides it. */
export function toggleCrosshair() {
  if (!store.video) return;
  if (keyHand) {
    giveUp();
    return;
  }
  canvas.focus();
  setKeyHand([store.video.width / 2, store.video.height / 2]);
}

function setKeyHand(at) {
  keyHand = at;
  setCrosshair(at);
}

/** Handles a key while the crosshair is shown; returns whether it was one of ours. */
export function drawByKey(event) {
  if (!store.video || !keyHand || document.activeElement !== canvas || event.ctrlKey || event.metaKey || event.altKey) return false;
  const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
  if (step) {
    const { width, height } = store.video;
    const far = Math.max(1, Math.round(height / (event.shiftKey ? 20 : 150)));
    setKeyHand(clamp([keyHand[0] + step[0] * far, keyHand[1] + step[1] * far]));
    moveTo(keyHand);
    return true;
  }
  if (event.key === "Enter") {
    const isDrag = [DRAG, BOX, SELECT, PICK].includes(hand());
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
  if (what.has("frame") || what.has("video")) drop();
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
