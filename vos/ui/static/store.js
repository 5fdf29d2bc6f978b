// What the page knows. Whoever changes it says so with `changed`, and whoever shows it listens.

export const store = {
  session: 0, // number of the open session
  video: null, // {name, width, height, frames, times, rate}
  document: null, // {revision, objects, prompts, removals, can_undo, can_redo}
  run: null, // {state, done, total, frame, epoch, masks, frames_done, rate, message, is_failure}
  folder: "",
  frame: 0,
  object: 1,
  tool: "stroke",
  brush: 8,
  opacity: 55,
  showMarks: true,
  hiddenObjects: new Set(),
  isPlaying: false,
  follows: false, // whether the picture goes along with a propagation
  returnsTo: 0, // the frame it then goes back to
};

const listeners = new Set();
let pending = null;

export function listen(listener) {
  listeners.add(listener);
}

/** Names what has changed: "video", "document", "run", "frame", "view", "tool". Listeners are called once a frame. */
export function changed(...what) {
  if (!pending) {
    pending = new Set();
    queueMicrotask(() => {
      const now = pending;
      pending = null;
      for (const listener of listeners) listener(now);
    });
  }
  for (const one of what) pending.add(one);
}

export function isRunning() {
  return store.run?.state === "running" || store.run?.state === "stopping";
}

export function objectOf(id) {
  return store.document?.objects.find((one) => one.id === id);
}

/** Marks of the frame in view, of all objects or of one. */
export function marksHere(objectId = null) {
  const prompts = store.document?.prompts ?? [];
  return prompts.filter((p) => p.frame === store.frame && (objectId === null || p.object === objectId));
}

export function setFrame(index, { byUser = true } = {}) {
  if (!store.video) return;
  const frame = Math.min(Math.max(0, Math.round(index)), store.video.frames - 1);
  if (byUser) store.follows = false;
  if (frame === store.frame) return;
  store.frame = frame;
  changed("frame");
}

export function rgbOf(hex) {
  return [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));
}
