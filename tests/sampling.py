"""How much of a large space one run walks: `make test` takes a sample, `make test-all` (TEST_ALL=true) takes all of it.

The sample is another one in each run. Its seed stands in pytest's header, and TEST_SEED=<seed> takes the same again.
"""

import os
import random
from collections.abc import Sequence
from typing import TypeVar

EXHAUSTIVE = os.environ.get("TEST_ALL") == "true"
# The workers of pytest-xdist inherit it from the process that starts them: all of them must collect the same tests.
SEED = int(os.environ.setdefault("TEST_SEED", str(random.SystemRandom().randrange(1_000_000))))

Case = TypeVar("Case")


def examples(all_of_them: int, in_each_run: int) -> int:
    """The number of examples to try: hypothesis's `max_examples`, the steps of a state machine, rounds of a loop."""
    return all_of_them if EXHAUSTIVE else in_each_run


def sample(cases: Sequence[Case], in_each_run: int) -> list[Case]:
    """These cases, in their order, or as many of them as each run takes."""
    if EXHAUSTIVE or len(cases) <= in_each_run:
        return list(cases)
    chosen = random.Random(SEED).sample(range(len(cases)), in_each_run)
    return [cases[number] for number in sorted(chosen)]
