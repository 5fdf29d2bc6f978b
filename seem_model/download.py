"""Downloading one file over HTTPS: resumable, complete or not at all.

A partial file is kept together with the validator (ETag or date) that the server gave for it, so that a download is
resumed only if the file on the server is still the same.
"""

from __future__ import annotations

import re
import urllib.error
import urllib.request
from collections.abc import Callable
from http.client import HTTPException, HTTPResponse
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

from seem_model.errors import DownloadError

_CHUNK = 1 << 20
_TIMEOUT_SECONDS = 30.0
Progress = Callable[[int, int | None], None]


def download(url: str, target: Path, *, progress: Progress | None = None) -> None:
    """Fetches `url` to `target`, which must not exist; continues an earlier attempt where that is safe.

    Args:
        url: An https address; http is accepted for this machine only.
        target: Where the whole file appears once it is complete.
        progress: Called with bytes done and bytes in all (None if the server does not say).

    Raises:
        DownloadError: If the address is refused, the server fails, or the connection ends early. What has arrived
            is kept for the next attempt.
    """
    _check_address(url)
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f"{target.name}.part")
    validator_file = target.with_name(f"{target.name}.part.validator")
    validator = validator_file.read_text("utf-8") if validator_file.is_file() and partial.is_file() else ""
    start = partial.stat().st_size if validator else 0
    headers = {"User-Agent": "seem-vos", "Accept-Encoding": "identity"}
    if start:
        headers |= {"Range": f"bytes={start}-", "If-Range": validator}
    try:
        request = urllib.request.Request(url, headers=headers)
        with urllib.request.urlopen(request, timeout=_TIMEOUT_SECONDS) as response:
            start, total = _extent(response, start)
            validator_file.write_text(_validator(response), "utf-8")
            done = _copy(response, partial, start, total, progress)
    except urllib.error.HTTPError as error:
        if error.code == 416:
            partial.unlink(missing_ok=True)
            raise DownloadError(f"{url}: the partial file did not fit the server's; try again") from None
        raise DownloadError(f"{url}: the server answered {error.code} {error.reason}") from None
    except (OSError, HTTPException) as error:
        raise DownloadError(f"{url}: {error}; run the command again to go on where it stopped") from None
    if total is not None and done != total:
        raise DownloadError(f"{url}: ended at {done} of {total} bytes; run the command again to go on")
    partial.replace(target)
    validator_file.unlink(missing_ok=True)


def _check_address(url: str) -> None:
    parts = urlsplit(url)
    if parts.scheme == "https" and parts.hostname:
        return
    if parts.scheme == "http" and parts.hostname and _is_this_machine(parts.hostname):
        return
    raise DownloadError(f"{url}: weights are fetched over https only")


def _is_this_machine(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _extent(response: HTTPResponse, wanted_start: int) -> tuple[int, int | None]:
    """Where the body of a response begins in the file, and the file's size if known."""
    if response.status == 206:
        match = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", response.headers.get("Content-Range", ""))
        if match is None or int(match[1]) != wanted_start:
            raise OSError("the server sent another part of the file than was asked for")
        return wanted_start, None if match[2] == "*" else int(match[2])
    length = response.headers.get("Content-Length")
    return 0, int(length) if length else None


def _validator(response: HTTPResponse) -> str:
    """A value for If-Range: a strong ETag, else the date of the file; empty if the server gives neither."""
    etag = response.headers.get("ETag", "")
    if etag and not etag.startswith("W/"):
        return str(etag)
    return str(response.headers.get("Last-Modified", ""))


def _copy(response: HTTPResponse, path: Path, start: int, total: int | None, progress: Progress | None) -> int:
    done = start
    with path.open("r+b" if start else "wb") as stream:
        stream.seek(start)
        while chunk := response.read(_CHUNK):
            stream.write(chunk)
            done += len(chunk)
            if progress is not None:
                progress(done, total)
    return done
