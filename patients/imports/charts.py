"""Importing charts."""

from collections.abc import Iterator, Mapping
from typing import Any, cast
from uuid import UUID

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from rest_framework.exceptions import ValidationError

from accounts.models import User
from core.errors import Invalid, Sentence
from core.search.letters import fold
from patients.deletion import services as deletion
from patients.imports.dates import UnclearDateError, read_day
from patients.imports.importers import (
    Cells,
    Context,
    Field,
    Importer,
    Verdict,
    named_elsewhere,
    number_key_of,
    person_key_of,
    register_importer,
)
from patients.models import ChartStatus, DuplicatePair, ImportKind, LineState, Patient
from patients.registrations.matching import with_matches
from patients.serializers import IncompleteChartInput
from patients.services import check_reachable, open_charts

GENDERS = {
    "male": ("male", "m", "man", "boy", "mr", "mann", "mannlich", "herr"),
    "female": ("female", "f", "w", "woman", "girl", "ms", "mrs", "frau", "weiblich"),
    "other": ("other", "o", "x", "d", "divers", "diverse", "nonbinary", "non-binary"),
    "": ("unknown", "u", "unbekannt", "not known", "n/a", "-", "?"),
}
GENDER_OF = {word: gender for gender, words in GENDERS.items() for word in words}
PARTS_OF_ADDRESS = (("address",), ("city", "state", "zip"), ("country",))
MAX_PHONE = 40
NO_GENDER = gettext_lazy("Write male, female or other.")
NO_DOCTOR = gettext_lazy("No doctor of the practice is called this. Write the name as it stands under People.")
TWICE = gettext_lazy("Line %(number)d is the same person.")


@register_importer
class Charts(Importer):
    name = ImportKind.PATIENTS.value
    label = gettext_lazy("Patients")
    one_of = (("name", "last_name"),)
    fields = (
        Field("name", gettext_lazy("Name"), "name fullname patientname patient clientname client vollername"),
        Field("first_name", gettext_lazy("First name"), "firstname givenname forename vorname first"),
        Field("last_name", gettext_lazy("Last name"), "lastname surname familyname nachname last"),
        Field(
            "date_of_birth",
            gettext_lazy("Date of birth"),
            "dateofbirth dob birthdate birthday born geburtsdatum geboren geburtstag",
            is_day=True,
        ),
        Field(
            "phone", gettext_lazy("Phone"), "mobile mobilephone cell cellphone phone phonenumber handy mobil telefon"
        ),
        Field("other_phone", gettext_lazy("Second phone"), "homephone phone2 workphone telephone telefon2 festnetz"),
        Field("email", gettext_lazy("Email"), "email emailaddress mail epost emailadresse"),
        Field("address", gettext_lazy("Address, or the street"), "address street address1 strasse adresse anschrift"),
        Field("city", gettext_lazy("City"), "city town ort stadt"),
        Field("state", gettext_lazy("State"), "state province county bundesland"),
        Field("zip", gettext_lazy("ZIP or postal code"), "zip zipcode postcode postalcode plz"),
        Field("country", gettext_lazy("Country"), "country land"),
        Field("gender", gettext_lazy("Gender"), "gender sex geschlecht"),
        Field("emergency_contact", gettext_lazy("Emergency contact"), "emergencycontact notfallkontakt"),
        Field("blood_type", gettext_lazy("Blood type"), "bloodtype bloodgroup blutgruppe"),
        Field("allergies", gettext_lazy("Allergies"), "allergies allergy allergien"),
        Field("medical_history", gettext_lazy("Medical history"), "medicalhistory history anamnese vorgeschichte"),
        Field("doctor", gettext_lazy("Doctor"), "doctor primarydoctor provider practitioner arzt behandler"),
        Field(
            "number",
            gettext_lazy("Number in the other program"),
            "patientnumber patientid patientno id number mrn chartnumber accountnumber patientennummer nr no nummer",
        ),
    )

    def check(self, lines: list[tuple[int, Cells]], context: Context) -> list[Verdict]:
        rules = IncompleteChartInput()  # built once: that takes longer than to apply it
        verdicts = [self._read(number, cells, context, rules) for number, cells in lines]
        sound = [verdict for verdict in verdicts if verdict.state == LineState.READY]
        for verdict, found in zip(sound, with_matches([one.row for one in sound], by_fact=True), strict=True):
            verdict.candidates = [(match.chart.pk, match.reasons_text) for match in found.matches]
            if verdict.candidates:
                verdict.state = LineState.DOUBLE
        return verdicts

    def _read(self, number: int, cells: Cells, context: Context, rules: IncompleteChartInput) -> Verdict:
        verdict = Verdict(number)
        values: dict[str, Any] = {}
        try:
            values = dict(rules.run_validation(dict(_sent(cells, context, verdict))))
        except ValidationError as refusal:
            for name, errors in cast("dict[str, Any]", refusal.detail).items():
                verdict.wrong(_label_of(name), errors[0])
        if verdict.state == LineState.WRONG:
            return verdict
        values.pop("incomplete", None)
        chart = Patient(**values, status=ChartStatus.CONFIRMED)
        try:
            check_reachable(chart)
        except Invalid as refusal:
            verdict.wrong("", refusal.message)
            return verdict
        if named := cells.get("doctor"):
            chart.primary_doctor = context.doctors.named(named)
            if chart.primary_doctor is None:
                verdict.wrong(self.label_of("doctor"), NO_DOCTOR)
        verdict.row, verdict.row_id, verdict.person = chart, chart.pk, person_key_of(chart)
        verdict.number_key = number_key_of(cells["number"]) if "number" in cells else None
        return verdict

    def make(self, lines: list[tuple[int, UUID, Cells]], context: Context) -> dict[int, str]:
        charts, failed, rules = [], dict[int, str](), IncompleteChartInput()
        for number, row_id, cells in lines:
            verdict = self._read(number, cells, context, rules)
            if verdict.state == LineState.WRONG:
                failed[number] = " ".join(verdict.problems)
            else:
                verdict.row.pk = row_id
                charts.append(verdict.row)
        open_charts(by=context.by, charts=charts)
        return failed

    def untouched(self, ids: list[UUID]) -> Mapping[UUID, Any]:
        rows = Patient.objects.confirmed().filter(pk__in=ids, version=1, user=None, restricted=False)
        found = {chart.pk: chart for chart in rows.only("status", "practice")}
        for used in named_elsewhere(Patient, found, leaving_out={DuplicatePair}):
            found.pop(used, None)
        return found

    def take_back(self, row: Any, *, by: User) -> None:
        deletion.delete(by=by, row=row, reason=_("The import was undone."))


