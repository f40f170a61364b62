"""Imports of charts: what is recognised, what comes of each line, and that none is half imported or wrongly dated."""

import csv
import io
import tracemalloc
from datetime import date
from itertools import chain, repeat
from unittest.mock import patch

import orjson
import pytest
from django.core.management import call_command
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from audit.events import AuditEvent
from audit.tests.whole_trail import whole_trail
from core.errors import Conflict, Forbidden, Invalid
from patients.imports import services
from patients.imports.csv_reader import Columns, Layout, rows_of
from patients.imports.dates import UnclearDateError, read_day
from patients.models import Import, ImportLine, ImportPart, ImportState, LineState, Patient
from patients.tests.factories import PatientFactory
from tests.sampling import examples

TODAY = date(2026, 11, 30)
HEADER = "Last name;First name;Date of birth;Mobile;E-Mail;Gender;City;No."
LINES = [
    "Jensen;Paula;31/12/1980;(212) 555-0101;paula@example.org;f;New York;17",
    "Müller;Jörg;01/02/1979;(212) 555-0102;;männlich;Köln;18",
    "Nobody;Nina;05/06/1990;;;;;19",  # nobody can be reached
    "Short;Line;05/06/1990",
    "Jensen;Paula;31/12/1980;(212) 555-0101;paula@example.org;f;New York;17",  # twice
    "O'Neil;Sam;2001-03-04;+1 212 555 0104;sam@example;M;Bronx;20",  # no email
    '=1+1;"Quote ""Q"" Q";04/03/2001;(212) 555-0105;;x;;21',
]


def work(by, batch):
    while (now := services.step(by=by, pk=batch.pk)).is_at_work:
        pass
    return now


def upload(by, text, encoding="utf-8", **asked):
    content = text if isinstance(text, bytes) else text.encode(encoding)
    chunks = [content[at : at + 7] for at in range(0, len(content), 7)]
    return services.read_file(by=by, kind="patients", chunks=lambda: iter(chunks), file_name="old.csv", **asked)


def check(by, batch, order="dmy", **mapping):
    found = services.suggested_mapping(batch) | mapping
    return work(by, services.match_columns(by=by, pk=batch.pk, mapping=found, date_order=order))


def run(by, batch):
    return work(by, services.start(by=by, pk=batch.pk))


def states(batch):
    return {line.number: line.state for line in ImportLine.objects.filter(of=batch)}


@pytest.fixture
def manager(make_user, scope):
    return make_user("admin")


def test_dirty_file_is_recognised_checked_imported_and_taken_back(manager, monkeypatch):
    monkeypatch.setattr(services, "PART_LINES", 2)
    text = "\r\n".join([HEADER, *LINES])

    batch = upload(manager, text, "cp1252")

    assert (batch.encoding, batch.separator, batch.quoted, batch.lines) == ("cp1252", ";", True, 7)
    assert services.date_evidence(batch, {"date_of_birth": 2}) == {"dmy": 2}
    with pytest.raises(Invalid, match="line 2"):
        check(manager, batch, order="mdy")
    with pytest.raises(Invalid, match="how the dates"):
        check(manager, batch, order="")
    check(manager, batch)
    assert Patient.objects.count() == 0
    assert states(batch) == {
        2: "ready",
        3: "ready",
        4: "wrong",
        5: "wrong",
        6: "double",
        7: "wrong",
        8: "ready",
    }
    wrong = {line.number: line.report["problems"] for line in ImportLine.objects.filter(of=batch, state="wrong")}
    assert wrong[5] == ["This line has 3 columns, and the names of the columns are 8."]
    assert wrong[7] == ["Email: Enter a valid email address."]
    assert ImportLine.objects.get(of=batch, number=6).report["problems"] == ["Line 2 of this file is the same."]

    done = run(manager, batch)

    assert done.state == ImportState.DONE
    charts = {chart.name: chart for chart in Patient.objects.all()}
    assert set(charts) == {"Paula Jensen", "Jörg Müller", 'Quote "Q" Q =1+1'}
    assert charts["Paula Jensen"].date_of_birth == date(1980, 12, 31)
    assert charts["Jörg Müller"].date_of_birth == date(1979, 2, 1)
    assert (charts["Jörg Müller"].gender, charts["Jörg Müller"].address) == ("male", "Köln")
    assert ImportPart.objects.count() == 0
    kinds = list(whole_trail().filter(user_id=manager.pk).values_list("kind", "details"))
    assert {AuditEvent.IMPORT_UPLOADED, AuditEvent.IMPORT_FINISHED, AuditEvent.CREATED} <= {kind for kind, _ in kinds}
    assert "Jensen" not in orjson.dumps(kinds).decode()

    changed = charts["Jörg Müller"]
    changed.phone = "(212) 555-0199"
    changed.save()
    services.undo(by=manager, pk=batch.pk)
    work(manager, batch)
    assert [chart.name for chart in Patient.objects.all()] == ["Jörg Müller"]
    assert (states(batch)[2], states(batch)[3]) == ("undone", "kept")
    with pytest.raises(Conflict):
        services.undo(by=manager, pk=batch.pk)


