"""`python -m bench.money`: reports and an account among a million rows of the ledger (BENCH_LEDGER).

Requests go through Django's test client in this process, under row-level security. Six years of invoices; of one in
twenty something is open. `--plans` also prints PostgreSQL's plan of each slow statement.
"""

import logging
import os
import statistics
import sys
import time
from types import SimpleNamespace

import psycopg

from bench.arguments import parse
from bench.calendar import _on_the_site
from bench.clinic import DATABASE_URL, open_practice
from bench.report import block
from bench.search import _signed_in

TABLES = [
    f"billing_{name}"
    for name in ("allocation", "ledgerentry", "invoiceline", "invoice", "openamount", "leftamount", "issuedline")
]
LEDGER, CALLS, YEARS = int(os.environ.get("BENCH_LEDGER", "1000000")), 40, 6
INVOICES = LEDGER * 100 // 198  # of 100, 95 are paid, 2 of these refunded, and 1 is credited
FILL = """
SET session_replication_role = replica;
TRUNCATE billing_openamount, billing_leftamount, billing_issuedline, billing_allocation, billing_ledgerentry,
  billing_invoiceline, billing_invoice CASCADE;
CREATE TEMP TABLE charts AS SELECT row_number() OVER () - 1 AS n, id FROM patients_patient
  WHERE practice_id = %(practice)s;
CREATE TEMP TABLE visits AS SELECT row_number() OVER () - 1 AS n, id FROM appointments_appointment
  WHERE practice_id = %(practice)s;
CREATE TEMP TABLE bills AS
  SELECT g.n, gen_random_uuid() AS id, gen_random_uuid() AS payment, gen_random_uuid() AS note,
    current_date - (g.n::bigint * %(days)s / %(invoices)s)::int AS day, 5000 + g.n %% 97 * 100 AS total,
    charts.id AS patient
  FROM generate_series(0, %(invoices)s - 1) AS g(n) JOIN charts ON charts.n = g.n %% (SELECT count(*) FROM charts);
INSERT INTO billing_invoice (id, practice_id, created_at, updated_at, kind, currency, net, tax, total, year, sequence,
    issued_at, issued_on, due_on, issuer, patient_name, patient_address, payer_name, payer_address, note, reason,
    version, created_by_id, issued_by_id, patient_id, credits_id)
  SELECT id, %(practice)s, day, day, 'invoice', 'USD', total, 0, total, extract(year FROM day), n + 1000000, day, day,
    day + 30, '', ''::bytea, ''::bytea, ''::bytea, ''::bytea, ''::bytea, ''::bytea, 1,
    %(user)s, %(user)s, patient, NULL::uuid FROM bills UNION ALL
  SELECT note, %(practice)s, day, day, 'credit_note', 'USD', total, 0, total, extract(year FROM day), n + 1000000, day,
    day, NULL, '', ''::bytea, ''::bytea, ''::bytea, ''::bytea, ''::bytea, ''::bytea, 1,
    %(user)s, %(user)s, patient, id FROM bills WHERE n %% 100 = 99;
INSERT INTO billing_invoiceline (id, practice_id, created_at, updated_at, position, code, description, quantity,
    unit_price, discount, tax_rate, tax_included, net, tax, total, invoice_id, appointment_id, service_id)
  SELECT gen_random_uuid(), %(practice)s, day, day, 1, ''::bytea, ''::bytea, 1, total, 0, 0, false, total, 0, total,
    bills.id, visits.id,
    (SELECT id FROM billing_service WHERE practice_id = %(practice)s ORDER BY code OFFSET bills.n %% 3 LIMIT 1)
  FROM bills JOIN visits ON visits.n = bills.n %% (SELECT count(*) FROM visits);
INSERT INTO billing_ledgerentry (id, practice_id, created_at, updated_at, kind, amount, currency, booked_on, method,
    reference, reason, author_id, invoice_id, patient_id, payment_id)
  SELECT gen_random_uuid(), %(practice)s, day, day, 'charge', total, 'USD', day, '', ''::bytea, ''::bytea, %(user)s,
    id, patient, NULL::uuid FROM bills UNION ALL
  SELECT gen_random_uuid(), %(practice)s, day, day, 'credit_note', -total, 'USD', day, '', ''::bytea, ''::bytea,
    %(user)s, note, patient, NULL FROM bills WHERE n %% 100 = 99 UNION ALL
  SELECT payment, %(practice)s, day, day, 'payment', -total, 'USD', day,
    (ARRAY['cash', 'card', 'transfer', 'insurance', 'stripe'])[1 + n %% 5], ''::bytea, ''::bytea,
    %(user)s, NULL, patient, NULL
    FROM bills WHERE n %% 100 < 95 UNION ALL
  SELECT gen_random_uuid(), %(practice)s, day, day, 'refund', 100, 'USD', day,
    (ARRAY['cash', 'card', 'transfer', 'insurance', 'stripe'])[1 + n %% 5], ''::bytea, ''::bytea,
    %(user)s, NULL, patient, payment
    FROM bills WHERE n %% 100 < 2;
INSERT INTO billing_allocation (id, practice_id, created_at, updated_at, amount, author_id, invoice_id, payment_id)
  SELECT gen_random_uuid(), %(practice)s, day, day, total, %(user)s, id, payment FROM bills WHERE n %% 100 < 95;
"""
PAYERS = """
UPDATE billing_openamount o SET payer = sha256(convert_to((i.sequence % 40)::text, 'UTF8')) FROM billing_invoice i
  WHERE i.id = o.invoice_id AND i.sequence % 3 = 0"""


