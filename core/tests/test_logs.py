"""Log lines as production writes them: what they say, and that what was typed is in none."""

import io
import json
import logging
import re

import pytest
import structlog
from django.db import IntegrityError, connection
from django.test import Client

from accounts.models import User

MARK = "Zwq-marked-7731"
CODE_PLACE = re.compile(r"[\w./-]+\.py:\d+ \S+")


@pytest.fixture
def lines():
    """`lines()`: what was written since, each line an object."""
    (handler,) = [handler for handler in logging.getLogger().handlers if type(handler) is logging.StreamHandler]
    written = io.StringIO()
    before = handler.setStream(written)

    def lines():
        text = written.getvalue()
        written.seek(0)
        written.truncate()
        assert MARK not in text
        return [json.loads(line) for line in text.splitlines()]

    yield lines
    handler.setStream(before)


def test_request_is_one_line_of_ids_and_the_route(as_role, practice, lines):
    client = as_role("staff")
    lines()
    answer = client.get(f"/api/patients/{MARK}?search={MARK}", headers={"User-Agent": MARK, "Referer": f"/{MARK}"})
    assert answer.status_code == 404
    answer = client.get("/api/patients/01a1fd58-089a-7324-97d4-53641105868a")

    _, line = lines()

    assert 0 < line.pop("duration_ms") < 60_000
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z", line.pop("timestamp"))
    assert line == {
        "event": "request",
        "level": "info",
        "logger": "praxis.request",
        "request_id": answer["X-Request-ID"],
        "user_id": str(client.user.pk),
        "practice_id": str(practice.pk),
        "method": "GET",
        "route": "/api/patients/<uuid:chart_id>",
        "status": 404,
    }


def test_anonymous_request_has_no_ids_and_an_unknown_method_no_name(anonymous, db, lines):
    anonymous.get(
        f"/api/users/me?token={MARK}", headers={"Authorization": f"Bearer {MARK}", "Cookie": f"access_token={MARK}"}
    )
    anonymous.generic(MARK.upper().replace("-", ""), "/")
    anonymous.get(f"/{MARK}")
    first, second, third = lines()

    assert (first["user_id"], first["practice_id"], first["status"]) == (None, None, 401)
    assert second["method"] == "other"
    assert third["route"] is None


def test_page_of_the_admin_has_its_users_ids(make_user, practice, lines):
    user = make_user("admin")
    client = Client()
    client.force_login(user)
    lines()
    client.get("/admin/")

    (line,) = [line for line in lines() if line["event"] == "request"]

    assert (line["user_id"], line["practice_id"]) == (str(user.pk), str(practice.pk))
    assert line["route"] == "/admin/"


@pytest.mark.parametrize("path", ["/api/dashboard/stats", "/admin/"])
def test_exception_is_logged_by_type_and_place_only(as_role, make_user, monkeypatch, lines, path):
    def break_down(*args, **kwargs):
        try:
            int(MARK)
        except ValueError as error:
            raise RuntimeError(f"no {MARK}") from error

    # the page's name first: imported only now, it would take the broken one for its own and keep it
    monkeypatch.setattr("dashboard.home.dashboard_numbers", break_down)
    monkeypatch.setattr("dashboard.statistics.dashboard_numbers", break_down)
    client = as_role("admin")
    client.force_login(client.user)
    client.raise_request_exception = False
    lines()

    assert client.get(path).status_code == 500

    (line,) = [line for line in lines() if line["level"] == "error"]
    assert line["request_id"]
    assert [error["type"] for error in line["exception"]] == ["builtins.RuntimeError", "builtins.ValueError"]
    assert any(place.startswith("core/tests/test_logs.py:") for place in line["exception"][0]["at"])
    assert all(CODE_PLACE.fullmatch(place) for error in line["exception"] for place in error["at"])


def test_values_quoted_by_the_database_are_not_logged(scope, make_user, monkeypatch, as_role, lines):
    """`Key (email_index)=(…) already exists`, `Failing row contains (…)`."""

    def clash(*args, **kwargs):
        with connection.cursor() as cursor:
            cursor.execute("CREATE TEMPORARY TABLE one (name text PRIMARY KEY)")
            cursor.execute("INSERT INTO one VALUES (%s), (%s)", [MARK, MARK])

    monkeypatch.setattr("dashboard.statistics.dashboard_numbers", clash)
    client = as_role("admin")
    client.raise_request_exception = False
    lines()

    assert client.get("/api/dashboard/stats").status_code == 500

    (line,) = [line for line in lines() if line["level"] == "error"]
    assert line["exception"][0]["type"] == "django.db.utils.IntegrityError"


def test_librarys_message_is_logged_without_values(lines):
    library = logging.getLogger("some.library")
    library.warning("could not read %s of %d", MARK, 5)
    library.error(ValueError(MARK))
    try:
        raise IntegrityError(f"Key (email)=({MARK})")
    except IntegrityError:
        library.exception("failed on %r", MARK)
    library.warning("%d", MARK)  # a mistake that the standard library would tell with all it was given
    library.info(f"read {MARK}")  # below what is written of libraries

    events = [line["event"] for line in lines()]

    assert events == ["could not read %s of %d", "ValueError", "failed on %r", "%d"]


def test_warning_is_logged_by_place_and_category(lines):
    """As Python hands it to logging, outside pytest, which keeps warnings for itself."""
    logging.getLogger("py.warnings").warning(f"core/models.py:7: UserWarning: naive date {MARK}\n  x = '{MARK}'\n")

    assert [line["event"] for line in lines()] == ["core/models.py:7: UserWarning"]


def test_values_that_are_not_json_are_logged_by_type(lines):
    class Name:
        def __str__(self):
            return MARK

        __repr__ = __str__

    structlog.get_logger("praxis.tests").warning("odd value", value=Name(), chart=User(name=MARK))

    (line,) = lines()
    assert (line["value"], line["chart"]) == ("Name", "User")


def test_line_break_does_not_split_a_log_line(lines):
    structlog.get_logger("praxis.tests").warning("two\nlines", value='a"\r\nb')

    (line,) = lines()
    assert line["event"] == "two\nlines"
