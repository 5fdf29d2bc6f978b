// Start: fetch the state, wire the keys, follow the server.

import { follow, get, post } from "./api.js";
import { setOnOpened, showHelp } from "./dialogs.js";
import { addObject, chooseObject, edit } from "./objects.js";
import { forgetVideo } from "./pictures.js";
import { halt, start, takeRun } from "./propagation.js";
import { resetView } from "./stage.js";
import { changed, isRunning, listen, setFrame, store } from "./store.js";
import "./mask_edits.js";
import "./timeline.js";
import { showError, toast } from "./toast.js";
import {
  chooseTool, closePolygon, deleteChosen, drawByKey, giveUp, takeBackCorner, toggleCrosshair, TOOL_KEYS,
} from "./tools.js";
import { togglePlay } from "./transport.js";

const element = (id) => document.getElementById(id);

function takeState(state) {
  forgetVideo();
  store.session = state.session;
  store.video = state.video;
  store.document = state.document;
  store.run = state.run;
  store.folder = state.folder ?? "";
  store.object = state.document?.objects[0]?.id ?? 1;
  store.frame = 0;
  store.isPlaying = store.follows = false;
  store.hiddenObjects.clear();
  if (state.video) {
    // Wide enough to be seen by the model, thin enough to stay inside most objects.
    store.brush = Math.max(3, Math.round(Math.min(state.video.width, state.video.height) / 60));
    if (state.first_mark !== null) store.frame = state.first_mark;
  }
  for (const note of state.notes ?? []) toast(note, { seconds: 8 });
  showVideo();
  changed("video", "document", "run", "frame", "object", "view", "play");
}

function showVideo() {
  const { video } = store;
  element("welcome").hidden = Boolean(video);
  element("export").disabled = !video;
  for (const part of document.querySelectorAll(".tools, .panel, footer")) part.inert = !video;
  element("clip-name").textContent = video?.name ?? "No video";
  document.title = video ? `${video.name} · seem-vos` : "seem-vos";
  element("clip-facts").textContent = video
    ? `${video.width}×${video.height} · ${video.frames} frames${video.rate ? ` · ${Number(video.rate.toFixed(3))}/s` : ""}`
    : "";
  if (video) {
    element("brush").max = Math.max(20, Math.round(Math.min(video.width, video.height) / 6));
    element("brush").value = store.brush;
  }
}

async function history(step) {
  if (!store.document || isRunning()) return;
  try {
    store.document = await post(`api/${step}`);
    changed("document");
  } catch (error) {
    showError(error);
  }
}

element("undo").onclick = () => history("undo");
element("redo").onclick = () => history("redo");

function setBrush(width) {
  const range = element("brush");
  store.brush = Math.min(Number(range.max), Math.max(Number(range.min), width));
  range.value = store.brush;
  changed("view");
}

element("brush").oninput = (event) => setBrush(Number(event.target.value));
element("opacity").oninput = (event) => {
  store.opacity = Number(event.target.value);
  changed("view");
};
element("show-marks").onchange = (event) => {
  store.showMarks = event.target.checked;
  changed("view");
};

let opacityBefore = 0;
function toggleMasks() {
  [store.opacity, opacityBefore] = [store.opacity ? 0 : opacityBefore || 55, store.opacity];
  changed("view");
}

listen((what) => {
  if (what.has("document") || what.has("run") || what.has("video")) {
    element("undo").disabled = !store.document?.can_undo || isRunning();
    element("redo").disabled = !store.document?.can_redo || isRunning();
    element("add-object").disabled = !store.document || isRunning();
  }
  if (what.has("view") || what.has("video")) {
    element("brush-value").textContent = `${store.brush} px`;
    element("opacity").value = store.opacity;
    element("opacity-value").textContent = `${store.opacity} %`;
  }
});

/** Walks through what a click may mean: whole, part, sub-part, and the program's own choice. */
function nextCandidate() {
  if (!isRunning()) edit({ kind: "candidate", object: store.object, frame: store.frame });
}

