"""Made clips: the same everywhere, with exact masks, and each about its factor."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from eval import evaluate
from pipelines.made.clips import MadeSet, digest
from pipelines.made.draws import Draws, cosine, sine
from pipelines.made.factors import FACTORS
from pipelines.made.figures import KINDS, Limb, Plate
from pipelines.made.paint import Figure, Pose
from pipelines.made.render import render
from pipelines.made.save import SPLIT, save_clips
from pipelines.made.scene import Actor, Key, Optics, Scene, Shot, Stay
from pipelines.training.stills import TrainingDataError

FACTORS_IN_ORDER = tuple(FACTORS)
SMALL = MadeSet(seed=3, clips=12, frames=24, height=96, width=170)

# Beginnings of SHA-256, computed once, on x86-64.
DIGESTS = {
    "pose": "325daa126a9a155e",
    "scale": "52dd9c7b3ed6eeba",
    "occlusion": "e94774e413f5bfc5",
    "return": "b84fef7271a9a75a",
    "decoy": "ddadda85d15e3db9",
    "crossing": "01fb2b2a297bc530",
    "cut": "9f67eb884219d286",
    "thin": "0c98ff7b019c0ab9",
    "blur": "db95c82b06eac554",
    "dark": "1f79be1598c997cd",
    "shake": "18c5a797b436543a",
    "crowd": "e7c1b10cf9a3df26",
}


def only(factor: str, seed: int = 3) -> MadeSet:
    return MadeSet(seed=seed, clips=1, frames=40, height=96, width=170, factors=(factor,))


def test_the_same_seed_gives_the_same_bytes_on_every_machine() -> None:
    found = {FACTORS_IN_ORDER[n]: digest(SMALL.render(n))[:16] for n in range(SMALL.clips)}
    assert found == DIGESTS


def test_another_seed_gives_other_clips() -> None:
    assert digest(only("pose", 1).render(0)) != digest(only("pose", 2).render(0))


@given(st.integers(0, 10_000), st.integers(0, 11), st.floats(0, 1))
@settings(max_examples=40, deadline=None)
def test_every_tracked_object_is_in_view_in_the_first_frame(seed: int, number: int, difficulty: float) -> None:
    made = MadeSet(seed=seed, clips=12, difficulty=difficulty, frames=16, height=180, width=320)
    scene = made.scene(number)
    shown = np.bincount(render(scene, 0, 180, 320).figures.ravel(), minlength=scene.tracked + 1)
    assert 1 <= scene.tracked <= 20
    assert (shown[1 : scene.tracked + 1] >= 12).all()


@pytest.mark.parametrize("factor", ["occlusion", "return", "decoy", "cut"])
@pytest.mark.parametrize("seed", range(4))
def test_objects_that_shall_be_lost_are_absent_and_come_back(factor: str, seed: int) -> None:
    shown = [bool((frame.figures == 1).any()) for frame in only(factor, seed).render(0)]
    assert shown[0] and shown[-1] and shown.count(False) >= 3


@pytest.mark.parametrize("seed", range(4))
def test_look_alikes_cross(seed: int) -> None:
    frames = list(only("crossing", seed).render(0))
    assert max(frame.overlaps.get((1, 2), 0) for frame in frames) > 0.2
    assert any(not frame.overlaps.get((1, 2)) for frame in frames[-6:])


def test_an_object_that_comes_nearer_or_goes_away_changes_its_size() -> None:
    areas = [int((frame.figures == 1).sum()) for frame in only("scale").render(0)]
    assert max(areas[0], areas[-1]) > 4 * min(areas[0], areas[-1])


def plate_scene(x: float, *, optics: Optics) -> Scene:
    """A plate of 20 by 20 pixels whose middle is at (x, 48), of brightness 200 on a ground of 100."""
    ground = np.full((140, 280, 3), 100, np.uint8)
    skin = np.full((128, 128, 3), 200, np.uint8)
    plate = Plate((0.0, 0.0), 10 / 96, 10 / 96, 0.0)
    figure = Figure(lambda phase, thin: (plate,), skin)
    keys = (Key(0, x / 96, 0.5, 1.0), Key(1, (x + 40) / 96, 0.5, 1.0))
    actor = Actor(figure, (Stay(0, 2, keys),), number=1)
    centre = (1.4, 0.7, 1.0)
    return Scene("test", 2, (Shot(0, ground, (0, 0, 0), centre, centre),), (actor,), 1, optics)


STILL = Optics(noise=0.0, soft=False)


def test_a_pixel_belongs_to_what_gives_it_most_of_its_light() -> None:
    frame = render(plate_scene(50.25, optics=STILL), 0, 96, 170)
    # From 40.25 to 60.25: three quarters of column 40 are covered, one quarter of column 60.
    assert np.flatnonzero((frame.figures == 1).any(0)).tolist() == list(range(40, 60))
    row = frame.rgb[48, :, 0].astype(int)
    shade = row[50]
    assert row[30] == 100 and abs(row[40] - (100 + 0.75 * (shade - 100))) <= 1
    assert abs(row[60] - (100 + 0.25 * (shade - 100))) <= 1


def test_with_motion_blur_the_moments_of_the_exposure_are_averaged() -> None:
    optics = Optics(noise=0.0, soft=False, shutter=1.0, samples=4)
    frame = render(plate_scene(60.0, optics=optics), 0, 96, 170)
    row = frame.rgb[48, :, 0].astype(int)
    # Before the first key the plate stands still; the two later moments are on the curve between the keys.
    left = [50.0, 50.0, *(50 + 40 * t * (0.5 + t * (1.5 - t)) for t in (0.125, 0.375))]
    covered = [sum(min(max(min(x + 1, a + 20) - max(x, a), 0), 1) for a in left) / 4 for x in range(170)]
    mask = frame.figures[48] == 1
    assert all(mask[x] == (covered[x] > 0.5) for x in range(40, 95) if abs(covered[x] - 0.5) > 0.01)
    assert all((row[x] > 100) == (covered[x] > 0) for x in range(40, 95) if not 0 < covered[x] < 0.02)
    assert 0.02 < covered[52] < covered[60] == 0.75 and mask[60] and not mask[78]


def test_what_is_in_front_takes_its_share_first() -> None:
    scene = plate_scene(50.0, optics=STILL)
    front = Actor(scene.actors[0].sprite, (Stay(0, 2, (Key(0, 60 / 96, 0.5, 1.0),)),), number=2)
    both = Scene("test", 2, scene.shots, (*scene.actors, front), 2, STILL)
    frame = render(both, 0, 96, 170)
    assert np.flatnonzero((frame.figures == 1).any(0)).tolist() == list(range(40, 50))
    assert np.flatnonzero((frame.figures == 2).any(0)).tolist() == list(range(50, 70))
    assert frame.overlaps == {(1, 2): pytest.approx(0.5)}


def test_scenery_hides_and_belongs_to_nobody() -> None:
    scene = plate_scene(50.0, optics=STILL)
    wall = Actor(scene.actors[0].sprite, (Stay(0, 2, (Key(0, 50 / 96, 0.5, 1.0),)),))
    assert not render(Scene("test", 2, scene.shots, (*scene.actors, wall), 1, STILL), 0, 96, 170).figures.any()


@pytest.mark.parametrize("kind", KINDS)
def test_a_figure_looks_the_same_at_every_place_and_mirrored(kind: str) -> None:
    skin = np.full((128, 128, 3), 150, np.uint8)
    figure = Figure(KINDS[kind], skin)
    masks = []
    for x, mirrored in ((60.0, False), (90.0, False), (80.0, True)):
        painted = figure.paint(Pose(x, 50.0, 70.0, mirrored, 0.3), 110, 160)
        assert painted is not None
        mask = np.zeros((110, 160), bool)
        mask[painted.box] = painted.alpha > 0.5
        masks.append(mask)
    assert masks[0].sum() > 200
    assert np.array_equal(np.roll(masks[0], 30, axis=1), masks[1])
    assert np.array_equal(masks[0][:, 10:111], masks[2][:, 29:130][:, ::-1])


def test_limbs_move() -> None:
    for anatomy in KINDS.values():
        first, later = anatomy(0.0, 1.0), anatomy(0.3, 1.0)
        assert len(first) == len(later) and first != later
        assert all(isinstance(part, Limb | Plate) for part in first)


@given(st.floats(-5, 5))
def test_the_sine_is_one(turns: float) -> None:
    assert sine(turns) == pytest.approx(float(np.sin(2 * np.pi * turns)), abs=4e-6)
    assert cosine(turns) == pytest.approx(float(np.cos(2 * np.pi * turns)), abs=4e-6)


def test_draws_depend_on_their_key_alone() -> None:
    first, again = Draws("a", 1), Draws("a", 1)
    assert [first.between(2, 3) for _ in range(5)] == [again.between(2, 3) for _ in range(5)]
    first.bits()
    assert first.child("b").bits() == again.child("b").bits() != Draws("a", 2).child("b").bits()
    values = [Draws("x").child(n).whole(-2, 2) for n in range(200)]
    assert set(values) == {-2, -1, 0, 1, 2}


def test_saved_clips_are_a_davis_data_set(tmp_path: Path) -> None:
    made = MadeSet(seed=1, clips=2, frames=12, height=96, width=128, factors=("crossing", "crowd"))
    save_clips(made, tmp_path / "set")
    truth = tmp_path / "set/Annotations/480p"
    report = evaluate(truth, dataset="davis17", root=tmp_path / "set", split=SPLIT)
    assert report.j_and_f == 1 and len(report.objects) == sum(made.scene(n).tracked for n in range(2))
    assert len(list((tmp_path / "set/JPEGImages/480p").rglob("*.png"))) == 24


def write_stills(root: Path, radius: int = 40) -> Path:
    """Three pictures of a red disc on grey in the layout of `--stills`."""
    rows, columns = np.mgrid[:120, :160]
    for number in range(3):
        mask = (rows - 60) ** 2 + (columns - 70 - 10 * number) ** 2 < radius**2
        picture = np.where(mask[..., None], np.uint8([220, 20, 20]), np.uint8([110, 110, 110]))
        for kind, content in (("images", picture), ("masks", mask.astype(np.uint8))):
            (root / "discs" / kind).mkdir(parents=True, exist_ok=True)
            Image.fromarray(content).save(root / "discs" / kind / f"{number}.png")
    return root


def test_figures_can_be_cut_out_of_pictures(tmp_path: Path) -> None:
    made = MadeSet(
        seed=2, clips=1, frames=16, height=144, width=256, factors=("scale",), stills=str(write_stills(tmp_path))
    )
    frames = list(made.render(0))
    areas = [int((frame.figures == 1).sum()) for frame in frames]
    assert min(areas) > 200 and max(areas) > 3 * min(areas)
    for frame in frames:
        own = frame.figures == 1
        inner = np.logical_and.reduce([np.roll(own, shift, axis) for axis in (0, 1) for shift in (-3, 3)])
        assert inner.any() and (frame.rgb[inner][:, 0] > 180).all() and (frame.rgb[inner][:, 1] < 60).all()


def test_a_folder_without_usable_pictures_is_named(tmp_path: Path) -> None:
    made = MadeSet(clips=1, stills=str(tmp_path))
    with pytest.raises(TrainingDataError, match=str(tmp_path)):
        made.scene(0)
    write_stills(tmp_path, radius=3)
    with pytest.raises(TrainingDataError, match="no whole object"):
        made.scene(0)
