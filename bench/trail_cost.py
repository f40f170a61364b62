"""`python -m bench.trail_cost`: what the trail adds to a request. Each call is made twice, with the trail and with its
writing taken out, in turn, so that whatever else the machine does falls on both. As in bench/search.py: Django's test
client in this process, as the application's own role.
"""

import logging
import statistics
from unittest.mock import patch

from bench.clinic import open_practice
from bench.report import block
from bench.search import _signed_in, _timed

ROUNDS, WARM_UP = 1_000, 50


def main():
    practice = open_practice()
    from audit import trail
    from core.tenancy import practice_scope
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
            told = _timed(client, address, {})
            with patch.object(trail, "_insert", lambda **columns: None):
                untold = _timed(client, address, {})
            if number >= WARM_UP:
                with_trail.append(told)
                without.append(untold)
        told, untold = statistics.median(with_trail), statistics.median(without)
        rows.append((name, f"{untold:.2f}", f"{told:.2f}", f"{told - untold:.2f}", "1.00", len(charts) - WARM_UP))
    header = ["request", "p50 ms without", "p50 ms with", "added ms", "at most", "requests"]
    notes = ["with and without in turn, the session and the chart warm in both"]
    print(block("What the trail adds to a request", "python -m bench.trail_cost", notes, header, rows))


if __name__ == "__main__":
    main()
