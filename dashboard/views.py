"""API views of the dashboard and of the practice's doctors with their workload."""

from uuid import UUID

from rest_framework.request import Request
from rest_framework.response import Response

from accounts.models import User
from core.api.pagination import Page, PageQuery
from core.api.schema import NOT_FOUND, extend_schema
from core.api.views import ApiView
from core.permissions import Permission
from dashboard import statistics
from dashboard.serializers import DashboardNumbers, Doctor, DoctorBrief, DoctorPage


class Dashboard(ApiView):
    permissions = {"GET": Permission.SEE_DASHBOARD}

    @extend_schema(responses={200: DashboardNumbers}, summary="The dashboard numbers for your role")
    def get(self, request: Request) -> Response:
        return Response(statistics.dashboard_numbers(self.caller))


class Doctors(ApiView):
    permissions = {"GET": Permission.LIST_DOCTORS}

    @extend_schema(parameters=[PageQuery], responses={200: DoctorPage}, summary="List the practice's doctors")
    def get(self, request: Request) -> Response:
        doctors = User.objects.doctors().order_by("id")
        page = Page.taken_from(self.checked_query(PageQuery))
        rows = page.rows(doctors)
        shown = [DoctorBrief.to_dict(doctor) for doctor in rows]
        return Response({"doctors": shown, "total": doctors.count(), **page.next})


class DoctorById(ApiView):
    permissions = {"GET": Permission.LIST_DOCTORS}
    extra_errors = {"GET": NOT_FOUND}

    @extend_schema(responses={200: Doctor}, summary="Get a doctor")
    def get(self, request: Request, doctor_id: UUID) -> Response:
        doctor = User.objects.doctor(doctor_id)
        return Response(
            {**DoctorBrief.to_dict(doctor), "assignedPatients": statistics.cached_assigned_patients(doctor)}
        )
