"""Damaged and cut files: every frame that decodes, then one clear word about where it ended."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from vos.errors import VideoError
from vos.video import ReadAhead, open_source, pyav_compat
from vos.video.timeline import Timeline

FAST_START = {"movflags": "faststart"}


def cut_short(path: Path, part: float = 0.6) -> Path:
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * part)])
    return path


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("a.mp4", {"container_options": FAST_START}),
        ("a.mkv", {}),
        ("fragments.mp4", {"container_options": {"movflags": "frag_keyframe+empty_moov+delay_moov"}}),
    ],
)
def test_a_file_that_ends_early_gives_its_frames_and_then_says_so(
    clips: Any, name: str, options: dict[str, Any]
) -> None:
    path = cut_short(clips.make(name, range(60), **options))
    with open_source(path) as source:
        assert source.info.is_truncated
        frames = list(source)
        damage = source.truncation
        assert 20 <= len(frames) < 60
        # The picture at the very end may be concealed; all others are whole.
        clips.assert_painted(frames[:-1])
        assert damage is not None and damage.frame_index <= len(frames)
        assert f"incomplete from frame {damage.frame_index} (" in str(damage)
        assert source.info.frame_count == len(frames)
        for index in (len(frames) - 1, 3):
            assert np.array_equal(source.read_at(index).rgb, frames[index].rgb)


@pytest.mark.parametrize(
    ("name", "options", "reason"),
    [
        ("a.avi", {"codec": "mpeg4"}, "the header promises"),
        ("a.gif", {"codec": "gif", "pixel_format": "rgb8"}, "without a GIF's trailer"),
        ("a.ts", {}, "the last packet of the transport stream has"),
    ],
)
def test_formats_that_end_early_without_a_word_are_looked_through(
    clips: Any, name: str, options: dict[str, Any], reason: str
) -> None:
    path = clips.make(name, range(60), **options)
    with open_source(path) as source:
        assert source.truncation is None
    with open_source(cut_short(path)) as source:
        count = len(list(source))
        assert 1 <= count < 60
        assert source.truncation is not None and source.truncation.frame_index <= count
        assert reason in source.truncation.reason


def test_pictures_out_of_order_are_not_taken_for_missing(clips: Any) -> None:
    """As some muxers write that guess times of a stream without any."""
    path = clips.make("a.mp4", range(30), options={"bf": "0", "g": "50"})
    swapped = clips.folder / "swapped.mkv"
    with av.open(str(path)) as reader, av.open(str(swapped), "w") as writer:
        copy = writer.add_stream_from_template(reader.streams.video[0])
        for number, packet in enumerate(p for p in reader.demux(video=0) if p.size):
            packet.pts += (512, -512)[number % 2] if number > 2 else 0
            packet.dts -= 1024
            packet.stream = copy
            writer.mux(packet)
    with open_source(swapped) as source:
        clips.assert_painted(list(source))
        assert source.truncation is None
        assert any("ran backwards" in note for note in source.info.notes)


def test_frames_before_the_first_known_time_are_placed_before_it() -> None:
    untimed = Timeline(40, start=20 - 3 * 40)
    times = [(None, None), (None, None), (None, None), (20, None), (60, 60)]
    assert [untimed.place(*time) for time in times] == [-100, -60, -20, 20, 60]
    assert (untimed.repaired, untimed.first_repaired) == (3, 0)


def damage_packet(path: Path, number: int) -> Path:
    """Overwrites the bytes of one packet of an mp4."""
    with av.open(str(path)) as container:
        packet = next(p for i, p in enumerate(container.demux(video=0)) if i == number)
        position, size = packet.pos, packet.size
    data = bytearray(path.read_bytes())
    data[position : position + size] = b"\xff" * size
    path.write_bytes(data)
    return path


def test_frames_after_a_damaged_packet_are_delivered_with_their_own_times(clips: Any) -> None:
    # Every picture is a key frame, so exactly one is lost.
    path = damage_packet(clips.make("a.mp4", range(40), options={"g": "1", "bf": "0"}), 17)
    with open_source(path) as source:
        assert not source.info.is_truncated
        frames = list(source)
        assert [clips.number_in(frame.rgb) for frame in frames] == [i for i in range(40) if i != 17]
        assert [round(frame.time * 25) for frame in frames] == [i for i in range(40) if i != 17]
        assert [frame.index for frame in frames] == list(range(39))
        damage = source.truncation
        assert damage is not None and (damage.frame_index, damage.time) == (17, pytest.approx(17 / 25))
        assert source.info.is_truncated and source.info.frame_count == 39
        assert clips.number_in(source.read_at(20).rgb) == 21


def test_two_passes_over_a_damaged_file_give_the_same_bytes(clips: Any) -> None:
    path = damage_packet(clips.make("a.mp4", range(40)), 15)
    with open_source(path) as one, open_source(path) as two:
        pairs = list(zip(one, two, strict=True))
    assert len(pairs) >= 12
    assert all(a.pts == b.pts and np.array_equal(a.rgb, b.rgb) for a, b in pairs)


def test_read_ahead_hands_truncation_on(clips: Any) -> None:
    path = cut_short(clips.make("a.mp4", range(60), container_options=FAST_START))
    with ReadAhead(open_source(path)) as source:
        count = sum(1 for _ in source)
        assert source.truncation is not None
        assert source.info.frame_count == count


def _audio_only(folder: Path) -> Path:
    path = folder / "sound.mka"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.int16), format="s16", layout="mono")
        frame.sample_rate = 8000
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def _written(folder: Path, name: str, data: bytes) -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


UNREADABLE = {
    "missing": (lambda folder: folder / "none.mp4", "no such file; check the path"),
    "empty": (lambda folder: _written(folder, "empty.webm", b""), "the file is empty"),
    "noise": (lambda folder: _written(folder, "noise.mp4", bytes(range(256)) * 40), "not a video that can be read"),
    "text": (lambda folder: _written(folder, "notes.txt", b"hello\n" * 100), "no video stream"),
    "audio only": (_audio_only, "no video stream .it holds only audio"),
    "no moov": (lambda folder: _written(folder, "a.mp4", b"\0\0\0\x18ftypisom\0\0\2\0isomiso2"), "not a video"),
    "playlist": (
        lambda folder: _written(folder, "list.m3u8", b"#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1:9/a.ts\n#EXT-X-ENDLIST\n"),
        "not a video|no video stream",
    ),
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_what_cannot_be_read_is_refused_in_one_line(tmp_path: Path, name: str) -> None:
    make, words = UNREADABLE[name]
    path = make(tmp_path)
    with pytest.raises(VideoError, match=words) as caught:
        open_source(path)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


def test_a_video_of_which_nothing_decodes_is_refused(clips: Any) -> None:
    path = clips.make("a.mp4", range(3), options={"g": "1", "bf": "0"})
    for number in range(3):
        damage_packet(path, number)
    with pytest.raises(VideoError, match="no frame of the video can be decoded"):
        open_source(path)


def test_a_clip_cut_to_a_few_pictures_still_gives_those(clips: Any) -> None:
    path = clips.make("a.mp4", range(40), container_options=FAST_START)
    with av.open(str(path)) as container:
        third = [packet.pos for packet in container.demux(video=0) if packet.size][3]
    path.write_bytes(path.read_bytes()[:third])
    with open_source(path) as source:
        assert len(list(source)) == 3
        assert source.truncation is not None


def test_a_song_with_cover_art_is_no_video(tmp_path: Path) -> None:
    song = _audio_only(tmp_path)
    path = tmp_path / "song.flac"
    with av.open(str(song)) as reader, av.open(str(path), "w") as writer:
        audio = writer.add_stream("flac", rate=8000)
        cover = writer.add_stream("mjpeg", rate=1)
        cover.width = cover.height = 32
        cover.pix_fmt = "yuvj420p"
        cover.disposition = av.stream.Disposition.attached_pic
        picture = av.VideoFrame.from_ndarray(np.zeros((32, 32, 3), np.uint8), format="rgb24")
        writer.mux(cover.encode(picture.reformat(format="yuvj420p")))
        for frame in reader.decode(audio=0):
            writer.mux(audio.encode(frame))
        writer.mux(audio.encode(None))
    with pytest.raises(VideoError, match="its only picture is cover art"):
        open_source(path)


def test_a_picture_of_absurd_size_is_refused_before_it_is_decoded(clips: Any) -> None:
    path = clips.make("a.gif", range(2), codec="gif", pixel_format="rgb8")
    data = bytearray(path.read_bytes())
    data[6:10] = (15_000).to_bytes(2, "little") * 2
    path.write_bytes(data)
    with pytest.raises(VideoError, match="15000x15000 is more than"):
        open_source(path)


def mutated(data: bytes, rng: np.random.Generator) -> bytes:
    """The bytes cut off, overwritten here and there, overwritten in one place, or with a part taken out."""
    changed = bytearray(data)
    start = int(rng.integers(0, len(data)))
    match int(rng.integers(0, 4)):
        case 0:
            del changed[start:]
        case 1:
            for place in rng.integers(0, len(data), 12):
                changed[place] = int(rng.integers(0, 256))
        case 2:
            changed[start : start + 300] = rng.bytes(len(changed[start : start + 300]))
        case _:
            del changed[start : start + 500]
    return bytes(changed)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("a.mp4", {"container_options": FAST_START}),
        ("a.mkv", {}),
        ("a.ts", {}),
        ("a.webm", {"codec": "libvpx"}),
        ("hevc.mkv", {"codec": "libx265", "options": {"x265-params": "log-level=none"}}),
    ],
)
def test_whatever_happens_to_its_bytes_a_file_gives_a_consistent_answer(
    clips: Any, name: str, options: dict[str, Any]
) -> None:
    path = clips.make(name, range(24), **options)
    whole = path.read_bytes()
    rng = np.random.default_rng(7)
    for _ in range(25):
        path.write_bytes(mutated(whole, rng))
        try:
            source = open_source(path)
        except VideoError as error:
            assert str(error).startswith(str(path)) and "\n" not in str(error)
            continue
        with source:
            frames = list(source)
            assert source.info.frame_count == len(frames)
            assert all(a.pts < b.pts for a, b in pairwise(frames))
            assert all(np.array_equal(a.rgb, b.rgb) for a, b in zip(frames, source, strict=True))
            if frames:
                assert source.read_at(len(frames) - 1).pts == frames[-1].pts


def test_packets_of_streams_that_appear_late_are_passed_over() -> None:
    class Container:
        """PyAV's behaviour: the generator fails at a packet of a stream it does not know, and a new one goes on."""

        def __init__(self) -> None:
            self.left = iter([1, 2, None, 3, None, 4])

        def demux(self) -> Any:
            for packet in self.left:
                if packet is None:
                    raise IndexError("list index out of range")
                yield packet

    assert list(pyav_compat.demux(Container())) == [1, 2, 3, 4]
