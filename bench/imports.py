"""`python -m bench.imports`: a file of 10,000 patients (BENCH_LINES) is read, checked, imported and taken back.

In this process, part by part as the page asks for them, under row-level security: each part is one step of the progress
that people see. One line in fifty has something wrong. `--profile` also prints where the time of an import went.
"""

import cProfile
import logging
import os
import pstats
import sys
import time
from contextlib import nullcontext
from io import StringIO

from bench.arguments import parse
from bench.clinic import open_practice
from bench.report import block

LINES = int(os.environ.get("BENCH_LINES", "10000"))
GOAL = 60  # seconds for a file to be checked and imported
HEADER = "Number;Last name;First name;Birth date;Sex;Mobile;E-mail;Street;City;Zip\n"
FIRST = ("Paula", "Zoë", "Miguel", "Aiko", "Søren", "Leïla", "John", "Mary")
LAST = ("Jensen", "Fernandez", "O'Neill", "Müller", "Nguyen", "Castro", "Smith")


def line(number, run):
    born = f"{number % 28 + 1:02}.{number % 12 + 1:02}.{1930 + number % 80}" if number % 50 else "31.02.1980"
    first, last = FIRST[number % len(FIRST)], f"{LAST[number % len(LAST)]}-{number * 7919 % 99991:x}{run:x}"
    contact = f"(212) 555-{number % 10000:04};p{number}.{run:x}@example.org"
    return f"B{run:x}-{number};{last};{first};{born};{'mf'[number % 2]};{contact};{number} Main St;Springfield;12345\n"


def main():
    arguments = parse(__doc__, profile="print where the time of an import went")
    practice = open_practice()
    from accounts.models import User
    from audit.context import by_command
    from core.tenancy.scope import practice_scope
    from patients.imports import services
    from patients.models.imports import DateOrder

    logging.getLogger().handlers = [logging.FileHandler("/dev/null")]
    run = int(time.time())
    text = (HEADER + "".join(line(number, run) for number in range(1, LINES + 1))).encode("cp1252", "replace")
    profile = cProfile.Profile() if arguments.profile else nullcontext()
    with practice_scope(practice.pk):
        by_command("bench")
        manager = User.objects.filter(role="admin").order_by("pk").first()
        phases, steps = {}, []

        def timed(name, work):
            began = time.perf_counter()
            answer = work()
            phases[name] = time.perf_counter() - began
            return answer

        def run_to_end(pk):
            while services.get_import(by=manager, pk=pk).is_at_work:
                began = time.perf_counter()
                services.step(by=manager, pk=pk)
                steps.append(time.perf_counter() - began)

        batch = timed("read", lambda: services.read_file(by=manager, kind="patients", chunks=lambda: [text]))
        mapping = services.suggested_mapping(batch)
        services.match_columns(by=manager, pk=batch.pk, mapping=mapping, date_order=DateOrder.DAY_FIRST)
        with profile:
            timed("check", lambda: run_to_end(batch.pk))
            services.start(by=manager, pk=batch.pk)
            timed("import", lambda: run_to_end(batch.pk))
        found = services.counts(services.get_import(by=manager, pk=batch.pk))
        longest = max(steps)
        services.undo(by=manager, pk=batch.pk)
        timed("take back", lambda: run_to_end(batch.pk))
    whole = phases["read"] + phases["check"] + phases["import"]
    told = ", ".join(f"{number:,} {state.value}" for state, number in found.items() if number)
    notes = [f"{LINES:,} lines ({told}) in {whole:.1f} s, goal {GOAL} s; the longest step took {longest:.2f} s"]
    rows = [(name, f"{taken:.1f}", f"{LINES / taken:,.0f}") for name, taken in phases.items()]
    print(block("Imports", "python -m bench.imports", notes, ["phase", "seconds", "lines a second"], rows))
    if arguments.profile:
        out = StringIO()
        pstats.Stats(profile, stream=out).sort_stats("cumulative").print_stats(60)
        print(out.getvalue(), file=sys.stderr)


if __name__ == "__main__":
    main()
