"""How much of a large space one run walks: `make test` takes a sample, `make test-all` (TEST_ALL=true) takes all of it.

Each commit has a sample of its own, so that a build proves what its author saw pass. The seed stands in pytest's
header, and TEST_SEED=<seed> takes that sample on any commit.
"""

import os
import random
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

EXHAUSTIVE = os.environ.get("TEST_ALL") == "true"
SEEDS = 1_000_000


def _seed() -> int:
    command = ["git", "-C", str(Path(__file__).parent), "rev-parse", "HEAD"]
    commit = "" if EXHAUSTIVE else subprocess.run(command, capture_output=True, text=True, check=False).stdout
    return int(commit, 16) % SEEDS if commit else random.SystemRandom().randrange(SEEDS)


if "TEST_SEED" not in os.environ:
    # the workers of pytest-xdist inherit it from the process that starts them: all of them must collect the same tests
    os.environ["TEST_SEED"] = str(_seed())
SEED = int(os.environ["TEST_SEED"])

Case = TypeVar("Case")


def changed_files(root: Path) -> set[str]:
    """What the last commit, or the branch that it merged, changed, and what is not committed; from this folder on. In
    a clone that lacks the commit before, every file may be."""

    def listed(*arguments: str) -> list[str] | None:
        done = subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True, check=False)
        return None if done.returncode else done.stdout.splitlines()

    changed = listed("diff", "--name-only", "--relative", "HEAD^1")
    if changed is None:
        changed = listed("ls-files")
    return {*(changed or ()), *(listed("ls-files", "--others", "--exclude-standard") or ())}


def examples(all_of_them: int, in_each_run: int) -> int:
    """The number of examples to try: hypothesis's `max_examples`, the steps of a state machine, rounds of a loop."""
    return all_of_them if EXHAUSTIVE else in_each_run


def sample(cases: Sequence[Case], in_each_run: int) -> list[Case]:
    """These cases, in their order, or as many of them as each run takes."""
    if EXHAUSTIVE or len(cases) <= in_each_run:
        return list(cases)
    chosen = random.Random(SEED).sample(range(len(cases)), in_each_run)
    return [cases[number] for number in sorted(chosen)]
