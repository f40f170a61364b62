"""Serializers of fees for missed visits."""

from rest_framework import serializers

from billing.models import BillingPolicy
from core.api.serializers import OutputSerializer, StrictSerializer, UUIDField


class PolicyInput(StrictSerializer):
    noShowFeeId = UUIDField(source="no_show_fee_id", allow_null=True, help_text="A service; null for no fee.")
    lateCancellationFeeId = UUIDField(source="late_cancellation_fee_id", allow_null=True)


class PolicyShape(OutputSerializer[BillingPolicy]):
    """Fees that are proposed as drafts when a patient does not come, or cancels after the shortest notice."""

    noShowFeeId = serializers.UUIDField(source="no_show_fee_id", allow_null=True)
    lateCancellationFeeId = serializers.UUIDField(source="late_cancellation_fee_id", allow_null=True)