def main():
    arguments = parse(__doc__, plans="print PostgreSQL's plan of each statement too")
    practice = open_practice()
    logging.getLogger().handlers = [logging.FileHandler("/dev/null")]
    _fill(practice)
    client, site = _signed_in("admin@example.com"), _on_the_site("admin@example.com")
    chart = client.get("/api/invoices").json()["invoices"][0]["patientId"]
    today = practice.today()
    year = {"from": today.replace(month=1, day=1).isoformat(), "to": today.isoformat()}
    of_page = {"first": year["from"], "last": year["to"]}
    cases = [
        ("takings of a day", "/api/reports/takings", {}),
        ("revenue of a month by day", "/api/reports/revenue", {}),
        ("revenue of a year by month", "/api/reports/revenue", {**year, "by": "month"}),
        ("revenue of a month by doctor", "/api/reports/revenue", {"by": "doctor"}),
        ("revenue of a year by service", "/api/reports/revenue", {**year, "by": "service"}),
        ("unpaid by age", "/api/reports/unpaid", {}),
        ("account of a patient", f"/api/patients/{chart}/account", {}),
        ("page: account", f"/billing/patients/{chart}/", {}),
        ("page: unpaid invoices", "/billing/", {}),
        ("page: takings", "/billing/reports/takings/", {}),
        ("page: revenue of a year by service", "/billing/reports/revenue/", {**of_page, "by": "service"}),
        ("page: revenue of a year by doctor", "/billing/reports/revenue/", {**of_page, "by": "doctor"}),
        ("page: unpaid by age", "/billing/reports/unpaid/", {}),
        ("page: invoices behind an age", "/billing/reports/open/", {"age": "older"}),
        ("page: unpaid by payer", "/billing/reports/payers/", {}),
        ("page: credit of patients", "/billing/reports/credit/", {}),
        ("page: movements of a year", "/billing/reports/movements/", of_page),
    ]
    rows = []
    for name, path, query in cases:
        caller = client if path.startswith("/api/") else site
        _timed(caller, path, query)
        began = time.process_time()
        taken = sorted(_timed(caller, path, query) for _ in range(CALLS))
        used = (time.process_time() - began) / CALLS * 1000
        rows.append((name, f"{statistics.median(taken):.0f}", f"{taken[int(CALLS * 0.95)]:.0f}", f"{used:.0f}"))
        if arguments.plans:
            _print_plans(caller, path, query)
    notes = [f"{LEDGER:,} rows of the ledger, {INVOICES:,} invoices, {YEARS} years; {CALLS} calls each"]
    header = ["report", "p50 ms", "p95 ms", "processor ms of Python"]
    print(block("Reports", "python -m bench.money", notes, header, rows))


def _fill(practice):
    from accounts.models import User
    from core.tenancy.scope import practice_scope

    with psycopg.connect(DATABASE_URL, autocommit=True) as owner:
        known = owner.execute("SELECT count(*) FROM billing_ledgerentry").fetchone()[0]
        kept = owner.execute("SELECT count(*) FROM billing_openamount").fetchone()[0]
        if abs(known - LEDGER) < LEDGER // 50 and kept:
            return
        with practice_scope(practice.pk):
            user = User.objects.filter(role="admin").order_by("pk").first()
        values = {"practice": practice.pk, "user": user.pk, "invoices": INVOICES, "days": 365 * YEARS}
        began = time.perf_counter()
        for statement in FILL.split(";\n"):
            if statement.strip():
                owner.execute(statement, values if "%(" in statement else None)
        owner.execute("SET session_replication_role = origin")
    from django.apps import apps
    from django.db import connection

    from billing.kept_sums import fill, fill_left

    for kept in (fill, fill_left):  # as migrations 0024 and 0026 do
        kept(apps, SimpleNamespace(connection=connection))
    with psycopg.connect(DATABASE_URL, autocommit=True) as owner:
        owner.execute(PAYERS)
        owner.execute(f"VACUUM ANALYZE {', '.join(TABLES)}")
        print(f"filled in {time.perf_counter() - began:.0f} s", file=sys.stderr)


def _timed(client, path, query):
    began = time.perf_counter()
    answer = client.get(path, query)
    assert answer.status_code == 200, answer.content
    return (time.perf_counter() - began) * 1000


def _print_plans(client, path, query):
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    with CaptureQueriesContext(connection) as captured:
        client.get(path, query)
    for one in captured.captured_queries:
        print(one["time"], one["sql"][:400], file=sys.stderr)


if __name__ == "__main__":
    main()
