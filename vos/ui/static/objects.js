// The list of objects, and what is said about them on the frame in view.

import { post } from "./api.js";
import { icon } from "./icon.js";
import { changed, isRunning, listen, marksHere, objectOf, store } from "./store.js";
import { showError } from "./toast.js";

const list = document.getElementById("objects");
const marksText = document.getElementById("marks-text");
const clearMarks = document.getElementById("clear-marks");
const direction = document.getElementById("direction");

const DIRECTIONS = [
  { name: "backward", label: "◀ Before", title: "These marks apply to the frames before this one" },
  { name: "both", label: "Both", title: "These marks apply to the frames before and after this one" },
  { name: "forward", label: "After ▶", title: "These marks apply to the frames after this one" },
];

/** Changes the document on the server and takes over what it has become. */
export async function edit(body) {
  try {
    store.document = await post("api/edit", body);
    changed("document");
    return true;
  } catch (error) {
    showError(error);
    return false;
  }
}

export function chooseObject(id) {
  if (!objectOf(id)) return;
  store.object = id;
  changed("object");
}

export async function addObject() {
  if (!store.document || !(await edit({ kind: "add-object" }))) return;
  chooseObject(store.document.objects.at(-1).id);
}

function row(object) {
  const item = document.createElement("li");
  item.className = "object";
  item.dataset.object = object.id;

  const swatch = document.createElement("input");
  swatch.type = "color";
  swatch.className = "swatch";
  swatch.value = object.colour;
  swatch.setAttribute("aria-label", `Colour of ${object.name}`);
  swatch.title = "Change the colour";
  swatch.onchange = () => edit({ kind: "recolour-object", object: object.id, colour: swatch.value });

  const choose = document.createElement("button");
  choose.type = "button";
  choose.className = "choose";
  choose.title = `Draw for ${object.name}${object.id <= 9 ? ` (${object.id})` : ""}; double-click to rename`;
  const name = document.createElement("span");
  name.textContent = object.name;
  choose.append(name);
  choose.onclick = () => chooseObject(object.id);
  choose.ondblclick = () => rename(item, object);

  const eye = document.createElement("button");
  eye.type = "button";
  eye.className = "icon";
  eye.onclick = () => {
    if (!store.hiddenObjects.delete(object.id)) store.hiddenObjects.add(object.id);
    changed("view", "object");
  };
  eye.dataset.role = "eye";

  const more = document.createElement("button");
  more.type = "button";
  more.className = "icon";
  more.append(icon("more"));
  more.title = "Rename, end, remove";
  more.setAttribute("aria-label", `More for ${object.name}`);
  more.setAttribute("aria-haspopup", "menu");
  more.onclick = () => openMenu(more, item, object);

  item.append(swatch, choose, eye, more);
  return item;
}

function rename(item, object) {
  const field = document.createElement("input");
  field.type = "text";
  field.className = "name";
  field.value = object.name;
  field.maxLength = 60;
  field.setAttribute("aria-label", `New name of ${object.name}`);
  item.querySelector(".choose").replaceWith(field);
  field.select();
  let isDone = false;
  const finish = async (keep) => {
    if (isDone) return;
    isDone = true;
    const name = field.value.trim();
    if (!keep || !name || name === object.name || !(await edit({ kind: "rename-object", object: object.id, name }))) show();
  };
  field.onblur = () => finish(true);
  field.onkeydown = (event) => {
    event.stopPropagation();
    if (event.key === "Enter" || event.key === "Escape") finish(event.key === "Enter");
  };
}

let menu = null;

function closeMenu() {
  menu?.remove();
  menu = null;
}

