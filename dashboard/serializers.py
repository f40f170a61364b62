"""Shapes of doctors and of the dashboards in the API."""

from typing import Any

from drf_spectacular.utils import PolymorphicProxySerializer
from rest_framework import serializers

from accounts.models import User
from core.api.shapes import Shape


class DoctorBrief(Shape[User]):
    id = serializers.UUIDField()
    name = serializers.CharField()
    email = serializers.CharField()
    specialization = serializers.CharField()
    phone = serializers.CharField()

    def to_representation(self, instance: User) -> dict[str, Any]:
        return {
            "id": instance.pk,
            "name": instance.name,
            "email": instance.email,
            "specialization": instance.specialization,
            "phone": instance.phone,
        }


class DoctorPage(Shape[Any]):
    doctors = DoctorBrief(many=True)
    total = serializers.IntegerField()


class Doctor(DoctorBrief):
    assignedPatients = serializers.IntegerField()


class AdminNumbers(Shape[Any]):
    totalPatients = serializers.IntegerField()
    totalDoctors = serializers.IntegerField()
    totalAppointments = serializers.IntegerField()
    revenue = serializers.IntegerField(help_text="In the practice's currency.")


class DoctorNumbers(Shape[Any]):
    assignedPatients = serializers.IntegerField()
    todayAppointments = serializers.IntegerField()
    pendingReports = serializers.IntegerField()


class StaffNumbers(Shape[Any]):
    managedPatients = serializers.IntegerField()
    scheduledAppointments = serializers.IntegerField()
    pendingRegistrations = serializers.IntegerField()


class PatientNumbers(Shape[Any]):
    upcomingAppointments = serializers.IntegerField()
    medicalRecords = serializers.IntegerField()
    prescriptions = serializers.IntegerField()


DashboardNumbers = PolymorphicProxySerializer(
    component_name="DashboardNumbers",
    serializers=[AdminNumbers, DoctorNumbers, StaffNumbers, PatientNumbers],
    resource_type_field_name=None,
)
