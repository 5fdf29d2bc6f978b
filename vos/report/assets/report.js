"use strict";
for (const card of document.querySelectorAll("article")) {
  const shot = card.querySelector(".shot"), cross = card.querySelector(".cross"), point = card.querySelector(".point");
  shot.addEventListener("click", (event) => {
    const box = shot.getBoundingClientRect();
    const inside = (value, length) => Math.min(length - 1, Math.max(0, Math.floor(value * length)));
    const x = (event.clientX - box.left) / box.width, y = (event.clientY - box.top) / box.height;
    point.textContent = inside(x, +card.dataset.width) + "," + inside(y, +card.dataset.height);
    cross.style.left = 100 * x + "%";
    cross.style.top = 100 * y + "%";
  });
  const button = card.querySelector("button"), code = card.querySelector("code");
  button.addEventListener("click", () => {
    const range = document.createRange();
    range.selectNodeContents(code);
    getSelection().removeAllRanges();
    getSelection().addRange(range);
    // A page that was opened from disk may lack the modern way.
    const done = navigator.clipboard ? navigator.clipboard.writeText(code.textContent) : Promise.resolve(document.execCommand("copy"));
    done.then(() => { button.textContent = "copied"; }, () => { button.textContent = "selected"; });
  });
}