function jumpToMark(direction) {
  const frames = (store.document?.prompts ?? []).map((prompt) => prompt.frame);
  const ahead = frames.filter((frame) => (direction > 0 ? frame > store.frame : frame < store.frame));
  if (ahead.length) setFrame(direction > 0 ? Math.min(...ahead) : Math.max(...ahead));
}

const KEYS = {
  Home: () => setFrame(0),
  End: () => store.video && setFrame(store.video.frames - 1),
  " ": togglePlay,
  "0": resetView,
  a: addObject,
  m: toggleMasks,
  "[": () => setBrush(store.brush - Math.max(1, Math.round(store.brush / 8))),
  "]": () => setBrush(store.brush + Math.max(1, Math.round(store.brush / 8))),
  "?": showHelp,
  Enter: closePolygon,
  Backspace: () => takeBackCorner() || deleteChosen(),
  Delete: deleteChosen,
  ",": () => setFrame(store.frame - 1),
  ".": () => setFrame(store.frame + 1),
  c: toggleCrosshair,
  w: nextCandidate,
  Escape: () => giveUp() || (isRunning() && halt()),
};

function onKey(event) {
  const target = event.target;
  const isTyping = target.matches("input[type=text], input[type=number]");
  if (document.querySelector("dialog[open]") || isTyping) return;
  if (drawByKey(event)) {
    event.preventDefault();
    return;
  }
  const isControl = event.ctrlKey || event.metaKey;
  const isArrow = event.key === "ArrowLeft" || event.key === "ArrowRight";
  if (isArrow && (isControl || !target.matches("input[type=range]") || target.id === "scrub")) {
    const way = event.key === "ArrowRight" ? 1 : -1;
    if (isControl) jumpToMark(way);
    else setFrame(store.frame + way * (event.shiftKey ? 10 : 1));
  } else if (isControl && event.key.toLowerCase() === "z") {
    history(event.shiftKey ? "redo" : "undo");
  } else if (isControl && event.key.toLowerCase() === "y") {
    history("redo");
  } else if (isControl && event.key === "Enter") {
    start();
  } else if (isControl || event.altKey) {
    return;
  } else if (event.key >= "1" && event.key <= "9") {
    chooseObject(store.document?.objects[Number(event.key) - 1]?.id);
  } else if (TOOL_KEYS.has(event.key.toLowerCase())) {
    chooseTool(TOOL_KEYS.get(event.key.toLowerCase()));
  } else {
    // Buttons and sliders keep their own keys.
    if (target.matches("button, input, select, a") && ["Enter", " ", "Home", "End"].includes(event.key)) return;
    const act = KEYS[event.key];
    if (!act) return;
    act();
  }
  event.preventDefault();
}

addEventListener("keydown", onKey);

let isLost = false;

const CATCH_UP_MS = 400;

/** Another tab has opened another video or has drawn. If it was this one, the answer to its call is on the way. */
async function catchUp(session, revision) {
  await new Promise((resolve) => setTimeout(resolve, CATCH_UP_MS));
  try {
    if (session !== store.session) {
      takeState(await get("api/state"));
    } else if (revision > store.document?.revision) {
      store.document = (await get("api/state")).document;
      changed("document");
    }
  } catch (error) {
    showError(error);
  }
}

async function begin() {
  chooseTool("stroke");
  setOnOpened(takeState);
  try {
    takeState(await get("api/state"));
  } catch (error) {
    showError(error);
    return;
  }
  follow(
    (status) => {
      if (isLost) {
        isLost = false;
        toast("Connected again.");
      }
      if (status.session === store.session && status.run) takeRun(status.run);
      if (status.session !== store.session || status.document > store.document?.revision) {
        catchUp(status.session, status.document);
      }
    },
    () => {
      if (!isLost) toast("The connection to vos ui is lost. Is it still running in the terminal?", { isError: true });
      isLost = true;
    },
  );
}

begin();
