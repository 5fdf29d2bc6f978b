// Single marks on the frame in view: which one is under the pointer, and which one is chosen.

import { marksHere, store } from "./store.js";

/** All marks in view, one by one: {object, mark, number, points, isClosed, isMovable}; the top one last. */
function singleMarks() {
  const found = [];
  for (const prompt of marksHere()) {
    if (store.hiddenObjects.has(prompt.object)) continue;
    const add = (number, points, isClosed = false, isMovable = true) =>
      found.push({ object: prompt.object, mark: prompt.kind, number, points, isClosed, isMovable });
    (prompt.lines ?? []).forEach((line, number) => add(number, line));
    (prompt.rings ?? []).forEach((ring, number) => add(number, ring, true));
    if (prompt.order) {
      const [on, off] = [[...prompt.positive], [...prompt.negative]];
      prompt.order.forEach((sign, number) => add(number, [(sign ? on : off).shift()]));
    }
    // What was painted pixel by pixel is one mark.
    for (const ring of prompt.outline ?? []) add(0, ring, true, false);
  }
  return found;
}

function distanceToSegment([x, y], [x0, y0], [x1, y1]) {
  const [dx, dy] = [x1 - x0, y1 - y0];
  const length = dx * dx + dy * dy;
  const along = length ? Math.min(1, Math.max(0, ((x - x0) * dx + (y - y0) * dy) / length)) : 0;
  return Math.hypot(x - x0 - along * dx, y - y0 - along * dy);
}

function distanceTo(at, { points, isClosed }) {
  let nearest = Math.hypot(at[0] - points[0][0], at[1] - points[0][1]);
  for (let i = 1; i < points.length; i++) nearest = Math.min(nearest, distanceToSegment(at, points[i - 1], points[i]));
  return isClosed ? Math.min(nearest, distanceToSegment(at, points.at(-1), points[0])) : nearest;
}

/** The mark nearest to a place, no further than `reach` source pixels; of equally near ones the top one. */
export function markAt(at, reach) {
  let best = null;
  for (const mark of singleMarks()) {
    const distance = distanceTo(at, mark);
    if (distance <= reach && (!best || distance <= best.distance)) best = { ...mark, distance };
  }
  return best;
}

let chosen = null; // {object, mark, number}

export function chooseMark(mark) {
  chosen = mark && { object: mark.object, mark: mark.mark, number: mark.number };
}

/** The chosen mark as it is now; null if none is chosen, or it is gone or not in view. */
export function chosenMark() {
  return (
    singleMarks().find((one) => chosen && ["object", "mark", "number"].every((key) => one[key] === chosen[key])) ?? null
  );
}
