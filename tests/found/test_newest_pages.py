"""Values that no form of ours sends, on each page of daily work: none is a fault of the server. Seen in the wild as NUL
bytes in fields (django#33173), digits of other scripts, years outside of what a database takes, and texts that are too
long for their column."""

import random
from itertools import product

import pytest
from django.urls import get_resolver

from core.client import WORK_ROOTS
from core.tenancy.scope import practice_scope
from tests.guards.rows import Rows
from tests.sampling import SEED, examples, sample

NOBODY = "00000000-0000-0000-0000-000000000000"
ODD = [
    *("", " ", "\x00", "a\x00b", "\u202e", "\u0663", "-1", "0", "1e9", "NaN", "9" * 400, "x" * 70_000, "true", "null"),
    *(
        "[]",
        "{}",
        '[{"visit": null}]',
        NOBODY,
        "2026-02-30",
        "0001-01-01",
        "9999-12-31",
        "9999-12",
        "0001-01",
        "24:00",
        "99:99",
        "\u0661\u0662:00",
    ),
    *(
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-14:00",
        "2030-01-07T14:00:00Z",
        "2030-03-10T02:30",
        "../../etc",
    ),
]
NAMES = [
    *("day", "view", "office", "doctor", "room", "patient", "token", "start", "hold", "type", "reason", "new", "name"),
    *(
        "phone",
        "confirm_new",
        "unit",
        "every",
        "count",
        "until",
        "ends",
        "skip",
        "version",
        "time",
        "minutes",
        "status",
    ),
    *(
        "cancel_reason",
        "scope",
        "several",
        "action",
        "q",
        "entry",
        "offer",
        "weekdays",
        "first_day",
        "last_day",
        "note",
    ),
    *(
        "earliest",
        "latest",
        "priority",
        "doctors",
        "show",
        "cursor",
        "query",
        "allergies",
        "none_known",
        "text",
        "code",
    ),
    *(
        "dose",
        "severity",
        "since",
        "ended",
        "page",
        "after",
        "visit",
        "subjective",
        "draft",
        "template",
        "word",
        "shared",
    ),
    *("month", "by", "first", "last", "kind", "age", "key", "service", "received_on", "due_on", "refuse", "refusal"),
    *("npi", "taxonomy", "tax_id", "payer", "member_id", "reason", "amount", "undo"),
    *("email", "address", "date_of_birth", "gender", "emergency_contact", "password", "credential", "at", "lasts"),
]
OTHER_NAMES = {"visit_id": "appointment_id"}


def addresses(rows):
    """Return each address below the pages of daily work, of rows that exist."""
    ids = {**rows.ids, **{name: rows.ids[other] for name, other in OTHER_NAMES.items()}}
    for path in sorted(set(_paths(get_resolver().url_patterns))):
        if f"/{path}".startswith(WORK_ROOTS) and "restore" not in path.split("/")[0]:
            named = path
            for name, pk in ids.items():
                for kind in ("uuid", "int", "str"):
                    named = named.replace(f"<{kind}:{name}>", str(pk))
            if "<" not in named:
                yield f"/{named}"


def _paths(patterns, before=""):
    for pattern in patterns:
        path = before + str(pattern.pattern)
        if hasattr(pattern, "url_patterns"):
            yield from _paths(pattern.url_patterns, path)
        else:
            yield path


@pytest.mark.parametrize("role", ["admin", "doctor", "staff", "patient"])
def test_odd_values_are_no_fault_of_the_server(enter_as, practice, make_user, settings, role, subtests):
    settings.RATE_LIMIT_PER_MINUTE = 1_000_000
    rows = Rows(practice, make_user)
    client = enter_as(role)
    client.raise_request_exception = False
    if role == "patient":
        with practice_scope(practice.pk):
            rows.chart.user = client.user
            rows.chart.save()
    known = {
        "doctor": rows.ids["doctor_id"],
        "start": "2030-01-07T14:00:00Z",
        "patient": rows.chart.pk,
        "type": rows.ids["type_id"],
        "entry": rows.ids["entry_id"],
        "offer": rows.ids["offer_id"],
        "version": 1,
        "password": "Passw0rd!",
    }
    draw = random.Random(SEED)
    for address in sample(list(addresses(rows)), 15):
        cases = [{"method": "get", "sent": {}}, {"method": "post", "sent": {}}, {"method": "post", "sent": known}]
        odd = draw.sample(list(product(NAMES, ODD)), examples(10, 2))  # all of them would take hours
        for (name, value), method in product(odd, ("get", "post")):
            cases.append({"method": method, "sent": {**known, name: value}})
        with subtests.test(address=address):
            faults = []
            for case in cases:
                answer = getattr(client, case["method"])(address, case["sent"], HTTP_HX_REQUEST="true")
                if answer.status_code >= 500:
                    changed = {name: value for name, value in case["sent"].items() if known.get(name) != value}
                    faults.append((case["method"], str(changed)[:200], answer.status_code))
            assert faults == []
