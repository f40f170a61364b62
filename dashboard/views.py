"""The dashboard, and the practice's doctors with their workload."""

from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.models import User
from accounts.roles import Permission
from core.api.pages import PageQuery, page_of
from core.api.schema import NOT_FOUND
from core.api.views import ApiView
from dashboard import statistics
from dashboard.serializers import DashboardNumbers, Doctor, DoctorBrief, DoctorPage


class Dashboard(ApiView):
    permissions = {"GET": Permission.SEE_DASHBOARD}

    @extend_schema(responses={200: DashboardNumbers}, summary="The numbers of one's role")
    def get(self, request: Request) -> Response:
        return Response(statistics.dashboard(self.caller))


class Doctors(ApiView):
    permissions = {"GET": Permission.LIST_DOCTORS}

    @extend_schema(parameters=[PageQuery], responses={200: DoctorPage}, summary="The practice's doctors")
    def get(self, request: Request) -> Response:
        doctors = User.objects.doctors().order_by("id")
        rows = page_of(doctors, **self.checked_query(PageQuery))
        return Response({"doctors": [DoctorBrief.of(doctor) for doctor in rows], "total": doctors.count()})


class DoctorById(ApiView):
    permissions = {"GET": Permission.LIST_DOCTORS}
    extra_errors = {"GET": NOT_FOUND}

    @extend_schema(responses={200: Doctor}, summary="One doctor")
    def get(self, request: Request, doctor_id: UUID) -> Response:
        doctor = User.objects.doctor(doctor_id)
        return Response({**DoctorBrief.of(doctor), "assignedPatients": statistics.remembered_assigned_patients(doctor)})
