"""Tabs that follow the server see the newest state, however slow they are."""

from __future__ import annotations

import asyncio
import threading

from vos.ui.status_feed import StatusFeed


def test_a_follower_sees_the_state_now_and_the_newest_of_many_changes() -> None:
    feed = StatusFeed()
    feed.post(run=0)
    seen: list[object] = []

    async def follow() -> None:
        async for values in feed.follow():
            seen.append(values["run"])
            if len(seen) == 1:
                # A burst from another thread, while this tab is busy with the first state.
                burst = threading.Thread(target=lambda: [feed.post(run=i) for i in range(1, 500)])
                burst.start()
                burst.join()
            elif values["run"] == 499:
                feed.close()

    asyncio.run(asyncio.wait_for(follow(), 20))
    assert seen == [0, 499]


def test_closing_the_board_ends_all_followers() -> None:
    feed = StatusFeed()
    feed.post(run=1)

    async def follow() -> int:
        return sum([1 async for _ in feed.follow()])

    async def close_soon() -> list[int]:
        followers = [asyncio.create_task(follow()) for _ in range(3)]
        await asyncio.sleep(0.05)
        feed.close()
        return await asyncio.gather(*followers)

    assert all(count >= 1 for count in asyncio.run(asyncio.wait_for(close_soon(), 20)))