def test_doubles_are_shown_and_decided(manager):
    known = PatientFactory(name="Paula Jensen", date_of_birth=date(1980, 12, 31), phone="212-555-0101")
    batch = check(manager, upload(manager, "\n".join([HEADER, LINES[0], LINES[1]])))
    line = ImportLine.objects.get(of=batch, number=2)
    assert line.report["candidates"][0][0] == str(known.pk)
    for wrong in ({"chart_id": manager.pk}, {"number": 99}):
        with pytest.raises(Exception, match=r"stage|not found"):
            services.decide(by=manager, pk=batch.pk, **{"number": 2, **wrong})
    services.decide(by=manager, pk=batch.pk, number=2, chart_id=known.pk)
    assert states(batch)[2] == LineState.SAME
    services.decide(by=manager, pk=batch.pk, number=2, make=True)
    services.decide(by=manager, pk=batch.pk, number=2)
    assert states(batch)[2] == LineState.DOUBLE
    services.decide(by=manager, pk=batch.pk, number=None)
    run(manager, batch)
    assert Patient.objects.count() == 3
    again = check(manager, upload(manager, "\n".join([HEADER, LINES[0], LINES[1]])))
    assert set(states(again).values()) == {"double"}


def test_mapping_is_remembered_and_checked(manager, subtests):
    batch = upload(manager, "Wer,Wann,Wo\nPaula Jensen,31.12.1980,Bronx\n")
    for mapping, what in (
        ({}, "Name / Last name"),
        ({"name": 7}, "another stage"),
        ({"nonsense": 0}, "another stage"),
    ):
        with subtests.test(mapping=mapping), pytest.raises(Invalid, match=what):
            services.match_columns(by=manager, pk=batch.pk, mapping=mapping, date_order="dmy")
    check(manager, batch, name=0, date_of_birth=1, address=2)
    other = upload(manager, "Wo;Wer;Wann\nBronx;Sam O'Neil;1.2.1980\n")
    assert services.suggested_mapping(other) == {"name": 1, "date_of_birth": 2, "address": 0}


def test_only_managers_import(make_user, scope):
    for role in ("doctor", "staff", "billing", "patient"):
        with pytest.raises(Forbidden):
            upload(make_user(role), "Name\nPaula")


def test_killed_half_way_it_goes_on_where_it_stopped(manager, monkeypatch):
    monkeypatch.setattr(services, "PART_LINES", 2)
    text = "Name,Phone\n" + "".join(f"Person {word},212 555 01{at}\n" for at, word in enumerate("abcdefg", 10))
    batch = check(manager, upload(manager, text))
    services.start(by=manager, pk=batch.pk)
    services.step(by=manager, pk=batch.pk)
    with patch.object(ImportPart, "delete", side_effect=KeyboardInterrupt), pytest.raises(KeyboardInterrupt):
        services.step(by=manager, pk=batch.pk)  # after its charts were saved, before it says so
    batch.refresh_from_db()
    assert (Patient.objects.count(), batch.position) == (2, 1)
    work(manager, batch)
    assert sorted(chart.name[-1] for chart in Patient.objects.all()) == list("abcdefg")


