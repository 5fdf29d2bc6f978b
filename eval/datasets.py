"""The table of data sets: the layout of each, the numbers it quotes, the split scored by default."""

from __future__ import annotations

from dataclasses import dataclass

from eval.annotated import plan_annotated
from eval.davis import plan_davis16, plan_davis17, plan_davis17_unsupervised
from eval.errors import EvalUsageError
from eval.folder_datasets import plan_folder, plan_lvos_v1, plan_lvos_v2, plan_mose, plan_sav, plan_secvos, plan_vost
from eval.headlines import (
    Headline,
    davis_headline,
    lvos_headline,
    mean_headline,
    mosev2_headline,
    vost_headline,
    youtube_vos_headline,
)
from eval.mosev2 import plan_mosev2
from eval.plan import Planner
from eval.youtube_vos import plan_youtube_vos


@dataclass(frozen=True, slots=True)
class Dataset:
    """One data set and task.

    Attributes:
        title: For tables and reports.
        planner: Finds sequences, objects and frames.
        headline: Computes the numbers to quote.
        default_split: Used when none is given.
    """

    title: str
    planner: Planner
    headline: Headline
    default_split: str = "val"


DATASETS: dict[str, Dataset] = {
    "davis16": Dataset("DAVIS-2016", plan_davis16, davis_headline),
    "davis17": Dataset("DAVIS-2017, semi-supervised", plan_davis17, davis_headline),
    "davis17-unsupervised": Dataset("DAVIS-2017, unsupervised", plan_davis17_unsupervised, davis_headline),
    "youtube-vos": Dataset("YouTube-VOS 2018 and 2019", plan_youtube_vos, youtube_vos_headline, "train"),
    "mose": Dataset("MOSE v1", plan_mose, mean_headline, "train"),
    "mosev2": Dataset("MOSEv2", plan_mosev2, mosev2_headline, "train"),
    "lvos-v1": Dataset("LVOS v1, semi-supervised", plan_lvos_v1, lvos_headline, "valid"),
    "lvos-v2": Dataset("LVOS v2, semi-supervised", plan_lvos_v2, lvos_headline, "valid"),
    "sav": Dataset("SA-V", plan_sav, mean_headline),
    "secvos": Dataset("SeCVOS", plan_secvos, mean_headline),
    "burst": Dataset("BURST by J and F", plan_annotated, mean_headline),
    "ovis": Dataset("OVIS by J and F", plan_annotated, mean_headline),
    "vost": Dataset("VOST", plan_vost, vost_headline),
    "folder": Dataset("folder against folder", plan_folder, mean_headline, "all"),
}


def find_dataset(name: str) -> Dataset:
    """Looks a data set up by name.

    Raises:
        EvalUsageError: There is no such data set; the message lists all.
    """
    try:
        return DATASETS[name]
    except KeyError:
        raise EvalUsageError(f"unknown data set {name!r}; choose one of {', '.join(DATASETS)}") from None
