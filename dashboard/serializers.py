"""API serializers of doctors and dashboards."""

from typing import Any

from drf_spectacular.utils import PolymorphicProxySerializer
from rest_framework import serializers

from accounts.models import User
from core.api.pagination import NextShape
from core.api.serializers import OutputSerializer


class DoctorBrief(OutputSerializer[User]):
    id = serializers.UUIDField()
    name = serializers.CharField()
    email = serializers.CharField()
    specialization = serializers.CharField()
    phone = serializers.CharField()


class DoctorPage(NextShape):
    doctors = DoctorBrief(many=True)
    total = serializers.IntegerField()


class Doctor(DoctorBrief):
    assignedPatients = serializers.IntegerField()


class AdminNumbers(OutputSerializer[Any]):
    totalPatients = serializers.IntegerField()
    totalDoctors = serializers.IntegerField()
    totalAppointments = serializers.IntegerField()
    revenue = serializers.FloatField(
        help_text="Payments received less refunds, in the practice's currency; whole amounts without decimal places."
    )


class DoctorNumbers(OutputSerializer[Any]):
    assignedPatients = serializers.IntegerField()
    todayAppointments = serializers.IntegerField()
    pendingReports = serializers.IntegerField()


class StaffNumbers(OutputSerializer[Any]):
    managedPatients = serializers.IntegerField()
    scheduledAppointments = serializers.IntegerField()
    pendingRegistrations = serializers.IntegerField()


class PatientNumbers(OutputSerializer[Any]):
    upcomingAppointments = serializers.IntegerField()
    medicalRecords = serializers.IntegerField()
    prescriptions = serializers.IntegerField()


DashboardNumbers = PolymorphicProxySerializer(
    component_name="DashboardNumbers",
    serializers=[AdminNumbers, DoctorNumbers, StaffNumbers, PatientNumbers],
    resource_type_field_name=None,
)
