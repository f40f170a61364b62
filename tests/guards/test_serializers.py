"""No serializer takes all fields of a model; the fields withheld from a chart are listed and exist."""

import ast
from pathlib import Path

import pytest
from django.urls import get_resolver
from django.utils import timezone
from rest_framework import serializers

from patients.models import Patient
from patients.registrations.matching import Match, Registration
from patients.registrations.serializers import MatchShape, RegistrationShape
from patients.serializers import Chart, ChartBrief

ROOT = Path(__file__).resolve().parent.parent.parent
APPS = {path.parent.name for path in ROOT.glob("*/__init__.py")} - {"tests", "bench"}
NOW = timezone.now()
OPEN = Patient(name="Ada", created_at=NOW)
RESTRICTED = Patient(name="Ada", email="ada@example.com", phone="555 0100", created_at=NOW, restricted=True)


@pytest.mark.parametrize(
    ("shown", "shape"),
    [
        (ChartBrief.to_dict(RESTRICTED), ChartBrief),
        (Chart.to_dict(RESTRICTED), Chart),
        (Chart.contact_only(OPEN), Chart),
        (Chart.contact_only(RESTRICTED), Chart),
        (MatchShape.to_dict(Match(RESTRICTED, [])), MatchShape),
        (RegistrationShape.to_dict(Registration(RESTRICTED, [Match(OPEN, [])])), RegistrationShape),
        (RegistrationShape.to_dict(Registration(OPEN, [])), RegistrationShape),
    ],
)
def test_chart_of_which_something_is_withheld_has_the_fields_of_its_schema_in_their_order(shown, shape):
    fields = shape().fields

    assert list(shown) == [name for name in fields if name in shown]
    assert {name for name, field in fields.items() if field.required} <= set(shown)


@pytest.mark.parametrize(
    "shown", [ChartBrief.to_dict(RESTRICTED), Chart.to_dict(RESTRICTED), MatchShape.to_dict(Match(RESTRICTED, []))]
)
def test_of_a_closed_chart_nothing_but_the_name_is_shown(shown):
    assert {name for name, value in shown.items() if value} <= {"id", "name", "created_at", "restricted"}


def test_no_serializer_takes_all_fields_of_a_model():
    files = [path for app in APPS for path in (ROOT / app).rglob("*.py") if "tests" not in path.parts]
    assert len(files) > 200
    for path in files:
        strings = {node.value for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Constant)}
        assert "__all__" not in strings, path

    def subclasses(base):
        return {base, *(deeper for child in base.__subclasses__() for deeper in subclasses(child))}

    assert get_resolver().url_patterns  # imports every view, and with it every serializer
    models = [s for s in subclasses(serializers.ModelSerializer) if s.__module__.split(".")[0] in APPS]
    assert models == []
