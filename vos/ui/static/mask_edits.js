// Edits of the finished masks on a range of frames: swap, merge, split, delete, lock. Nothing is tracked.

import { post } from "./api.js";
import { forgetLabels } from "./pictures.js";
import { takeRun } from "./propagation.js";
import { changed, listen, store } from "./store.js";
import { showError, toast } from "./toast.js";
import { pickPart } from "./tools.js";

const element = (id) => document.getElementById(id);
const dialog = element("edit-dialog");
const kind = element("edit-kind");
const [first, second] = [element("edit-first"), element("edit-second")];
const [from, to] = [element("edit-from"), element("edit-to")];

const KINDS = {
  swap: { label: "Swap: they trade their masks", needs: 2 },
  merge: { label: "Merge: the first becomes part of the second", needs: 2 },
  split: { label: "Split: a part becomes an object", needs: 1, picks: true },
  delete: { label: "Delete: its pixels become background", needs: 1 },
  lock: { label: "Lock: these masks stay, whatever is corrected", needs: 1, whole: true },
  unlock: { label: "Unlock", needs: 1, whole: true },
};

function option(value, text) {
  const one = document.createElement("option");
  one.value = value;
  one.textContent = text;
  return one;
}

kind.replaceChildren(...Object.entries(KINDS).map(([name, { label }]) => option(name, label)));

function fillObjects() {
  const objects = (store.document?.objects ?? []).map((one) => option(one.id, one.name));
  const [before, after] = [first.value, second.value];
  first.replaceChildren(...(KINDS[kind.value].whole ? [option("", "The whole picture")] : []), ...objects);
  second.replaceChildren(...objects.map((one) => one.cloneNode(true)));
  first.value = [...first.options].some((one) => one.value === before) ? before : String(store.object);
  const other = store.document?.objects.find((one) => String(one.id) !== first.value);
  second.value = after && after !== first.value ? after : String(other?.id ?? "");
}

function show() {
  const { needs, picks } = KINDS[kind.value];
  fillObjects();
  element("edit-second-row").hidden = needs < 2;
  element("edit-text").textContent = picks
    ? "Then click on the part in the picture: the connected piece there, followed from frame to frame. Or drag a box around it."
    : "Frames outside the range stay as they are. What was tracked is kept.";
  const edits = store.run?.edits ?? [];
  element("edit-list").replaceChildren(
    ...edits.map((text) => {
      const item = document.createElement("li");
      item.textContent = text;
      return item;
    }),
  );
  element("edit-undo").hidden = edits.length === 0;
}

function open() {
  if (store.run?.masks !== "current") {
    toast("Propagate first: edits are made to masks that are up to date.", { isError: true });
    return;
  }
  const last = store.video.frames - 1;
  for (const field of [from, to]) field.max = last;
  if (!dialog.dataset.used) [from.value, to.value] = [store.frame, last];
  dialog.dataset.used = "yes";
  show();
  dialog.showModal();
}

async function send(path, body) {
  try {
    const { report, document: now, run } = await post(path, body);
    store.document = now;
    forgetLabels();
    takeRun(run);
    changed("document", "masks");
    const part = report.new_object === null || report.new_object === undefined ? "" : `; the part is object ${report.new_object}`;
    const gone = report.removed.length ? ` Removed, since they show the masks before: ${report.removed.join(", ")}.` : "";
    toast(`${report.changed} masks changed${part}.${gone}`);
    show();
  } catch (error) {
    showError(error);
  }
}

async function apply() {
  const { needs, picks } = KINDS[kind.value];
  const objects = [first, second].slice(0, needs).filter((one) => one.value !== "").map((one) => Number(one.value));
  const body = { kind: kind.value, objects, frames: [Number(from.value), Number(to.value)] };
  dialog.close();
  if (!picks) return send("api/masks/edit", body);
  toast("Click on the part, or drag a box around it. Esc cancels.", { seconds: 6 });
  pickPart((part) => send("api/masks/edit", { ...body, ...part, frame: store.frame }));
}

kind.onchange = show;
first.onchange = fillObjects;
element("edit-masks").onclick = open;
element("edit-undo").onclick = () => send("api/masks/undo", {});
element("edit-apply").onclick = (event) => {
  event.preventDefault();
  apply();
};

listen((what) => {
  if (what.has("run") || what.has("video")) element("edit-masks").disabled = store.run?.masks !== "current";
});
