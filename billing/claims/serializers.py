"""Serializers of what claims need."""

from typing import Any

from rest_framework import serializers

from billing.codes import (
    MOST_DIAGNOSES,
    MOST_LINES,
    MOST_MODIFIERS,
    MOST_POINTERS,
    OFFICE,
    validate_npi,
    validate_place,
    validate_tax_id,
    validate_taxonomy,
)
from billing.models import Coverage, ProviderIdentity
from billing.models.claims import MOST_COVERAGES
from billing.serializers import AmountField
from core.api.serializers import OptionalCharField, OutputSerializer, StrictCharField, StrictSerializer, UUIDField
from core.texts import validate_line, validate_name

LINE = [validate_line]


class CodedLineInput(StrictSerializer):
    code = StrictCharField(max_length=5, help_text="CPT or HCPCS.")
    modifiers = serializers.ListField(child=StrictCharField(max_length=2), max_length=MOST_MODIFIERS, required=False)
    units = serializers.IntegerField(min_value=1, max_value=999, default=1)
    pointers = serializers.ListField(
        child=serializers.IntegerField(min_value=1, max_value=MOST_DIAGNOSES),
        max_length=MOST_POINTERS,
        required=False,
        help_text="Which diagnoses it was for, by their place from 1; by default the first.",
    )
    charge = AmountField(required=False, help_text="For all units; by default by the price list.")


class CodingInput(StrictSerializer):
    version = serializers.IntegerField(min_value=0, required=False, help_text="That was read: 409 if it is another.")
    placeOfService = StrictCharField(
        source="place_of_service", max_length=2, validators=[validate_place], default=OFFICE
    )
    diagnoses = serializers.ListField(
        child=StrictCharField(max_length=8), min_length=1, max_length=MOST_DIAGNOSES, help_text="ICD-10-CM."
    )
    lines = serializers.ListField(child=CodedLineInput(), min_length=1, max_length=MOST_LINES)


class CodedLineShape(OutputSerializer[Any]):
    code = serializers.CharField()
    modifiers = serializers.ListField(child=serializers.CharField())
    units = serializers.IntegerField()
    pointers = serializers.ListField(child=serializers.IntegerField())
    charge = serializers.CharField()


class CodingShape(OutputSerializer[Any]):
    """The codes of a visit; version 0: it has none yet."""

    appointmentId = serializers.UUIDField()
    patientId = serializers.UUIDField()
    placeOfService = serializers.CharField()
    diagnoses = serializers.ListField(child=serializers.CharField())
    lines = CodedLineShape(many=True)
    currency = serializers.CharField()
    version = serializers.IntegerField()


class CoverageInput(StrictSerializer):
    payer = StrictCharField(max_length=200, validators=[validate_name])
    payerId = OptionalCharField(source="payer_id", max_length=80, validators=LINE)
    memberId = StrictCharField(source="member_id", max_length=80, validators=LINE)
    group = OptionalCharField(max_length=80, validators=LINE)


class CoveragesInput(StrictSerializer):
    coverages = serializers.ListField(child=CoverageInput(), max_length=MOST_COVERAGES)


class CoverageShape(OutputSerializer[Coverage]):
    payer = serializers.CharField()
    payerId = serializers.CharField(source="payer_id")
    memberId = serializers.CharField(source="member_id")
    group = serializers.CharField()


class CoveragesShape(OutputSerializer[Any]):
    """In the order in which they are asked to pay."""

    coverages = CoverageShape(many=True)


class IdentityInput(StrictSerializer):
    doctorId = UUIDField(source="doctor_id", required=False, allow_null=True, help_text="Without it, the practice's.")
    npi = OptionalCharField(max_length=10, validators=[validate_npi])
    taxonomy = OptionalCharField(max_length=10, validators=[validate_taxonomy])
    taxId = OptionalCharField(source="tax_id", max_length=11, validators=[validate_tax_id])


class IdentityShape(OutputSerializer[ProviderIdentity]):
    doctorId = serializers.UUIDField(source="doctor_id", allow_null=True)
    npi = serializers.CharField()
    taxonomy = serializers.CharField()
    taxId = serializers.CharField(source="tax_id")


class IdentitiesShape(OutputSerializer[Any]):
    """The practice's first, then those of doctors."""

    identities = IdentityShape(many=True)
