// Messages that come and go. Errors stay until they are read.

const box = document.getElementById("toasts");

export function toast(text, { isError = false, seconds = 5 } = {}) {
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
  close.onclick = () => element.remove();
  element.append(words, close);
  box.append(element);
  while (box.children.length > 4) box.firstChild.remove();
  if (!isError) setTimeout(() => element.remove(), seconds * 1000);
}

/** Shows what went wrong; anything that is not from the server is a fault of this page and says so. */
export function showError(error) {
  if (error.name === "AbortError") return;
  console.error(error);
  toast(error.message, { isError: true });
}
