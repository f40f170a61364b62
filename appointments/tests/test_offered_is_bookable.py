"""What is offered to a patient is what they can book: over any hours, exceptions, zones, types and visits."""

from contextlib import suppress
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from appointments import services
from appointments.models import Appointment
from appointments.schedule.availability import find_slots
from appointments.schedule.services import add_hours
from appointments.tests.factories import AppointmentTypeFactory, ScheduleExceptionFactory
from core.errors import Conflict
from patients.tests.factories import PatientFactory
from practices.tests.factories import OfficeFactory

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
ZONES = ["America/New_York", "Europe/Berlin", "Australia/Lord_Howe", "Asia/Kathmandu", "Pacific/Auckland"]
CLOCKS_CHANGE = [date(2031, 3, 9), date(2031, 3, 30), date(2031, 4, 6), date(2031, 10, 26), date(2031, 11, 2)]
DAYS = [*CLOCKS_CHANGE, date(2031, 6, 2)]
OFFICES = st.sampled_from([None, 0, 1])
CLOCK = st.integers(0, 24 * 12 - 1).map(lambda fives: time(fives // 12, fives % 12 * 5))
RULE = st.tuples(OFFICES, st.sampled_from([0, 0, 1, -1]), CLOCK, CLOCK)  # the day, and those around it
EXCEPTION = st.tuples(
    st.sampled_from(["off", "extra"]), st.booleans(), OFFICES, st.integers(0, 60 * 60), st.integers(5, 600)
)
VISIT = st.tuples(st.booleans(), st.booleans(), st.integers(0, 24 * 60))  # of the type; the patient's elsewhere; when
TYPE = st.tuples(st.sampled_from([5, 20, 50, 7]), st.sampled_from([0, 10, 7]), st.sampled_from([0, 5]))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    day=st.sampled_from(DAYS),
    zones=st.tuples(*[st.sampled_from(["", *ZONES])] * 2, st.sampled_from(ZONES)),
    own=OFFICES,
    rules=st.just([]) | st.lists(RULE, min_size=1, max_size=4),
    exceptions=st.lists(EXCEPTION, max_size=3),
    kind=st.none() | TYPE,
    visits=st.lists(VISIT, max_size=4),
    data=st.data(),
)
def test_offered_is_bookable_and_nothing_else_is(
    scope, make_user, day, zones, own, rules, exceptions, kind, visits, data
):
    with transaction.atomic():
        clinic = Clinic(scope, make_user, day, zones, own, kind)
        clinic.fill(rules, exceptions, visits)
        slots = clinic.slots()

        assert len(slots) == len(set(slots))
        middle = clinic.start + data.draw(st.integers(1, 24 * 60)) * MINUTE
        assert slots == clinic.slots(end=middle) + clinic.slots(start=middle)
        for slot in data.draw(st.lists(st.sampled_from(slots), max_size=4)) if slots else []:
            assert clinic.can_book(slot.start, slot.office_id), slot
        clinic.check_nothing_else(slots, data)
        if slots:
            clinic.check_the_others_stay(slots, data.draw(st.sampled_from(slots)))
        transaction.set_rollback(True)


class Clinic:
    def __init__(self, practice, make_user, day, zones, own, kind):
        practice.timezone, practice.booking_months_ahead, practice.max_upcoming_appointments = zones[2], 120, 100
        practice.save()
        self.day, self.start = day, datetime.combine(day, time(0), ZoneInfo(practice.timezone)).astimezone(UTC)
        self.offices = [OfficeFactory(timezone=zone) for zone in zones[:2]]
        self.manager, self.patient = make_user("admin"), make_user("patient")
        self.doctor, self.colleague = make_user("doctor", office=self._office(own)), make_user("doctor")
        self.chart, self.other_chart = PatientFactory(user=self.patient), PatientFactory()
        self.type, self.before, self.after = None, timedelta(), timedelta()
        if kind:
            minutes, before, after = kind
            self.type = AppointmentTypeFactory(minutes=minutes, buffer_before=before, buffer_after=after)
            self.before, self.after = before * MINUTE, after * MINUTE

    def _office(self, number):
        return None if number is None else self.offices[number]

    def fill(self, rules, exceptions, visits):
        self.has_hours = False
        for office, days, one, other in rules:
            start, end = sorted((one, other))
            with suppress(Conflict):
                if start < end:
                    weekday, where = (self.day + days * DAY).weekday(), self._office(office)
                    fields = {"weekday": weekday, "start": start, "end": end, "office_id": where and where.pk}
                    add_hours(by=self.manager, doctor_id=self.doctor.pk, **fields)
                    self.has_hours = True
        for kind, theirs, office, begins, minutes in exceptions:
            start = self.start - DAY / 2 + begins * MINUTE
            who = self.doctor if theirs or (kind == "extra" and office is None) else None
            fields = {"starts_at": start, "ends_at": start + minutes * MINUTE, "kind": kind}
            ScheduleExceptionFactory(doctor=who, office=self._office(office), **fields)
        for of_the_type, elsewhere, minute in visits:
            with suppress(Conflict):
                self._book(
                    self.manager,
                    self.start + minute * MINUTE,
                    chart=self.chart if elsewhere else self.other_chart,
                    doctor=self.colleague if elsewhere else self.doctor,
                    type_id=self.type.pk if of_the_type and self.type else None,
                )

    def slots(self, start=None, end=None):
        start, end = start or self.start, end or self.start + DAY
        asked = {"doctor_id": self.doctor.pk, "type_id": self.type and self.type.pk}
        return find_slots(by=self.patient, start=start, end=end, **asked)

    def _book(self, by, start, *, chart, doctor, **fields):
        with transaction.atomic():
            where = {"patient_id": chart.pk, "doctor_id": doctor.pk}
            return services.book(by=by, date=start, reason="Pain", **where, **fields)

    def book_own(self, start, office_id=None):
        fields = {"chart": self.chart, "doctor": self.doctor, "type_id": self.type and self.type.pk}
        return self._book(self.patient, start, office_id=office_id, **fields)

    def can_book(self, start, office_id=None):
        """Return whether the patient can, and leave it."""
        try:
            with transaction.atomic():
                made = self.book_own(start, office_id)
                assert made.office_id == office_id
                transaction.set_rollback(True)
        except Conflict:
            return False
        return True

    def check_nothing_else(self, slots, data):
        offered = {(slot.start, slot.office_id) for slot in slots}
        moments = {start for start, _ in offered}
        minutes = st.integers(0, 24 * 60 - 1) if self.has_hours else st.integers(0, 24 * 4 - 1).map(lambda n: n * 15)
        for minute in data.draw(st.lists(minutes, max_size=4)):
            start, office = self.start + minute * MINUTE, data.draw(st.sampled_from([None, *self.offices]))
            if office and not self.has_hours and office != self.doctor.office:
                continue  # a doctor without hours is at any office that is open
            if office is None and start not in moments:
                assert not self.can_book(start), start
            if office is not None and (start, office.pk) not in offered:
                assert not self.can_book(start, office.pk), (start, office)

    def check_the_others_stay(self, slots, booked):
        """Those that are not in the way of the visit that is booked are offered still, and none that is."""
        self.book_own(booked.start, booked.office_id)
        now_offered = self.slots()
        around = self.before + self.after  # each visit has the time kept free of its own

        def is_free(slot):
            return slot.end + around <= booked.start or slot.start >= booked.end + around

        assert {slot for slot in slots if is_free(slot)} <= set(now_offered)
        assert all(map(is_free, now_offered))
        spans = sorted(Appointment.objects.filter(doctor=self.doctor).values_list("starts_at", "ends_at"))
        assert all(end <= start for (_, end), (start, _) in pairwise(spans))
