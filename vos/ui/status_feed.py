"""What changes while the server works, for any number of browser tabs that follow it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from typing import Any

# A tab gets at most this many states a second; whatever happened in between is in the next one.
_STATES_PER_SECOND = 12


class StatusFeed:
    """A small dict of JSON values that one thread writes and many tabs follow.

    Only the newest state is kept, so that a slow tab costs no memory and never sees an old state late.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._values: dict[str, Any] = {}
        self._version = 0
        self._closed = False
        self._wakers: set[Callable[[], None]] = set()

    def post(self, **values: Any) -> None:
        """Changes some values. From any thread."""
        with self._lock:
            self._values = {**self._values, **values}
            self._version += 1
            wakers = list(self._wakers)
        for wake in wakers:
            wake()

    def read(self) -> dict[str, Any]:
        """The state now."""
        with self._lock:
            return self._values

    def close(self) -> None:
        """Ends all `follow` loops: the server is about to stop."""
        self._closed = True
        self.post()

    async def follow(self) -> AsyncIterator[dict[str, Any]]:
        """The state now, and again whenever it has changed; ends when the feed is closed."""
        loop = asyncio.get_running_loop()
        changed = asyncio.Event()

        def wake() -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(changed.set)

        with self._lock:
            self._wakers.add(wake)
        seen = -1
        try:
            while not self._closed:
                changed.clear()
                with self._lock:
                    version, values = self._version, self._values
                if version != seen:
                    seen = version
                    yield values
                    await asyncio.sleep(1 / _STATES_PER_SECOND)
                else:
                    await changed.wait()
        finally:
            with self._lock:
                self._wakers.discard(wake)
