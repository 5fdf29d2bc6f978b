// Open, export, help.

import { get, post, upload } from "./api.js";
import { store } from "./store.js";
import { showError, toast } from "./toast.js";

const element = (id) => document.getElementById(id);

let onOpened = () => {};

export function setOnOpened(callback) {
  onOpened = callback;
}

// Open ---------------------------------------------------------------------------------------------------------------

async function showOpen() {
  const dialog = element("open-dialog");
  try {
    const { folder, videos } = await get("api/library");
    element("library-text").textContent = folder
      ? videos.length ? `Videos and sessions in ${folder}` : `No videos in ${folder}`
      : "To choose from a folder, start with: vos ui --folder FOLDER";
    element("library").replaceChildren(...videos.map(libraryRow));
  } catch (error) {
    showError(error);
    return;
  }
  if (!dialog.open) dialog.showModal();
}

function libraryRow({ name, kind, bytes }) {
  const item = document.createElement("li");
  const button = document.createElement("button");
  button.type = "button";
  const facts = document.createElement("span");
  facts.className = "muted";
  facts.textContent = kind === "video" ? sizeOf(bytes) : kind;
  button.append(name, facts);
  button.onclick = () => openWith(() => post("api/open", { name }));
  item.append(button);
  return item;
}

function sizeOf(bytes) {
  return bytes < 1e6 ? `${Math.max(1, Math.round(bytes / 1e3))} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}

async function openWith(call) {
  try {
    const state = await call();
    element("open-dialog").close();
    onOpened(state);
  } catch (error) {
    showError(error);
  }
}

export async function openFile(file) {
  const bar = element("upload-bar");
  bar.hidden = false;
  bar.value = 0;
  await openWith(() => upload(file, (share) => (bar.value = share)));
  bar.hidden = true;
  element("upload").value = "";
}

element("upload").onchange = (event) => event.target.files[0] && openFile(event.target.files[0]);
element("open").onclick = showOpen;
element("welcome-open").onclick = showOpen;

const stage = document.querySelector(".stage");
for (const name of ["dragenter", "dragover"]) {
  document.addEventListener(name, (event) => {
    event.preventDefault();
    stage.classList.add("dropping");
  });
}
document.addEventListener("dragleave", (event) => !event.relatedTarget && stage.classList.remove("dropping"));
document.addEventListener("drop", (event) => {
  event.preventDefault();
  stage.classList.remove("dropping");
  if (event.dataTransfer.files[0]) openFile(event.dataTransfer.files[0]);
});

// Export -------------------------------------------------------------------------------------------------------------

async function showExport() {
  const dialog = element("export-dialog");
  element("export-result").textContent = "";
  if (!store.run?.can_export) {
    toast(
      store.document?.prompts.length
        ? "Propagate first: the masks do not reflect your marks yet."
        : "Nothing to export yet: mark an object, then propagate.",
      { isError: true },
    );
    return;
  }
  try {
    const { formats } = await get("api/formats");
    const { masks, frames_done: done } = store.run;
    const part = masks === "current" ? "" : `Only ${done} of ${store.video.frames} frames are done, and these are written. `;
    element("export-text").textContent = `${part}Files are written to ${store.folder}`;
    element("formats").replaceChildren(...formats.map(formatRow));
    dialog.showModal();
  } catch (error) {
    showError(error);
  }
}

function formatRow({ name, summary }) {
  const item = document.createElement("li");
  const what = document.createElement("div");
  what.className = "what";
  const title = document.createElement("strong");
  title.textContent = name;
  const words = document.createElement("span");
  words.textContent = summary;
  what.append(title, words);
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = "Export";
  button.setAttribute("aria-label", `Export as ${name}: ${summary}`);
  button.onclick = () => exportAs(name, button);
  item.append(what, button);
  return item;
}

async function exportAs(format, button) {
  const result = element("export-result");
  const others = element("formats").querySelectorAll("button");
  for (const one of others) one.disabled = true;
  button.textContent = "Writing…";
  result.textContent = "";
  try {
    const { path, download } = await post("api/export", { format });
    const link = document.createElement("a");
    link.href = download;
    link.textContent = "Download a copy";
    link.setAttribute("download", "");
    result.replaceChildren(`Written: ${path} · `, link);
  } catch (error) {
    result.textContent = "";
    showError(error);
  } finally {
    for (const one of others) one.disabled = false;
    button.textContent = "Export";
  }
}

element("export").onclick = showExport;

// Help ---------------------------------------------------------------------------------------------------------------

const KEYS = [
  ["Stroke, eraser", "B, E"], ["Point on, outside", "P, N"], ["Box, outline", "R, G"], ["Brush size", "[ ]"],
  ["Choose, move a mark", "V"], ["Delete the chosen mark", "Del"], ["Not this", "right click"],
  ["Click means whole, part…", "W"],
  ["Previous, next frame", "← → or , ."], ["Ten frames", "Shift ← →"], ["First, last frame", "Home End"], ["Play, pause", "Space"],
  ["Previous, next mark", "Ctrl ← →"], ["Choose object", "1 … 9"], ["Add object", "A"], ["Hide masks", "M"],
  ["Undo, redo", "Ctrl Z, Ctrl ⇧ Z"], ["Propagate", "Ctrl Enter"], ["Stop, cancel", "Esc"], ["Whole frame", "0"],
  ["Crosshair for the keyboard", "C, arrows, Enter"], ["Zoom", "wheel"], ["Move picture", "middle button"],
];

element("keys").replaceChildren(
  ...KEYS.map(([what, keys]) => {
    const line = document.createElement("div");
    const key = document.createElement("kbd");
    key.textContent = keys;
    line.append(what, key);
    return line;
  }),
);

export function showHelp() {
  element("help-folder").textContent = store.folder || "(no video is open)";
  element("help-dialog").showModal();
}

element("help").onclick = showHelp;
