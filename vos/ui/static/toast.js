// Messages that come and go; errors stay long enough to be read twice.

const box = document.getElementById("toasts");

export function toast(text, { isError = false, seconds = isError ? 15 : 5 } = {}) {
  for (const old of box.children) if (old.dataset.text === text) old.remove();
  const element = document.createElement("div");
  element.className = isError ? "toast error" : "toast";
  element.dataset.text = text;
  if (isError) element.setAttribute("role", "alert");
  const words = document.createElement("p");
  words.textContent = text;
  const close = document.createElement("button");
  close.type = "button";
  close.textContent = "Dismiss";
  close.onclick = () => remove(element);
  element.append(words, close);
  box.append(element);
  while (box.children.length > 4) box.firstChild.remove();
  // Anew each time, to lie over a dialog that was opened since.
  box.hidePopover();
  box.showPopover();
  setTimeout(() => remove(element), seconds * 1000);
}

function remove(element) {
  element.remove();
  if (!box.children.length) box.hidePopover();
}

/** Shows what went wrong; anything that is not from the server is a fault of this page and says so. */
export function showError(error) {
  if (error.name === "AbortError") return;
  console.error(error);
  toast(error.message, { isError: true });
}
