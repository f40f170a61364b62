"""`python -m bench.imports`: how long importing 10,000 patients takes, as a clinic does it through the pages.

A CSV file is uploaded, its columns are matched, every line is checked (with a search for charts that may be the same
person), and what is right is imported, one step after another as the page asks for them; then all of it is taken out
again. One line in ten is of somebody who has a chart already. BENCH_LINES (10,000) sets how many lines.
"""

import csv
import io
import logging
import os
import random
import time
from dataclasses import replace

from bench.arguments import parse
from bench.clinic import PASSWORD, open_practice
from bench.report import block

LINES = int(os.environ.get("BENCH_LINES", "10000"))
GOAL = 10_000  # lines a minute, from the upload to the last chart
KNOWN_SHARE = 10
COLUMNS = {"name": "Name", "date_of_birth": "Date of birth", "phone": "Phone", "email": "Email", "address": "Address"}


def main():
    parse(__doc__)
    practice = open_practice()
    from django.core.files.uploadedfile import SimpleUploadedFile
    from django.test import Client

    from core.tenancy.scope import practice_scope
    from patients.imports.services import counts
    from patients.models import Import, Patient

    logging.getLogger().handlers = [logging.FileHandler("/dev/null")]
    with practice_scope(practice.pk):
        charts = Patient.objects.count()
        text = _file()
    client = Client()
    client.post("/", {"username": "admin@example.com", "password": PASSWORD})
    clock = Clock()
    file = SimpleUploadedFile("old.csv", text)
    address = clock.time("upload", lambda: client.post("/import/new/patients/", {"file": file})).url
    columns = {f"column-{at}": name for at, name in enumerate(COLUMNS)}
    clock.time("match the columns", lambda: client.post(f"{address}match/", {**columns, "date_order": "ymd"}))
    clock.time("check every line", lambda: _all_steps(client, address))
    clock.time("look at what would come", lambda: client.get(address))
    clock.time("begin", lambda: client.post(f"{address}start/"))
    clock.time("import", lambda: _all_steps(client, address))
    with practice_scope(practice.pk):
        batch = Import.objects.order_by("-id").first()
        found = {str(state.label): number for state, number in counts(batch).items() if number}
        added = Patient.objects.filter(created_at__gte=batch.created_at).order_by()
        added._raw_delete(added.db)  # or the next run would find them all; faster than taking the import back
        batch.delete()
    rows = [(*row, "") for row in clock.rows]
    wall, cpu = (sum(row[at] for row in clock.timed) for at in (1, 2))
    rows.append(
        ("all", f"{wall:.1f}", f"{cpu:.1f}", f"{LINES / wall * 60:,.0f}", f"{LINES / cpu * 60:,.0f}", f"{GOAL:,}")
    )
    notes = [f"among {charts:,} charts", f"{LINES:,} lines: " + ", ".join(f"{n:,} {name}" for name, n in found.items())]
    header = ["step", "seconds", "of this process's CPU", "lines a minute", "by CPU", "goal"]
    print(block("Importing patients", "python -m bench.imports", notes, header, rows))


class Clock:
    def __init__(self):
        self.timed = []

    def time(self, name, work):
        wall, cpu = time.perf_counter(), time.process_time()
        answer = work()
        self.timed.append((name, time.perf_counter() - wall, time.process_time() - cpu))
        return answer

    @property
    def rows(self):
        return [
            (name, f"{wall:.1f}", f"{cpu:.1f}", f"{LINES / wall * 60:,.0f}", f"{LINES / cpu * 60:,.0f}")
            for name, wall, cpu in self.timed
        ]


def _file():
    """Return the CSV file: made-up people, and of every ten lines one whose name and birth date a chart has."""
    from demo.people import make_random, person
    from patients.models import Patient

    made = make_random(f"{random.random()} imports")
    known = list(Patient.objects.confirmed().newest_first()[: LINES // KNOWN_SHARE])
    new = [replace(person(made, number), phone=_phone(made)) for number in range(LINES - len(known))]
    people = [*known, *new]
    made.shuffle(people)
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(COLUMNS.values())
    writer.writerows([getattr(one, name) for name in COLUMNS] for one in people)
    return text.getvalue().encode()


def _phone(made):
    """Return a number of its own: those of demo.people, reserved for fiction, are a hundred, which all charts share."""
    return f"({made.randrange(201, 990)}) {made.randrange(200, 1000)}-{made.randrange(10_000):04}"


def _all_steps(client, address):
    while True:
        answer = client.post(f"{address}step/", headers={"HX-Request": "true"})
        assert answer.status_code == 200, answer.content[:300]
        if answer.headers.get("HX-Redirect"):
            return


if __name__ == "__main__":
    main()
