"""The error messages in docs/troubleshooting.md are what the command really prints."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vos.cli.main import main
from vos.video import VideoEncoder

PAGE = Path(__file__).parents[2] / "docs" / "troubleshooting.md"


def shown() -> list[tuple[str, str]]:
    """Every `$ vos ...` of the page with the line after it."""
    blocks = re.findall(r"^```console\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    return [pair for block in blocks for pair in re.findall(r"^\$ vos (.+)\n(.+)$", block, re.MULTILINE)]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What the page takes for granted: a clip of six frames, a stroke saved as JPEG, and an output folder in use."""
    with VideoEncoder(tmp_path / "clip.mp4", width=320, height=180, time_base=1, average_rate=25) as encoder:
        for index in range(6):
            encoder.write(np.full((180, 320, 3), 40 + index, np.uint8), index)
    Image.fromarray(np.zeros((180, 320, 3), np.uint8)).save(tmp_path / "stroke.jpg")
    (tmp_path / "masks").mkdir()
    (tmp_path / "masks" / "mine.txt").write_text("kept")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/you")
    monkeypatch.delenv("SEEM_VOS_HOME", raising=False)
    return tmp_path


@pytest.mark.parametrize(("command", "message"), shown())
def test_a_message_on_the_page_is_what_the_command_prints(
    command: str, message: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        main([*shlex.split(command), "--quiet"])
    assert stopped.value.code in (1, 2)
    # `...` on the page stands for words of PyTorch's, which depend on its build.
    expected = ".+".join(map(re.escape, message.split("..."))) if "(...)" in message else re.escape(message)
    assert re.fullmatch(expected, capsys.readouterr().err.splitlines()[-1])
    assert [path.name for path in sorted(folder.iterdir())] == ["clip.mp4", "masks", "stroke.jpg"]


def test_the_page_shows_messages() -> None:
    assert len(shown()) > 5
