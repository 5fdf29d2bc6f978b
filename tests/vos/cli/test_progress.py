"""The progress bar: shown while there is progress, and not before an error."""

from __future__ import annotations

import pytest

from vos.cli.progress import choose_progress


def test_nothing_is_shown_before_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ValueError, match="wrong"), choose_progress("clip", quiet=False, as_json=False):
        raise ValueError("wrong")
    assert capsys.readouterr().err == ""


def test_frames_are_counted(capsys: pytest.CaptureFixture[str]) -> None:
    with choose_progress("clip", quiet=False, as_json=False) as progress:
        for done in (1, 2, 3):
            progress.advance(done, 3)
    assert "3/3" in capsys.readouterr().err
