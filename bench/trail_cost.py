"""`python -m bench.trail_cost`: what the audit trail adds to a request.

Calls are made with and without recording in turn, so that other load affects both. As in bench/search.py: Django's test
client in this process, as the application's role.
"""

import logging
import statistics
from unittest.mock import patch

from bench.arguments import parse
from bench.clinic import open_practice
from bench.report import block
from bench.search import _signed_in, _timed

ROUNDS, WARM_UP = 1_000, 50


def main():
    parse(__doc__)
    practice = open_practice()
    from audit import log
    from core.tenancy.scope import practice_scope
    from patients.models import Patient

    logging.getLogger().handlers = [logging.FileHandler("/dev/null")]
    client = _signed_in("staff@example.com")
    with practice_scope(practice.pk):
        charts = list(Patient.objects.newest_first().values_list("pk", flat=True)[: ROUNDS + WARM_UP])
    rows = []
    for name, path in {"chart by id": "/api/patients/{}", "first page of 10": "/api/patients"}.items():
        with_trail, without = [], []
        for number, chart in enumerate(charts):
            address = path.format(chart)
            with_ms = _timed(client, address, {})
            with patch.object(log, "_insert", lambda **columns: None):
                without_ms = _timed(client, address, {})
            if number >= WARM_UP:
                with_trail.append(with_ms)
                without.append(without_ms)
        with_ms, without_ms = statistics.median(with_trail), statistics.median(without)
        rows.append(
            (
                name,
                f"{without_ms:.2f}",
                f"{with_ms:.2f}",
                f"{with_ms - without_ms:.2f}",
                "1.00",
                len(charts) - WARM_UP,
            )
        )
    header = ["request", "p50 ms without", "p50 ms with", "added ms", "at most", "requests"]
    notes = ["with and without in turn, the session and the chart warm in both"]
    print(block("What the trail adds to a request", "python -m bench.trail_cost", notes, header, rows))


if __name__ == "__main__":
    main()
