"""Command line, browser app and workers tell a user's mistake from a bug in one way."""

from __future__ import annotations

import eval.errors
import seem_model.errors
import vos.errors
from eval.scorer_speed import ScorerMismatchError
from pipelines.fleet.ray_cluster import FleetError
from pipelines.graphs.writers import ExportError
from pipelines.training.stills import TrainingDataError
from vos.errors import exit_code_of

BASES = (vos.errors.VosError, seem_model.errors.ModelError, eval.errors.EvalError)
FAR_AWAY = (ScorerMismatchError, FleetError, ExportError, TrainingDataError)


def test_every_error_of_ours_is_the_users_mistake() -> None:
    classes = [*BASES, *(sub for base in BASES for sub in base.__subclasses__())]
    assert set(FAR_AWAY) <= set(classes)
    assert {exit_code_of(kind.__new__(kind)) for kind in classes} == {1, 2}


def test_a_bug_has_no_exit_code() -> None:
    assert exit_code_of(KeyError("x")) is None
    assert exit_code_of(AssertionError()) is None
