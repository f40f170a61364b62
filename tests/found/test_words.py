"""Words as a front desk would say them (a reading of every screen, mail and error message, 2026-11-29).

The first list is of phrases that were on screen once; each is gone, with its kind. They are looked for in whatever
people read: templates, scripts of the pages, and the strings of the code.
"""

import ast
import re
import subprocess
from datetime import date
from pathlib import Path

import pytest
from babel.messages.pofile import read_po
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.translation import ngettext

from audit.events import AuditEvent
from core import catalogue
from core.formats import city_of, zone_label
from practices.models import Practice
from tests.admin_forms import page_of

ROOT = Path(__file__).resolve().parents[2]
GONE = [
    # what was said: what is said now
    r"Your password is right",  # Two-step verification
    r"\bGo on\b",  # Continue
    r"Look into your mail",  # Check your email
    r"Say with which email",
    r"To the admin site's sign-in",  # Back to sign in
    r"may not enter the admin site",
    r"This is no date",  # Enter a valid date of birth
    r"The clocks skip",
    r"Somebody else has",  # Someone else changed this while you were editing
    r"Left empty,",  # If blank,
    r"POST /api[^\"']*have that ready",
    r"Unset it to",
    r"anybody by whole",
    r"Empty: as often",  # Leave blank for unlimited uses
    r"Both empty:",
    r"The join code is made",
    r"It cannot be taken back",
    r"An office goes only",
    r"Back, and delete nothing",  # Cancel
    r"With the chart goes",
    r"hidden from everybody",
    r"For good: removed",
    r"May be the chart of",  # Possible matches
    r"Nobody we know",
    r"Take it up again",  # Reopen
    r"Why it cannot wait",  # Reason for emergency access
    r"All that (wait|it said|is in this)",
    r"Waits to be signed off",
    r"None is (finalised|waiting)",
    r"\d? ?done, \d? ?to come",
    r"are not taken|that are taken",
    r"End what you do not know",
    r"End it\b|You are here",
    r"Each lets you in once",
    r"Both are shown this once",
    r"Appointments in all",  # Total appointments
    r"Your role may not do this",
    r"its own alone",
    r"Old refresh token used|to add one",
    r"yielded into no results",  # No matches
    r"Name a file anew|Delete a appointment|only ever written out",
    # the same kinds elsewhere
    r"Missing in the storage",
    r"second\(s\)",
    r"There is no such|You have no such",  # Patient not found
    r"Say for which|Give at least|Given more than once",
    r"confirm that you mean it",
    r"registrations desk can",  # front desk
    # one name for one thing
    r"[Tt]wo-factor (sign-in|check)",  # two-step verification
    r"(requires|adds|removes?|reset) (a |the )?second factor",
    r"\bLog (in|out)\b|Logged out from",  # Sign in, Sign out
    r"Select \w+ to change",
]


def texts():
    """Yield what people may read: strings of the code that are not docstrings, and templates and scripts of pages."""
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    for name in tracked:
        if re.search(r"(^|/)(tests|migrations|bench)/|^conftest", name) or not (ROOT / name).exists():
            continue
        if name.endswith(".py"):
            yield name, "\n".join(_strings(ast.parse((ROOT / name).read_text())))
        elif name.startswith(("templates/", "dashboard/static/")):
            comments = r"(?s)\{#.*?#\}|/\*.*?\*/|^\s*//.*?$"
            yield name, re.sub(comments, "", (ROOT / name).read_text(), flags=re.MULTILINE)


