// Where in the video: slider, number, time, keys and playback.

import { changed, listen, setFrame, store } from "./store.js";
import { toast } from "./toast.js";

const element = (id) => document.getElementById(id);
const scrub = element("scrub");
const number = element("frame-number");
const time = element("frame-time");
const play = element("play");

element("first").onclick = () => setFrame(0);
element("previous").onclick = () => setFrame(store.frame - 1);
element("next").onclick = () => setFrame(store.frame + 1);
element("last").onclick = () => setFrame(store.video.frames - 1);
scrub.oninput = () => setFrame(Number(scrub.value));

number.onchange = () => {
  const wanted = Number(number.value);
  const last = (store.video?.frames ?? 1) - 1;
  if (number.value.trim() === "" || !Number.isInteger(wanted) || wanted < 0 || wanted > last) {
    toast(`Frames go from 0 to ${last}.`, { isError: true });
    show();
  } else {
    setFrame(wanted);
  }
};

/** Seconds of `12.5`, `1:02.5` or `1:00:02`; NaN for anything else. */
export function secondsOf(text) {
  const parts = text.trim().replace(",", ".").split(":");
  if (parts.length > 3 || parts.some((part) => !/^\d+(\.\d*)?$/.test(part))) return NaN;
  return parts.reduce((sum, part) => sum * 60 + Number(part), 0);
}

time.onchange = () => {
  const wanted = secondsOf(time.value);
  if (Number.isNaN(wanted)) {
    toast("Give a time like 2.5 or 1:02.5.", { isError: true });
    show();
  } else {
    setFrame(frameAt(wanted));
    show();
  }
};

/** The frame that is on screen at a time: the last one that has begun. */
function frameAt(seconds) {
  const { times } = store.video;
  let low = 0;
  let high = times.length - 1;
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (times[middle] <= seconds + 5e-4) low = middle;
    else high = middle - 1;
  }
  return low;
}

export function togglePlay() {
  if (!store.video) return;
  store.isPlaying = !store.isPlaying;
  if (store.isPlaying && store.frame === store.video.frames - 1) setFrame(0);
  changed("play");
}

play.onclick = togglePlay;

let playedFrom = null; // [performance.now(), seconds of the video]

function tick(now) {
  if (!store.isPlaying || !store.video) return;
  // The next frame waits for the picture before, so that a slow machine plays slowly instead of skipping everything.
  const wanted = frameAt(playedFrom[1] + (now - playedFrom[0]) / 1000);
  const isShown = document.getElementById("canvas").dataset.shown === `${store.frame}`;
  if (isShown && wanted > store.frame) setFrame(wanted);
  if (store.frame === store.video.frames - 1) {
    store.isPlaying = false;
    changed("play");
  } else {
    requestAnimationFrame(tick);
  }
}

function show() {
  const { video, frame } = store;
  const last = (video?.frames ?? 1) - 1;
  scrub.max = number.max = last;
  scrub.value = frame;
  scrub.setAttribute("aria-valuetext", `frame ${frame} of ${last}`);
  number.value = frame;
  element("frame-last").textContent = `/ ${last}`;
  time.value = (video?.times[frame] ?? 0).toFixed(3);
  for (const id of ["first", "previous"]) element(id).disabled = !video || frame === 0;
  for (const id of ["next", "last"]) element(id).disabled = !video || frame === last;
  for (const one of [scrub, number, time, play]) one.disabled = !video;
}

listen((what) => {
  if (what.has("video") || what.has("frame")) show();
  if (what.has("play")) {
    play.setAttribute("aria-pressed", String(store.isPlaying));
    element("play-label").textContent = store.isPlaying ? "Pause" : "Play";
    element("play-icon").setAttribute("href", `static/icons.svg#${store.isPlaying ? "pause" : "play"}`);
    if (store.isPlaying) {
      playedFrom = [performance.now(), store.video.times[store.frame]];
      requestAnimationFrame(tick);
    }
  }
});