def test_text_is_removed(manager, capsys):
    batch = check(manager, upload(manager, "\n".join([HEADER, *LINES])))
    run(manager, batch)
    services.discard(by=manager, pk=batch.pk)
    batch.refresh_from_db()
    assert (batch.file_name, batch.emptied_at is not None) == ("", True)
    assert not ImportLine.objects.filter(of=batch).filter(report__isnull=False).exists()
    fresh, old = (upload(manager, "\n".join([HEADER, *LINES])) for _ in "12")
    Import.objects.filter(pk=old.pk).update(created_at=batch.created_at - services.RETENTION)
    call_command("remove_old_imports")
    assert capsys.readouterr().out == "Removed the text of 1 imports.\n"
    assert list(Import.objects.order_by("pk").values_list("pk", flat=True)) == [batch.pk, fresh.pk]
    assert ImportPart.objects.exclude(of=fresh).count() == 0


@pytest.mark.parametrize(
    ("content", "refused"),
    [
        (b"", "empty"),
        (b"\xef\xbb\xbf\r\n;;;\r\n", "empty"),
        (b"Name,Phone\r\n", "no lines below"),
        (b"PK\x03\x04\0\0\0\x08binary", "not a table"),
        (b"Name\n\x81\x8d", "not a table"),
        (b'Name,Phone\n"Paula,1\nSam,2\n', "line 2"),
        (b'Name,Phone\nSam,2\n"Paula"x,1\n', "line 3"),
        (b",".join([b"x"] * 201) + b"\n1", "200 columns"),
    ],
)
def test_what_is_no_table_is_refused_whole(manager, content, refused):
    with pytest.raises(Invalid, match=refused):
        upload(manager, content)
    assert not Import.objects.exists()


def test_ways_of_writing_are_recognised(manager, subtests):
    rows = [
        ["Name", "Phone", "Allergies"],
        ["Zoë Łoś", "212 555 0101", "nuts; a, b"],
        ["Sam", "555 0102 77", ""],
    ]
    for encoding in ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"):
        for separator in ",;\t|":
            for end in ("\r\n", "\n", "\r"):
                with subtests.test(encoding=encoding, separator=separator, end=end):
                    file = io.StringIO()
                    csv.writer(file, delimiter=separator, lineterminator=end).writerows(rows)
                    batch = upload(manager, file.getvalue(), encoding)
                    (part,) = ImportPart.objects.filter(of=batch)
                    assert [row for _number, row in part.rows] == rows[1:]
                    assert [column["name"] for column in batch.columns] == rows[0]