def _sent(cells: Cells, context: Context, verdict: Verdict) -> Iterator[tuple[str, Any]]:
    """Yield what the API would be sent for this line."""
    yield "incomplete", True
    yield "name", cells.get("name") or " ".join(filter(None, (cells.get("first_name"), cells.get("last_name"))))
    yield "phone", _phone_of(cells)
    yield "email", cells.get("email", "")
    yield "address", _address_of(cells)
    yield "emergencyContact", cells.get("emergency_contact", "")
    yield "bloodType", cells.get("blood_type", "")
    yield "allergies", cells.get("allergies", "")
    yield "medicalHistory", cells.get("medical_history", "")
    if text := cells.get("gender"):
        gender = GENDER_OF.get(fold(text).strip(" ."))
        if gender is None:
            verdict.wrong(_("Gender"), NO_GENDER)
        yield "gender", gender or ""
    if text := cells.get("date_of_birth"):
        order, region = context.batch.date_order, context.practice.region
        try:
            yield "dateOfBirth", str(read_day(text, order, region=region, today=context.today, is_birth=True))
        except UnclearDateError as error:
            verdict.wrong(_("Date of birth"), error.sentence)


def _phone_of(cells: Cells) -> str:
    phones = list(dict.fromkeys(filter(None, (cells.get("phone"), cells.get("other_phone")))))
    both = "; ".join(phones)
    return both if len(both) <= MAX_PHONE else phones[0]


def _address_of(cells: Cells) -> str:
    parts = (" ".join(filter(None, (cells.get(name) for name in names))) for names in PARTS_OF_ADDRESS)
    return ", ".join(filter(None, parts))


def _label_of(name: str) -> Sentence:
    """Return what people call a field that the API names."""
    labels = {
        "name": _("Name"),
        "phone": _("Phone"),
        "email": _("Email"),
        "address": _("Address"),
        "dateOfBirth": _("Date of birth"),
        "gender": _("Gender"),
        "emergencyContact": _("Emergency contact"),
        "bloodType": _("Blood type"),
        "allergies": _("Allergies"),
        "medicalHistory": _("Medical history"),
    }
    return labels.get(name, name)
