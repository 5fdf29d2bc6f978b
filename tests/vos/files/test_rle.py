"""Run-length masks in COCO's format."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.extras import need
from vos.files.rle import decode_counts, encode_counts, mask_of_runs, runs_of


@settings(deadline=None, max_examples=80)
@given(st.integers(1, 60), st.integers(1, 60), st.integers(0, 2**32 - 1), st.sampled_from([0.0, 0.01, 0.5, 0.99, 1.0]))
def test_masks_come_back_equal(width: int, height: int, seed: int, share: float) -> None:
    mask = np.random.default_rng(seed).random((height, width)) < share
    assert np.array_equal(mask_of_runs(runs_of(mask), width, height), mask)
    assert np.array_equal(decode_counts(encode_counts(mask), width, height), mask)


def test_runs_go_down_the_columns_and_begin_with_background() -> None:
    mask = np.array([[1, 0, 0], [1, 1, 0]], dtype=bool)
    assert runs_of(mask) == [0, 2, 1, 1, 2]
    # Worked by hand: from the fourth run on, differences to the run two before: 1 - 2 = -1, 2 - 1 = 1.
    assert encode_counts(mask) == "021O1"


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 90), st.integers(1, 90), st.integers(0, 2**32 - 1))
def test_counts_agree_with_the_coco_api(width: int, height: int, seed: int) -> None:
    coco = need("pycocotools.mask", "formats")
    rng = np.random.default_rng(seed)
    mask = rng.random((height, width)) < rng.random()
    theirs = coco.encode(np.asfortranarray(mask.astype(np.uint8)))["counts"].decode()
    assert encode_counts(mask) == theirs
    assert np.array_equal(decode_counts(theirs, width, height), mask)


@pytest.mark.parametrize("counts", ["", "0", "zzz", "é", "P", "02O1\n", "PPPPPPPPPPPPPPPPPPPP0", "0O"])
def test_broken_counts_are_refused(counts: str) -> None:
    with pytest.raises(ValueError, match=r"RLE|runs"):
        decode_counts(counts, 3, 2)
