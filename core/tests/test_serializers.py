"""How an answer is built from the declared fields of its serializer."""

from types import SimpleNamespace

import pytest
from rest_framework import serializers

from core.api.serializers import OutputSerializer
from core.encryption.keyring import DecryptionError


class Person(OutputSerializer):
    name = serializers.CharField()


class Visit(OutputSerializer):
    id = serializers.IntegerField()
    doctorName = serializers.CharField(source="doctor.name")
    state = serializers.CharField()
    doctor = Person()
    heading = Person(source="*")
    guests = Person(many=True)
    raw = serializers.DictField(source="details")
    office = serializers.CharField(required=False)
    note = serializers.CharField(required=False, allow_null=True)

    @staticmethod
    def get_state(visit):
        return "over" if visit.over else "due"


class FollowUp(Visit):
    office = serializers.CharField(allow_null=True)
    after = serializers.IntegerField(source="after_id")

    @staticmethod
    def get_after_id(visit):
        return visit.id - 1


def visit(**changed):
    person = SimpleNamespace(name="Ada")
    fields = {"id": 7, "name": "First", "doctor": person, "over": True, "guests": [person], "details": {"a": 1}}
    return SimpleNamespace(**{**fields, "office": None, "note": None, **changed})


def test_fields_are_attributes_methods_and_shapes_in_the_declared_order():
    assert list(Visit.to_dict(visit(office="Midtown")).items()) == [
        ("id", 7),
        ("doctorName", "Ada"),
        ("state", "over"),
        ("doctor", {"name": "Ada"}),
        ("heading", {"name": "First"}),
        ("guests", [{"name": "Ada"}]),
        ("raw", {"a": 1}),
        ("office", "Midtown"),
        ("note", None),
    ]


def test_optional_fields_are_left_out_and_nullable_ones_are_not():
    shown = Visit.to_dict(visit())

    assert "office" not in shown
    assert shown["note"] is None


def test_subclass_adds_fields_and_replaces_them():
    shown = FollowUp.to_dict(visit())

    assert list(shown) == list(FollowUp().fields)
    assert (shown["office"], shown["after"], shown["state"]) == (None, 6, "over")


def test_drf_renders_the_same():
    assert Visit(visit()).data == Visit.to_dict(visit())


def test_field_that_the_row_does_not_have_is_an_error():
    with pytest.raises(AttributeError, match="doctor"):
        Visit.to_dict(SimpleNamespace(id=7))


def test_row_that_cannot_be_decrypted_is_rendered_with_marks():
    read = []

    class Damaged:
        @property
        def name(self):
            read.append("name")
            if len(read) == 1:
                raise DecryptionError("person.name", "damaged")
            return "unreadable"

    assert Person.to_dict(Damaged()) == {"name": "unreadable"}
    read.clear()
    with pytest.raises(DecryptionError):
        Person.to_dict_or_raise(Damaged())
