// The server, with the token of this start. It comes in the address after '#', which browsers never send anywhere.

const KEY = "vos-token";

function takeToken() {
  const given = new URLSearchParams(location.hash.slice(1)).get("token");
  if (given) {
    sessionStorage.setItem(KEY, given);
    history.replaceState(null, "", location.pathname);
  }
  return sessionStorage.getItem(KEY) ?? "";
}

const token = takeToken();

/** An answer that is no success; its message is a sentence for the user. */
export class ServerError extends Error {}

async function request(method, path, options = {}) {
  let response;
  try {
    response = await fetch(path, { ...options, method, headers: { "x-vos-token": token, ...options.headers } });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ServerError("The server does not answer. Is vos ui still running in the terminal?");
  }
  if (!response.ok) {
    const body = await response.json().catch(() => ({}));
    throw new ServerError(body.error ?? `The server answered ${response.status}.`);
  }
  return response;
}

export async function get(path) {
  return (await request("GET", path)).json();
}

export async function getBlob(path, signal) {
  return (await request("GET", path, { signal })).blob();
}

export async function getBytes(path, signal) {
  const response = await request("GET", path, { signal });
  return { origin: response.headers.get("x-vos-origin"), bytes: await response.arrayBuffer() };
}

export async function post(path, body = {}) {
  const headers = { "content-type": "application/json" };
  return (await request("POST", path, { body: JSON.stringify(body), headers })).json();
}

/** Sends a file; `onProgress` gets the share that is done. */
export function upload(file, onProgress) {
  return new Promise((resolve, reject) => {
    const call = new XMLHttpRequest();
    call.open("PUT", `api/upload/${encodeURIComponent(file.name)}`);
    call.setRequestHeader("x-vos-token", token);
    call.responseType = "json";
    call.upload.onprogress = (event) => event.lengthComputable && onProgress(event.loaded / event.total);
    call.onerror = () => reject(new ServerError("The upload was cut off. Is vos ui still running in the terminal?"));
    call.onload = () =>
      call.status < 300 ? resolve(call.response) : reject(new ServerError(call.response?.error ?? "The upload failed."));
    call.send(file);
  });
}

/** Follows the server's status forever: one JSON value per line, the newest whenever something has changed. */
export async function follow(onStatus, onLost) {
  for (;;) {
    try {
      const response = await request("GET", "api/events");
      const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
      let rest = "";
      for (;;) {
        const { value, done } = await reader.read();
        if (done) break;
        const lines = (rest + value).split("\n");
        rest = lines.pop();
        if (lines.length) onStatus(JSON.parse(lines.at(-1)));
      }
    } catch (error) {
      console.warn(error);
    }
    onLost();
    await new Promise((resolve) => setTimeout(resolve, 1500));
  }
}