function openMenu(button, item, object) {
  closeMenu();
  menu = document.createElement("div");
  menu.className = "menu";
  menu.setAttribute("role", "menu");
  const isMarkedBefore = store.document.prompts.some((p) => p.object === object.id && p.frame < store.frame);
  const ends = store.document.removals.some((r) => r.object === object.id && r.frame === store.frame);
  const entries = [["Rename", () => rename(item, object)]];
  if (ends) entries.push(["Does not end here", () => edit({ kind: "unend-object", object: object.id, frame: store.frame })]);
  else if (isMarkedBefore) entries.push(["Ends here", () => edit({ kind: "end-object", object: object.id, frame: store.frame })]);
  entries.push(["Remove with all its marks", () => edit({ kind: "remove-object", object: object.id })]);
  for (const [label, act] of entries) {
    const entry = document.createElement("button");
    entry.type = "button";
    entry.setAttribute("role", "menuitem");
    entry.textContent = label;
    entry.onclick = () => {
      closeMenu();
      act();
    };
    menu.append(entry);
  }
  document.body.append(menu);
  const at = button.getBoundingClientRect();
  menu.style.left = `${Math.min(at.left, innerWidth - menu.offsetWidth - 8)}px`;
  menu.style.top = `${Math.min(at.bottom + 4, innerHeight - menu.offsetHeight - 8)}px`;
  menu.firstChild.focus();
  menu.onkeydown = (event) => {
    event.stopPropagation();
    const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    const entries = [...menu.children];
    if (by) entries[(entries.indexOf(document.activeElement) + by + entries.length) % entries.length].focus();
    if (event.key === "Escape") {
      closeMenu();
      button.focus();
    }
  };
}

document.addEventListener("pointerdown", (event) => {
  if (menu && !menu.contains(event.target)) closeMenu();
});

function show() {
  list.replaceChildren(...(store.document?.objects ?? []).map(row));
  markActive();
}

function markActive() {
  if (store.document && !objectOf(store.object)) store.object = store.document.objects[0]?.id ?? 0;
  for (const item of list.children) {
    const id = Number(item.dataset.object);
    const isActive = id === store.object;
    item.classList.toggle("active", isActive);
    if (isActive) item.scrollIntoView({ block: "nearest" });
    item.querySelector(".choose")?.setAttribute("aria-pressed", String(isActive));
    const eye = item.querySelector('[data-role="eye"]');
    const isHidden = store.hiddenObjects.has(id);
    eye.replaceChildren(icon(isHidden ? "eye-off" : "eye"));
    eye.title = isHidden ? "Show" : "Hide";
    eye.setAttribute("aria-label", `${isHidden ? "Show" : "Hide"} ${objectOf(id).name}`);
  }
}

const COUNTED = {
  stroke: (mark) => count(mark.lines?.length ?? 1, "stroke", "strokes"),
  points: (mark) =>
    [
      mark.positive.length ? count(mark.positive.length, "point", "points") : "",
      mark.negative.length ? `${mark.negative.length} × not this` : "",
    ].filter(Boolean).join(", "),
  box: () => "box",
  polygon: (mark) => count(mark.rings.length, "outline", "outlines"),
  mask: () => "exact mask",
  scribbles: () => "DAVIS scribbles",
};

function count(number, one, many) {
  return number === 1 ? one : `${number} ${many}`;
}

function showMarks() {
  const own = marksHere(store.object);
  const name = objectOf(store.object)?.name ?? "";
  marksText.textContent = own.length
    ? `${name}: ${own.map((mark) => COUNTED[mark.kind]?.(mark) ?? mark.kind).join(", ")}`
    : `No mark for ${name || "any object"}`;
  clearMarks.disabled = !own.length || isRunning();
  const here = own[0]?.direction;
  for (const button of direction.children) {
    // There is nothing before the first frame.
    button.disabled = !own.length || isRunning() || (store.frame === 0 && button.dataset.name !== "forward");
    button.setAttribute("aria-checked", String(button.dataset.name === here));
    button.tabIndex = button.dataset.name === (here ?? "forward") ? 0 : -1;
  }
}

for (const { name, label, title } of DIRECTIONS) {
  const button = document.createElement("button");
  button.type = "button";
  button.role = "radio";
  button.dataset.name = name;
  button.title = title;
  button.textContent = label;
  button.onclick = () => edit({ kind: "direct", object: store.object, frame: store.frame, direction: name });
  direction.append(button);
}

direction.addEventListener("keydown", (event) => {
  const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
  if (!by) return;
  event.preventDefault();
  event.stopPropagation();
  const buttons = [...direction.children];
  const next = buttons[(buttons.indexOf(document.activeElement) + by + buttons.length) % buttons.length];
  next.focus();
  next.click();
});

clearMarks.onclick = () => edit({ kind: "clear", object: store.object, frame: store.frame });
document.getElementById("add-object").onclick = addObject;

listen((what) => {
  if (what.has("document") || what.has("video")) show();
  else if (what.has("object") || what.has("view")) markActive();
  if (["document", "video", "object", "frame", "run"].some((one) => what.has(one))) showMarks();
});
