"""Label maps reach the page as they are."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from vos.ui.label_runs import pack_labels


def unpacked(data: bytes) -> np.ndarray:
    words = np.frombuffer(data, "<u4")
    return np.repeat(words[2:] >> 16, words[2:] & 0xFFFF).reshape(words[1], words[0])


@settings(deadline=None, max_examples=40)
@given(arrays(np.uint16, st.tuples(st.integers(1, 9), st.integers(1, 9)), elements=st.sampled_from([0, 1, 2, 65535])))
def test_every_pixel_of_every_id_comes_back(labels: np.ndarray) -> None:
    assert np.array_equal(unpacked(pack_labels(labels, labels.shape[::-1])), labels)


def test_runs_longer_than_sixteen_bits_are_split() -> None:
    labels = np.zeros((300, 400), np.uint16)
    labels[299, 399] = 7
    assert np.array_equal(unpacked(pack_labels(labels, (400, 300))), labels)


def test_smaller_pictures_keep_ids_and_never_mix_them() -> None:
    labels = np.repeat(np.repeat(np.array([[0, 9], [400, 2]], np.uint16), 8, 0), 8, 1)
    assert np.array_equal(unpacked(pack_labels(labels, (2, 2))), [[0, 9], [400, 2]])
