"""Files and folders appear complete under their names, or what was there stays."""

from __future__ import annotations

from pathlib import Path

import pytest

from vos.errors import OutputError
from vos.files.atomic import replacing_folder


def test_a_folder_is_replaced_when_it_is_complete(tmp_path: Path) -> None:
    place = tmp_path / "masks"
    place.mkdir()
    (place / "old.png").write_bytes(b"old")
    with replacing_folder(place) as temporary:
        temporary.mkdir()
        (temporary / "new.png").write_bytes(b"new")
        assert (place / "old.png").exists()
    assert [path.name for path in tmp_path.rglob("*")] == ["masks", "new.png"]


def test_a_folder_that_fails_leaves_the_former_one(tmp_path: Path) -> None:
    place = tmp_path / "masks"
    place.mkdir()
    (place / "old.png").write_bytes(b"old")
    with pytest.raises(OutputError, match="disk full"), replacing_folder(place) as temporary:
        temporary.mkdir()
        raise OutputError("disk full")
    assert [path.name for path in tmp_path.rglob("*")] == ["masks", "old.png"]


def test_a_block_that_writes_nothing_gives_an_empty_folder(tmp_path: Path) -> None:
    with replacing_folder(tmp_path / "objects"):
        pass
    assert list((tmp_path / "objects").iterdir()) == []
