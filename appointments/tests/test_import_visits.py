"""Imports of appointments: whose they are, when they are, and that no doctor is in two places."""

from datetime import UTC, date, datetime, timedelta

import pytest

from appointments.models import Appointment, AppointmentEvent
from appointments.tests.factories import AppointmentFactory, AppointmentTypeFactory
from core.errors import Invalid
from patients.imports import services
from patients.models import ImportLine
from patients.tests.factories import PatientFactory
from patients.tests.test_imports import run, states, work

HEADER = "Patient;Date of birth;Date;Time;Minutes;Doctor;Type;Status;Reason"
BORN = "31/12/1980"


def check(by, text, kind="appointments", order="dmy", **asked):
    batch = services.read_file(by=by, kind=kind, chunks=lambda: iter([text.encode()]))
    mapping = services.suggested_mapping(batch)
    return work(by, services.match_columns(by=by, pk=batch.pk, mapping=mapping, date_order=order, **asked))


@pytest.fixture
def manager(make_user, scope):
    return make_user("admin")


@pytest.fixture
def doctor(make_user, scope):
    return make_user("doctor", name="Dr. Daniel Reyes")


@pytest.fixture
def chart(scope):
    return PatientFactory(name="Paula Jensen", date_of_birth=date(1980, 12, 31))


def problems(batch):
    lines = ImportLine.objects.filter(of=batch, report__isnull=False).order_by("number")
    return {line.number: " ".join(line.report["problems"]) for line in lines}


def test_lines_become_visits_at_the_practices_time(manager, doctor, chart):
    kind = AppointmentTypeFactory(name="First visit", minutes=45)
    lines = [
        HEADER,
        f"Jensen, Paula;{BORN};05/03/2021;2:30 pm;;Reyes, Daniel;First visit;;Neck",
        f"Paula Jensen;{BORN};03/07/2031;09:00;20;Dr. Daniel Reyes;;confirmed;",
        f"Paula Jensen;{BORN};04/07/2031;09:00;20;{doctor.email};;cancelled;",
        f"Paula Jensen;{BORN};04/03/2021;0900;20;Reyes Daniel;;no show;",
    ]
    batch = check(manager, "\n".join(lines))
    assert problems(batch) == {}
    run(manager, batch)
    past, future, cancelled, missed = Appointment.objects.order_by("pk")
    assert (past.starts_at, past.minutes) == (datetime(2021, 3, 5, 19, 30, tzinfo=UTC), 45)
    assert (past.type, past.status, past.reason) == (kind, "completed", "Neck")
    assert (future.starts_at, future.minutes) == (datetime(2031, 7, 3, 13, tzinfo=UTC), 20)
    assert (future.status, cancelled.status) == ("scheduled", "cancelled")
    assert (missed.status, missed.no_show_at, missed.patient_id) == ("scheduled", missed.starts_at, chart.pk)
    assert AppointmentEvent.objects.filter(by=manager, what="booked").count() == 4
    again = check(manager, "\n".join(lines))
    assert set(problems(again).values()) == {"This appointment is in the calendar already."}

    AppointmentFactory(patient=chart, doctor=doctor)
    future.notes = "Changed"
    future.version += 1
    future.save()
    services.undo(by=manager, pk=batch.pk)
    work(manager, batch)
    assert sorted(states(batch).values()) == ["kept", "undone", "undone", "undone"]
    assert Appointment.objects.count() == 2


def test_what_is_wrong_is_said(manager, doctor, chart, subtests):
    PatientFactory(name="Sam Twin", date_of_birth=None)
    PatientFactory(name="Sam Twin", date_of_birth=None, phone="212 555 0199")
    busy = datetime(2031, 7, 4, 13, tzinfo=UTC)
    AppointmentFactory(patient=chart, doctor=doctor, starts_at=busy, ends_at=busy + timedelta(minutes=30))
    wrong = {
        f"Paula Jensen;31/12/1981;05/03/2031;9:00;;{doctor.name};;;": "No chart fits",
        f"Sam Twin;;05/03/2031;9:00;;{doctor.name};;;": "Several charts fit",
        f"Paula Jensen;{BORN};05/03/2031;9:00;;Dr. Nobody;;;": "No doctor",
        f"Paula Jensen;{BORN};05/13/2031;9:00;;{doctor.name};;;": "isn't a date in the order",
        f"Paula Jensen;{BORN};05/03/2031;9;;{doctor.name};;;": "isn't a time",
        f"Paula Jensen;{BORN};05/03/2031;;;{doctor.name};;;": "Time: This is empty",
        f"Paula Jensen;{BORN};09/03/2031;2:30;;{doctor.name};;;": "clocks go forward",
        f"Paula Jensen;{BORN};05/03/2031;9:00;0;{doctor.name};;;": "how many minutes",
        f"Paula Jensen;{BORN};05/03/2031;9:00;;{doctor.name};Nope;;": "no such type",
        f"Paula Jensen;{BORN};05/03/2031;9:00;;{doctor.name};;maybe;": "Write scheduled",
        f"Paula Jensen;{BORN};05/03/2031;9:00;;{doctor.name};;completed;": "still to come",
        f"Paula Jensen;{BORN};05/03/1999;9:00;;{doctor.name};;;": "between 2000",
        f"Paula Jensen;{BORN};04/07/2031;9:10;;{doctor.name};;;": "another appointment",
    }
    batch = check(manager, "\n".join([HEADER, *wrong]))
    found = problems(batch)
    for number, (line, what) in enumerate(wrong.items(), 2):
        with subtests.test(line=line):
            assert what in found[number]
    assert set(states(batch).values()) == {"wrong"}


def test_number_of_the_other_program_finds_the_chart(manager, doctor):
    charts = check(manager, "No.;Name;Phone\n0017;Paula Jensen;212 555 0101\n18;Sam;212 555 0102\n", "patients")
    run(manager, charts)
    text = "Patient ID,Start,End\n0017,2031-07-04 09:00,09:45\n99,2031-07-04 10:00,10:30\n0017,2031-07-04 09:30,10:00\n"
    with pytest.raises(Invalid):
        check(manager, text)
    batch = check(manager, text, order="ymd", doctor_id=doctor.pk)
    assert states(batch) == {2: "ready", 3: "wrong", 4: "wrong"}
    taken = datetime(2031, 7, 4, 13, 15, tzinfo=UTC)
    blocking = AppointmentFactory(
        patient=PatientFactory(), doctor=doctor, starts_at=taken, ends_at=taken + timedelta(minutes=15)
    )
    run(manager, batch)  # somebody booked in between
    assert states(batch)[2] == "wrong"
    assert list(Appointment.objects.all()) == [blocking]
