"""`python -m bench.trail_reading`: how long a page of the audit trail takes with ten million events.

As in bench/search.py, requests go through Django's test client; each also records an event. BENCH_EVENTS (default
10,000,000) sets the number of events. `--plans` also prints PostgreSQL's plan of each query.
"""

import logging
import os
import random
import statistics
import sys
from datetime import timedelta

import orjson

from bench.arguments import parse
from bench.clinic import open_practice
from bench.report import block
from bench.search import WARM_UP, _signed_in, _timed

EVENTS = int(os.environ.get("BENCH_EVENTS", "10000000"))
AUDIT = "/api/audit"


def main():
    arguments = parse(__doc__, plans="print PostgreSQL's plan of each query too")
    practice = open_practice(events=EVENTS)
    from core.tenancy.scope import practice_scope

    logging.getLogger().handlers = [logging.FileHandler("/dev/null")]
    with practice_scope(practice.pk):
        cases = _cases(practice)
    client = _signed_in("admin@example.com")
    rows = []
    for name, requests in cases:
        answers = [client.get(path, query).json() for path, query in requests[:WARM_UP]]
        milliseconds = sorted(_timed(client, path, query) for path, query in requests)
        shown = len(answers[0].get("events", answers[0].get("accesses")))
        p95 = statistics.quantiles(milliseconds, n=20)[-1]
        rows.append((name, shown, f"{statistics.median(milliseconds):.1f}", f"{p95:.1f}", len(requests)))
        if arguments.plans:
            _print_plan(name, client, *requests[0])
    notes = [
        _totals(),
        "server-side: Django's test client in this process; each answer's own row in the trail included",
    ]
    header = ["page of 10 events, the newest", "events of the first", "p50 ms", "p95 ms", "requests"]
    print(block("The trail among ten million events", "python -m bench.trail_reading", notes, header, rows))


def _cases(practice):
    """Return the name and the requests (path and query) of each measurement."""
    from audit.models import Event

    dice = random.Random(1)
    events = Event.objects.filter(practice_id=practice.pk)
    sampled = list(events.raw("SELECT * FROM audit_event TABLESAMPLE SYSTEM (0.5) REPEATABLE (1)"))
    sampled = dice.sample(sampled, min(400, len(sampled)))
    charts = [patients[0] for event in sampled if (patients := orjson.loads(event.patients))][:200]
    busy, heavy = _busiest("audit_event", "user_id"), _busiest("audit_subject", "patient_id")
    people = sorted({event.user_id for event in sampled if event.user_id and event.user_id != busy})
    others = [people[number % len(people)] for number in range(200)]

    def asked(count=200, **query):
        return [(AUDIT, query)] * count

    def month(event):
        return {"from": event.at.isoformat(), "to": (event.at + timedelta(days=30)).isoformat()}

    return [
        ("all", asked()),
        ("all, 100 a page", asked(limit=100)),
        ("all, a deep page", [(AUDIT, {"cursor": event.pk}) for event in sampled]),
        ("a month", [(AUDIT, month(event)) for event in sampled]),
        ("a user", [(AUDIT, {"user": user}) for user in others]),
        ("the busiest user (a tenth of all)", asked(user=busy)),
        ("a user, a deep page", [(AUDIT, {"user": e.user_id, "cursor": e.pk}) for e in sampled if e.user_id]),
        ("a user, a month", [(AUDIT, {"user": user, **month(e)}) for user, e in zip(others, sampled, strict=False)]),
        ("a frequent kind", asked(event="chart.read")),
        ("a rare kind (1 in 10,000)", asked(event="emergency.opened")),
        ("a user and a frequent kind", [(AUDIT, {"user": user, "event": "chart.read"}) for user in others]),
        ("the busiest user and a kind that is rare for them", asked(50, user=busy, event="record.listed")),
        ("the busiest user and a kind that they never did", asked(50, user=busy, event="keys.rotated")),
        ("refused (1 in 200)", asked(outcome="refused")),
        ("refused, the busiest user, a kind never refused", asked(50, user=busy, event="page.read", outcome="refused")),
        ("a chart", [(AUDIT, {"patient": chart}) for chart in charts]),
        ("the most seen chart", asked(patient=heavy)),
        ("the most seen chart and the busiest user", asked(50, patient=heavy, user=busy)),
        ("a chart and a kind", [(AUDIT, {"patient": chart, "event": "data.changed"}) for chart in charts]),
        ("the most seen chart and a kind that is rare for it", asked(20, patient=heavy, event="data.changed")),
        ("accesses of a chart", [(f"/api/patients/{chart}/accesses", {}) for chart in charts]),
        ("accesses of the most seen chart", [(f"/api/patients/{heavy}/accesses", {})] * 200),
    ]


def _busiest(table, column):
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {column} FROM {table} TABLESAMPLE SYSTEM (1) WHERE {column} IS NOT NULL "
            "GROUP BY 1 ORDER BY count(*) DESC LIMIT 1"
        )
        return cursor.fetchone()[0]


def _print_plan(name, client, path, query):
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    with CaptureQueriesContext(connection) as captured:
        client.get(path, query)
    pages = [sql["sql"] for sql in captured if 'FROM "audit_event"' in sql["sql"] and "LIMIT" in sql["sql"]]
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (ANALYZE, BUFFERS, COSTS OFF) {pages[-1]}")
        print(name, *(line for (line,) in cursor.fetchall()), "", sep="\n", file=sys.stderr)


def _totals():
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname, n_live_tup, pg_size_pretty(pg_table_size(relid)), pg_size_pretty(pg_indexes_size(relid)) "
            "FROM pg_stat_user_tables WHERE relname IN ('audit_event', 'audit_subject') ORDER BY 1"
        )
        sizes = [
            f"{name} {rows:,} rows, {table}, indexes {indexes}" for name, rows, table, indexes in cursor.fetchall()
        ]
    return "; ".join(sizes)


if __name__ == "__main__":
    main()
