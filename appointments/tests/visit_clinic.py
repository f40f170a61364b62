"""A doctor, a front desk and a patient, whose visits go through their states over HTTP."""

from datetime import timedelta
from itertools import count

from django.utils import timezone

from appointments.models import Appointment
from appointments.tests.factories import AppointmentFactory
from appointments.visits.machine import VisitState, state_of
from patients.tests.factories import PatientFactory

JSON = "application/json"


NOW = timezone.now


_minutes = count(1)


class Clinic:
    def __init__(self, as_role, doctor):
        self.as_role, self.doctor, self.desk = as_role, doctor, as_role("staff")
        self.chart = PatientFactory()

    def visit(self, start=None, *, patient=None, **fields):
        """Return a visit of an hour ago, of one minute, unless `start` says when."""
        start = start or NOW() - timedelta(hours=1, minutes=2 * next(_minutes))
        return AppointmentFactory(
            patient=patient or self.chart,
            doctor=self.doctor,
            starts_at=start,
            ends_at=start + timedelta(minutes=1),
            **fields,
        )

    def visit_in(self, state, **fields):
        visit = self.visit(**fields)
        if state == VisitState.CONFIRMED:
            Appointment.objects.filter(pk=visit.pk).update(confirmed_at=NOW())
        elif state == VisitState.CANCELLED:
            assert self.patch(visit, status="cancelled").status_code == 200
        elif state != VisitState.BOOKED:
            assert self.act(visit, WAYS[state]).status_code == 200
        visit.refresh_from_db()
        assert state_of(visit) == state
        return visit

    def act(self, visit, action, by=None, **headers):
        return (by or self.desk).post(f"/api/appointments/{visit.pk}/{action}", headers=headers)

    def patch(self, visit, by=None, **body):
        return (by or self.desk).patch(f"/api/appointments/{visit.pk}", body, JSON)

    def history(self, visit, by=None):
        answer = (by or self.desk).get(f"/api/appointments/{visit.pk}/history", {"limit": 100})
        assert answer.status_code == 200
        return answer.json()["history"]


WAYS = {
    VisitState.ARRIVED: "arrive",
    VisitState.STARTED: "start",
    VisitState.FINISHED: "finish",
    VisitState.NO_SHOW: "no-show",
}
