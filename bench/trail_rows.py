"""Ten million events of six years of a practice, inserted without the ORM and the triggers, whose work one statement
does. The MACs are filler, so `audit_verify` fails on this database.

The first user does a tenth of everything, but has opened only a few medical records. The first chart is in every
twentieth list.
"""

import sys
import time

from django.db import connection, transaction

YEARS = 6
PEOPLE = 40  # users; those that the practice lacks are former ones
# of 10,000 events: how many are of this kind, and how many patients each names
KINDS = (
    ("chart.listed", 2000, 10),
    ("chart.searched", 1000, 3),
    ("chart.read", 2600, 1),
    ("appointment.listed", 1000, 5),
    ("record.listed", 800, 1),
    ("data.changed", 1000, 1),
    ("data.created", 500, 1),
    ("session.refreshed", 790, 0),
    ("sign_in.succeeded", 200, 0),
    ("sign_in.failed", 100, 0),
    ("page.read", 9, 1),
    ("emergency.opened", 1, 1),
)

PREPARE = """
CREATE TEMP TABLE people AS
  SELECT n, id FROM (
    SELECT row_number() OVER (ORDER BY id) - 1 AS n, id FROM accounts_user
    WHERE practice_id = %(practice)s AND role <> 'patient'
  ) AS known WHERE n < %(people)s;
INSERT INTO people
  SELECT n, md5(n::text)::uuid FROM generate_series((SELECT count(*) FROM people), %(people)s - 1) AS n;
CREATE TEMP TABLE charts AS
  SELECT row_number() OVER (ORDER BY id) - 1 AS n, id FROM patients_patient WHERE practice_id = %(practice)s;
CREATE TEMP TABLE named (width int, n bigint, ids text);  -- charts by tens, fives, threes and alone
INSERT INTO named
  SELECT 1, n, to_json(array_agg(id::text) OVER (ORDER BY n ROWS 0 PRECEDING))::text FROM charts UNION ALL
  SELECT 3, n, to_json(array_agg(id::text) OVER (ORDER BY n ROWS 2 PRECEDING))::text FROM charts UNION ALL
  SELECT 5, n, to_json(array_agg(id::text) OVER (ORDER BY n ROWS 4 PRECEDING))::text FROM charts UNION ALL
  SELECT 10, n, to_json(array_agg(id::text) OVER (ORDER BY n ROWS 9 PRECEDING))::text FROM charts UNION ALL
  SELECT 0, n, '[]' FROM charts;
INSERT INTO named  -- the first chart on top of a list
  SELECT -1, n, to_json(ARRAY[(SELECT id FROM charts WHERE n = 0), id])::text FROM charts;
CREATE UNIQUE INDEX ON named (width, n);
CREATE TEMP TABLE kinds (kind text, share_from int, share_to int, width int);
ANALYZE people; ANALYZE named;
"""
EVENTS = """
INSERT INTO audit_event (id, at, practice_id, kind, outcome, user_id, role, address, agent, request_id, patients, about,
                         about_id, details, key_id, mac)
SELECT
  (lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0') || '7' || substr(digits, 1, 3) || '8'
    || substr(digits, 4, 15))::uuid,
  at, %(practice)s, kind,
  CASE WHEN kind = 'sign_in.failed' THEN 'failed' WHEN i %% 200 = 7 THEN 'refused' ELSE 'done' END,
  CASE WHEN kind = 'sign_in.failed' THEN NULL ELSE people.id END,
  'staff', '10.0.' || i %% 256 || '.7', 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/142.0 Safari/537.36',
  digits, named.ids, 'patients.Patient', NULL, '{"hits":10,"page":1,"limit":10}', 1, decode(digits || digits, 'hex')
FROM (
  SELECT i, md5(i::text) AS digits, mix,
    date_trunc('milliseconds',
      %(end)s::timestamptz - (%(events)s - i) * (make_interval(years => %(years)s) / %(events)s)) AS at,
    CASE WHEN mix %% 10 = 3 THEN 0 ELSE 1 + mix / 10 %% (%(people)s - 1) END AS person,
    mix / 1000 %% (SELECT count(*) FROM charts) AS chart
  FROM generate_series(1, %(events)s::bigint) AS i, LATERAL (SELECT hashint8(i)::bigint + 2147483648 AS mix) AS mixed
) AS numbered
JOIN kinds ON (i * 7919) %% 10000 >= share_from AND (i * 7919) %% 10000 < share_to
JOIN people ON people.n = CASE
  WHEN kind = 'record.listed' AND person = 0 AND i %% (%(events)s / 3) >= 200 THEN 1 ELSE person END
JOIN named ON named.n = chart
  AND named.width = CASE WHEN kind = 'chart.listed' AND i %% 20 = 10 THEN -1 ELSE kinds.width END
"""
SUBJECTS = """
INSERT INTO audit_subject (practice_id, patient_id, event_id)
SELECT DISTINCT practice_id, patient::uuid, id
FROM audit_event, jsonb_array_elements_text(patients::jsonb) AS patient WHERE patients <> '[]'
ORDER BY 1, 2, 3 ON CONFLICT DO NOTHING
"""


def fill(practice_id, *, events):
    """Write the practice's trail unless it has `events` already, and return whether it did; existing ones are kept."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM audit_event WHERE practice_id = %s", [practice_id])
        if cursor.fetchone()[0] >= events:
            return False
        started = time.perf_counter()
        with transaction.atomic():
            _write(cursor, practice_id, events)
    print(f"{events / (time.perf_counter() - started):,.0f} events a second", file=sys.stderr)
    return True


def _write(cursor, practice_id, events):
    cursor.execute("SELECT now()")
    given = {"practice": practice_id, "people": PEOPLE, "events": events, "years": YEARS, "end": cursor.fetchone()[0]}
    cursor.execute("SET LOCAL session_replication_role = replica; SET LOCAL maintenance_work_mem = '512MB'")
    for statement in PREPARE.split(";\n"):
        cursor.execute(statement, given)
    start = 0
    for kind, share, width in KINDS:
        cursor.execute("INSERT INTO kinds VALUES (%s, %s, %s, %s)", [kind, start, start + share, width])
        start += share
    cursor.execute(EVENTS, given)
    cursor.execute(SUBJECTS)
