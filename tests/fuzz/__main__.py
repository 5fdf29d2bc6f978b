"""Hands mutated inputs to the product, by default 2,000: `python -m tests.fuzz --count 2000 --seed 0`.

Prints every case that is not taken well, with the numbers that repeat it, and exits with 1 if there is one. Outside the
ordinary suite, which runs a sample of the same cases (test_quick.py).
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from pathlib import Path

import torch

from tests.fuzz.cases import make_case
from tests.fuzz.corpus import make_corpus
from tests.fuzz.judge import Verdict, judge, judge_in_process_of_its_own, summary


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--count", type=int, default=2000, help="how many cases")
    parser.add_argument("--first", type=int, default=0, help="number of the first case")
    parser.add_argument("--seed", type=int, default=0, help="another seed, other cases")
    parser.add_argument("--limit", type=float, default=20.0, help="seconds of processor time that a case may take")
    parser.add_argument("--own-process-every", type=int, default=100, help="this many cases, one by the real command")
    parser.add_argument("--keep", type=Path, help="folder that gets the inputs of cases with faults")
    chosen = parser.parse_args()
    # Resuming asks for the threads of the start, and some commands set them for the whole process.
    torch.set_num_threads(1)
    verdicts: list[Verdict] = []
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="vos-fuzz-") as temporary:
        root = Path(temporary)
        (root / "corpus").mkdir()
        corpus = make_corpus(root / "corpus")
        for number in range(chosen.first, chosen.first + chosen.count):
            folder = root / "cases" / f"{number:06d}"
            folder.mkdir(parents=True)
            case = make_case(number, chosen.seed, corpus, folder)
            if number % chosen.own_process_every == chosen.own_process_every - 1:
                verdict = judge_in_process_of_its_own(case, limit=30 * chosen.limit)
            else:
                verdict = judge(case, limit=chosen.limit)
            verdicts.append(verdict)
            if verdict.faults:
                _tell(number, verdict)
                if chosen.keep is not None:
                    shutil.copytree(
                        folder, chosen.keep / folder.name, symlinks=True, ignore=_not_files, dirs_exist_ok=True
                    )
            shutil.rmtree(folder)
            if number % 100 == 99:
                print(f"{len(verdicts)} cases, {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
    print(summary(verdicts))
    faults = sum(bool(verdict.faults) for verdict in verdicts)
    slowest = max(verdicts, key=lambda verdict: verdict.seconds)
    print(
        f"{len(verdicts)} cases, {faults} with faults; the slowest took {slowest.seconds:.1f} s ({slowest.case.name})"
    )
    return 1 if faults else 0


def _tell(number: int, verdict: Verdict) -> None:
    print(f"case {number} ({verdict.case.name}): status {verdict.status}", flush=True)
    for fault in verdict.faults:
        print("  " + fault.rstrip().replace("\n", "\n  "), flush=True)
    print(f"  arguments: {' '.join(verdict.case.arguments)}\n  said: {verdict.said.strip()[:600]}", flush=True)


def _not_files(folder: str, names: list[str]) -> list[str]:
    return [name for name in names if (Path(folder) / name).is_fifo()]


if __name__ == "__main__":
    sys.exit(main())
