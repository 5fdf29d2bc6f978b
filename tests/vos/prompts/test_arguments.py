"""Prompts typed on the command line."""

from __future__ import annotations

import numpy as np
import pytest

from vos.errors import PromptError
from vos.prompts import Box, Points, Polygon, box_from_argument, points_from_arguments, polygon_from_argument


def test_a_box_is_four_numbers_with_an_optional_object() -> None:
    assert box_from_argument("10,20,30.5,40") == Box(10, 20, 30.5, 40)
    assert box_from_argument("7:10,20,30,40", frame=3) == Box(10, 20, 30, 40, object_id=7, frame=3)


def test_points_of_one_object_are_gathered() -> None:
    found = points_from_arguments(["10,20", "2:5,5", "30,40"], ["1:0,0"])
    assert found == [
        Points(np.array([[10.0, 20], [30, 40]]), np.array([[0.0, 0]])),
        Points(np.array([[5.0, 5]]), object_id=2),
    ]
    assert points_from_arguments([]) == []


def test_a_polygon_may_have_holes() -> None:
    found = polygon_from_argument("3:0,0 10,0 10,10; 2,2 4,2 4,4")
    rings = (np.array([[0.0, 0], [10, 0], [10, 10]]), np.array([[2.0, 2], [4, 2], [4, 4]]))
    assert found == Polygon(rings, object_id=3)


@pytest.mark.parametrize("text", ["", "1,2,3", "1,2,3,x", "1;2;3;4", "a:1,2,3,4", ":1,2,3,4", "0:1,2,3,4", "1,2,nan,4"])
def test_a_bad_box_is_refused_and_quoted(text: str) -> None:
    with pytest.raises(PromptError, match=r"--box"):
        box_from_argument(text)


@pytest.mark.parametrize("text", ["", "1", "1,2,3", "x,2", "70000:1,2", "inf,1"])
def test_a_bad_point_is_refused(text: str) -> None:
    with pytest.raises(PromptError, match=r"--point"):
        points_from_arguments([text])
    with pytest.raises(PromptError, match=r"point"):
        points_from_arguments(["5,5"], [text])


@pytest.mark.parametrize("text", ["", "1,1 2,2", "1,1 2,2 3", "1,1 2,2 3,3;"])
def test_a_bad_polygon_is_refused(text: str) -> None:
    with pytest.raises(PromptError, match=r"--polygon"):
        polygon_from_argument(text)
