// Propagate and stop, progress, and the picture going along.

import { post } from "./api.js";
import { forgetLabels } from "./pictures.js";
import { changed, isRunning, listen, objectOf, setFrame, store } from "./store.js";
import { showError, toast } from "./toast.js";

const element = (id) => document.getElementById(id);
const propagate = element("propagate");
const stop = element("stop");
const bar = element("progress-bar");

const FOLLOW_MS = 250;
let followed = 0;

export async function start() {
  if (propagate.disabled || propagate.hidden) return;
  try {
    store.follows = true;
    store.returnsTo = store.frame;
    store.isPlaying = false;
    changed("play");
    takeRun(await post("api/propagate"));
  } catch (error) {
    showError(error);
  }
}

export async function halt() {
  try {
    takeRun(await post("api/stop"));
  } catch (error) {
    showError(error);
  }
}

propagate.onclick = start;
stop.onclick = halt;

/** Takes over what the server says about the run. */
export function takeRun(run) {
  const before = store.run;
  store.run = run;
  changed("run");
  if (!before || before.epoch !== run.epoch || before.state !== run.state) {
    forgetLabels();
    changed("masks");
  }
  if (before && before.state !== "idle" && run.state === "idle") {
    if (run.message) toast(run.message, { isError: run.is_failure });
    if (store.follows) setFrame(store.returnsTo);
  }
  if (run.state === "running" && run.frame !== null) showLive(run);
}

function showLive(run) {
  const now = performance.now();
  const isDone = document.getElementById("canvas").dataset.shown === `${store.frame}`;
  if (now - followed < FOLLOW_MS || !isDone) return;
  followed = now;
  if (store.follows) {
    if (store.frame === run.frame) changed("masks");
    else setFrame(run.frame, { byUser: false });
  }
}

/** What Propagate, Resume or Update will track: "frames 40 to 131 (Rabbit)". */
function aheadText(forecast) {
  if (!forecast) return "";
  const frames = forecast.ranges.map(([first, last]) => (first === last ? `${first}` : `${first} to ${last}`)).join(", ");
  const names = forecast.objects.map((id) => objectOf(id)?.name ?? `Object ${id}`);
  return `frames ${frames}${names.length ? ` (${names.join(", ")} changed)` : ""}`;
}

const LABELS = { none: "Propagate", partial: "Resume", outdated: "Update", current: "Up to date" };

function show() {
  const { run, document: doc } = store;
  const running = isRunning();
  stop.hidden = !running;
  stop.disabled = run?.state === "stopping";
  stop.textContent = run?.state === "stopping" ? "Stopping…" : "Stop";
  propagate.hidden = running;
  element("progress").hidden = !running;
  if (!run || !doc) {
    propagate.disabled = true;
    return;
  }
  propagate.textContent = LABELS[run.masks];
  propagate.disabled = run.masks === "current" || doc.prompts.length === 0;
  propagate.title = doc.prompts.length
    ? { none: "Track the marked objects through the video (Ctrl+Enter)", partial: "Continue where it stopped (Ctrl+Enter)",
        outdated: "Bring the masks up to date with your marks (Ctrl+Enter)", current: "The masks reflect your marks" }[run.masks]
    : "Mark an object first";
  const ahead = aheadText(run.forecast);
  if (ahead) propagate.title += `: ${ahead}`;
  if (running) {
    bar.max = run.total || 1;
    if (run.total) bar.value = run.done;
    else bar.removeAttribute("value");
    const rate = run.rate ? ` · ${run.rate.toFixed(1)} frames/s` : "";
    element("progress-text").textContent = (run.total ? `${run.done} of ${run.total}` : `${run.done} frames`) + rate;
  }
  const state = element("run-state");
  state.textContent = running
    ? "Propagating…"
    : {
        none: "",
        partial: `${run.frames_done} frames done${ahead ? ` · Resume tracks ${ahead}` : ""}`,
        outdated: ahead ? `Update tracks ${ahead}` : "Marks changed since",
        current: "✓ Saved and up to date",
      }[run.masks];
  state.classList.toggle("good", !running && run.masks === "current");
}

listen((what) => {
  if (what.has("run") || what.has("document") || what.has("video")) show();
});
