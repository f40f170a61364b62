"""The command line of the benches. What they measure, and where, is set by environment variables (bench/clinic.py)."""

import argparse

ENVIRONMENT = """
environment: BENCH_DATABASE_URL, BENCH_REDIS_URL (emptied before a run) and BENCH_PATIENTS (1,000,000) say where and
with how many charts; the database is seeded once and kept. See also bench/clinic.py."""


def parse(purpose, *, numbers=None, needed=None, **flags):
    """Return the arguments; `--help` prints the bench's docstring before anything is set up. `flags` maps the name of
    each flag to its help, `numbers` that of each option with a number, `needed` that of each text to be given."""
    parser = argparse.ArgumentParser(
        description=purpose, epilog=ENVIRONMENT, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for name, text in flags.items():
        parser.add_argument(f"--{name}", action="store_true", help=text)
    for name, text in (numbers or {}).items():
        parser.add_argument(f"--{name}", type=_number, metavar="N", help=text)
    for name, text in (needed or {}).items():
        parser.add_argument(f"--{name}", required=True, help=text)
    return parser.parse_args()


def _number(text):
    return int(text) if text.isdecimal() else float(text)