def _strings(tree):
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    docstrings = {id(node.body[0].value) for node in ast.walk(tree) if isinstance(node, documented) and _has_doc(node)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            yield node.value


def _has_doc(node):
    return ast.get_docstring(node, clean=False) is not None


@pytest.fixture(scope="module")
def read():
    return list(texts())


def test_one_word_for_what_cannot_be_and_for_what_is_not_there():
    """As the rest of the texts speak: can't, and not: there are no doctors. What cannot be decrypted is a term."""
    messages = [str(message.id) for message in read_po(catalogue.CATALOGUE.open("rb"))]
    odd = re.compile(r"\bcan ?not\b(?! be decrypted:)|\bThere (is|are) (no|not|nothing)\b")

    assert len(messages) > 1000
    assert [text for text in messages if odd.search(text)] == []


@pytest.mark.parametrize("phrase", GONE)
def test_what_nobody_would_say_is_gone(read, phrase):
    said = re.compile(phrase)
    assert [(name, found[0]) for name, text in read if (found := said.search(text))] == []


def test_guard_reads_what_people_read(read):
    names = {name for name, _ in read}
    assert {
        "templates/sign_in/sign_in.html",
        "accounts/passwords/reset.py",
        "dashboard/static/praxis/admin.js",
    } <= names
    assert any("Someone else changed this while you were editing" in text for _, text in read)


# --- Dates in one format, and no raw names of time zones


def test_times_are_written_one_way(enter_as, own):
    """Praxis: "Nov. 30, 2026, 1 p.m.", "noon", "Nov 29, 2026, 1:40 AM" and "2026-11-04 10:30 EST" on four pages."""
    client = enter_as("admin")
    for row in (own.appointment, own.note, own.record, own.file, own.deletion, own.emergency, own.join_code):
        page = re.sub(r"(?s)<script.*?</script>|<[^>]+>", " ", client.get(page_of(row)).content.decode())
        assert not re.search(r"\b[ap]\.m\.|\bnoon\b|\bmidnight\b|[A-Z][a-z]{2}\. \d|\d{4}-\d\d-\d\d", page), row


def test_time_zones_are_named_by_their_city(enter_as, own, practice):
    """Praxis: "(America/Chicago)" beside appointments, and several hundred raw names in one list."""
    client = enter_as("admin")
    page = client.get(reverse("admin:practices_practice_change", args=[practice.pk])).content.decode()
    assert '<optgroup label="America">' in page and "New York (EST)" in page and "Kolkata (IST)" in page
    assert ">America/" not in page
    staff = enter_as("staff").get(reverse("admin:practices_practice_change", args=[practice.pk])).content.decode()
    assert "New York time" in staff and "America/New_York" not in staff


def test_zone_labels():
    assert zone_label(Practice(timezone="America/Argentina/Buenos_Aires").tzinfo) == "Buenos Aires time"
    assert zone_label(Practice(timezone="UTC").tzinfo) == "UTC"
    assert city_of("America/New_York") == "New York"


# --- Signing in and out


def test_one_signs_in_and_out(client, enter_as, own):
    page = client.get(reverse("home")).content.decode()
    assert "Sign in" in page and "Log in" not in page
    signed_in = enter_as("staff")
    assert "Sign out" in signed_in.get(reverse("admin:index")).content.decode()
    assert "re signed out" in signed_in.post(reverse("sign_out"), follow=True).content.decode()


@pytest.fixture
def german(settings):
    settings.LANGUAGE_CODE = "de"


def test_second_language_is_a_file(german, client, as_role, enter_as, own):
    page = client.get("/password-reset/").content.decode()
    refused = as_role("staff").get("/api/patients?serach=x").json()["errors"]
    manager = enter_as("admin")
    manager.get("/admin/patients/patient/", {"q": own.chart.name})
    trail = manager.get("/admin/trail/", {"event": AuditEvent.PAGE_READ.value}).content.decode()

    assert '<html lang="de"' in page
    for text in ("Passwort vergessen?", "Link senden"):
        assert text in page
    assert refused == {"serach": ["Unbekanntes Feld."]}
    assert "1 Treffer" in trail
    assert ngettext("%(number)s result", "%(number)s results", 3) == "%(number)s Treffer"
    assert date_format(date(2026, 11, 30)) == "30.11.2026"
