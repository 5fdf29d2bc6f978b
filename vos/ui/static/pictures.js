// Frames and masks on their way from the server to the canvas; a bounded number of each is kept.

import { getBlob, getBytes } from "./api.js";
import { store } from "./store.js";

const KEPT_FRAMES = 60;
const KEPT_LABELS = 30;

class Recent {
  constructor(limit, release = () => {}) {
    this.limit = limit;
    this.release = release;
    this.map = new Map();
  }
  get(key) {
    const value = this.map.get(key);
    if (value !== undefined) {
      this.map.delete(key);
      this.map.set(key, value);
    }
    return value;
  }
  set(key, value) {
    this.map.set(key, value);
    while (this.map.size > this.limit) {
      const [oldest, gone] = this.map.entries().next().value;
      this.map.delete(oldest);
      this.release(gone);
    }
  }
  clear() {
    for (const value of this.map.values()) this.release(value);
    this.map.clear();
  }
}

const frames = new Recent(KEPT_FRAMES, (bitmap) => bitmap.close());
const labels = new Recent(KEPT_LABELS);

export function forgetVideo() {
  frames.clear();
  labels.clear();
}

export function forgetLabels() {
  labels.clear();
}

export function keptFrame(index) {
  return frames.get(index);
}

export async function frame(index, signal) {
  const kept = frames.get(index);
  if (kept) return kept;
  const bitmap = await createImageBitmap(await getBlob(`api/frames/${index}`, signal));
  frames.set(index, bitmap);
  return bitmap;
}

/** Masks of a frame: {width, height, ids: Uint16Array, origin: "run" | "prompts" | "none"}. */
export async function labelsOf(index, signal) {
  const key = `${store.document.revision}:${store.run.epoch}:${index}`;
  const kept = labels.get(key);
  if (kept) return kept;
  const { origin, bytes } = await getBytes(`api/labels/${index}`, signal);
  const unpacked = { ...unpack(new Uint32Array(bytes)), origin };
  // While a propagation runs, the masks of a frame change without notice.
  if (store.run.state === "idle") labels.set(key, unpacked);
  return unpacked;
}

/** Width, height, then runs: id in the upper 16 bits, length in the lower. */
function unpack(words) {
  const [width, height] = words;
  const ids = new Uint16Array(width * height);
  let at = 0;
  for (let i = 2; i < words.length; i++) {
    const length = words[i] & 0xffff;
    const id = words[i] >>> 16;
    if (id) ids.fill(id, at, at + length);
    at += length;
  }
  return { width, height, ids };
}
