"""Fetching a file over HTTPS: resumed where it broke off, complete or not there at all."""

from __future__ import annotations

import http.client
import os
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from seem_model.errors import DownloadError

_CHUNK = 1 << 20
_TIMEOUT_SECONDS = 60
_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_RANGE_NOT_SATISFIABLE = 416


def download(url: str, target: Path, *, progress: Callable[[int, int | None], None] | None = None) -> None:
    """Fetches `url` to `target`. What an earlier try left in `<target>.part` is continued.

    Args:
        url: https, or http on this machine.
        target: Appears when complete.
        progress: Called with the bytes present and, if known, their total.

    Raises:
        DownloadError: If the address is not https, or the file cannot be fetched or written. The part that came is
            kept for the next try.
    """
    parts = urlsplit(url)
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _LOOPBACK):
        raise DownloadError(f"{url}: only https addresses are fetched")
    partial = target.with_name(target.name + ".part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        _fetch(url, partial, progress)
        os.replace(partial, target)
    except urllib.error.HTTPError as error:
        raise DownloadError(f"{url}: the server answered {error.code} {error.reason}") from None
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", None) or error
        kept = partial.stat().st_size if partial.exists() else 0
        advice = f"; {kept} bytes are kept, try again to continue" if kept else ""
        raise DownloadError(f"{url}: could not be fetched ({reason}){advice}") from None


def _fetch(url: str, partial: Path, progress: Callable[[int, int | None], None] | None) -> None:
    start = partial.stat().st_size if partial.exists() else 0
    request = urllib.request.Request(url, headers={"Range": f"bytes={start}-"} if start else {})
    try:
        response = urllib.request.urlopen(request, timeout=_TIMEOUT_SECONDS)
    except urllib.error.HTTPError as error:
        if error.code != _RANGE_NOT_SATISFIABLE or not start:
            raise
        # Nothing follows what is there: it is all of the file, or of another one.
        total = (error.headers.get("Content-Range") or "").rpartition("/")[2]
        if total == str(start):
            return
        partial.unlink()
        _fetch(url, partial, progress)
        return
    with response:
        resumed = response.status == http.HTTPStatus.PARTIAL_CONTENT
        present = start if resumed else 0
        length = response.headers.get("Content-Length")
        total_bytes = present + int(length) if length is not None and length.isdecimal() else None
        with partial.open("ab" if resumed else "wb") as file:
            while chunk := response.read(_CHUNK):
                file.write(chunk)
                present += len(chunk)
                if progress is not None:
                    progress(present, total_bytes)
    if total_bytes is not None and present != total_bytes:
        raise OSError(f"the connection ended after {present} of {total_bytes} bytes")