def test_long_file_takes_no_more_memory_than_a_short_one():
    """The lines of a file of any length are read in parts, and at no time are all of them in memory."""
    lines, text = examples(1_000_000, 50_000), b"Paula Jensen;31/12/1980;(212) 555-0101;Main Street\n"
    chunks = chain([b"Name;Born;Phone;Street\n"], repeat(text * 1000, lines // 1000))
    rows = rows_of(chunks, Layout("utf-8", ";"))
    columns = Columns(next(rows)[1])
    tracemalloc.start()
    try:
        count = sum(len(part) for part in services._parts(rows, columns))
        _now, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (count, columns.found[1]["day"]) == (lines, 2)
    assert peak < 3_000_000


DAYS = st.dates(min_value=date(1925, 1, 1), max_value=TODAY)
WRITTEN = {
    "dmy": ("{d:02}/{m:02}/{y}", "{d}.{m}.{y}", "{d}-{m}-{y}", "{y}-{m:02}-{d:02}", "{y}-{m:02}-{d:02} 00:00:00"),
    "mdy": ("{m:02}/{d:02}/{y}", "{m}-{d}-{y}", "{m}.{d}.{y}", "{y}/{m}/{d}"),
    "ymd": ("{y}-{m:02}-{d:02}", "{y}{m:02}{d:02}", "{y}/{m}/{d}"),
}


@given(day=DAYS, order=st.sampled_from(list(WRITTEN)), data=st.data())
@settings(max_examples=examples(5000, 60), deadline=None)
def test_no_day_is_read_wrongly(day, order, data):
    """What was written in one order is read as that day, or refused, in that order; with two digits of the year too."""
    form = data.draw(st.sampled_from(WRITTEN[order]))
    short = data.draw(st.booleans()) and order != "ymd" and "{y}" in form and not form.startswith("{y}")
    text = form.format(d=day.day, m=day.month, y=f"{day.year % 100:02}" if short else day.year)
    try:
        found = read_day(text, order, region="US", today=TODAY, is_birth=True)
    except UnclearDateError:
        assert short or form == "{y}{m:02}{d:02}"  # where it may be in two centuries
    else:
        assert found == day or (short and day.year < 1927 and found is None)


@given(
    day=DAYS,
    form=st.sampled_from(["{d:02}/{m:02}/{y}", "{m}/{d}/{y}", "{d}.{m}.{y}", "{m}-{d}-{y:04}"]),
    order=st.sampled_from(["dmy", "mdy"]),
)
@settings(max_examples=examples(3000, 40), deadline=None)
def test_the_other_order_is_never_tried(day, form, order):
    text = form.format(d=day.day, m=day.month, y=day.year)
    first, second = (int(part) for part in text.replace(".", "/").replace("-", "/").split("/")[:2])
    expected_day, expected_month = (first, second) if order == "dmy" else (second, first)
    try:
        found = read_day(text, order, region="US", today=TODAY, is_birth=True)
    except UnclearDateError:
        assert expected_month > 12 or expected_day > 28
    else:
        assert (found.day, found.month, found.year) == (expected_day, expected_month, day.year)


# what hypothesis itself finds for `codec="cp1252"` after asking of each letter there is
CP1252 = sorted(set(bytes(range(256)).decode("cp1252", "ignore")) - set("\0\r"))
CELL = st.one_of(
    st.sampled_from(["", "=1+1", "@SUM(A1)", '"', "a;b", "x,y", "l1\nl2", "\t", "'=x", "Ünï", "31/12/1980", "1/2/79"]),
    st.text(CP1252, max_size=12),
)
NAMES = st.sampled_from(["Paula Jensen", "Jörg Müller", "Ann", "=1+1", "", "1234", "Zoë\u00a0Q"])
DATES = st.one_of(st.sampled_from(["", "31/12/1980", "12/31/1980", "1/2/79", "3.4.05", "x", "29/02/2001"]), CELL)


@given(
    lines=st.lists(st.tuples(NAMES, DATES, CELL, CELL), min_size=1, max_size=6),
    ragged=st.sets(st.integers(0, 5)),
    separator=st.sampled_from(",;\t|"),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "cp1252"]),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    order=st.sampled_from(["dmy", "mdy", "ymd"]),
)
@settings(max_examples=examples(500, 10), deadline=None, suppress_health_check=list(HealthCheck))
def test_any_file_is_imported_line_by_line_or_refused(manager, lines, ragged, separator, encoding, quoting, order):
    """Of each line either the whole chart is there afterwards, with the day that its text means, or nothing, and its
    number is among those that were left."""
    Patient.objects.all()._raw_delete("default")
    file = io.StringIO()
    writer = csv.writer(file, delimiter=separator, quoting=quoting)
    writer.writerow(["Name", "Date of birth", "Address", "Allergies"])
    for at, line in enumerate(lines):
        writer.writerow(line[:2] if at in ragged else line)
    try:
        batch = upload(manager, file.getvalue(), encoding, separator=separator)
        check(manager, batch, order=order)
    except Invalid:
        assert not Patient.objects.exists()
        return
    with patch.object(services, "NOT_THIS_ORDER", "x"):
        run(manager, batch)
    found = ImportLine.objects.filter(of=batch)
    assert found.count() == batch.lines
    assert Patient.objects.count() == found.filter(state="made").count()
    for line in found.filter(state="made"):
        chart = Patient.objects.get(pk=line.row_id)
        sent = next(one for one in lines if " ".join(one[0].split()) == " ".join(chart.name.split()))
        assert any(
            chart.allergies.strip() in (one[3].strip(), one[3].strip().lstrip("'")) and _means(one[1], order, chart)
            for one in lines
            if one[0].strip() == sent[0].strip()
        )


def _means(text, order, chart):
    try:
        return read_day(text.strip(), order, region="US", today=TODAY, is_birth=True) == chart.date_of_birth
    except UnclearDateError:
        return text.strip() == "" and chart.date_of_birth is None


def test_a_row_without_end_is_refused_before_it_is_in_memory(manager, subtests):
    for cell in (";", '"\n";'):
        with subtests.test(cell=cell), pytest.raises(Invalid, match="Line 2 is too long"):
            upload(manager, f"{HEADER}\n{cell * 1_000_001}\n", separator=";")
