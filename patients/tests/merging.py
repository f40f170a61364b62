"""Merging two charts over HTTP, and what they hold."""

from accounts.tests.second_factors import post
from audit.tests.whole_trail import whole_trail
from core.tenancy.scope import practice_scope
from patients.chart_rows import rows_of
from patients.models import Patient

KNOWN = {"name": "Ada Lovelace", "phone": "+1 212 555 0104", "email": "", "allergies": "Latex"}


TWICE = {"name": "Ada King", "phone": "+1 212 555 0199", "email": "ada@example.org", "allergies": "Penicillin"}


def merge(client, into, source, **more):
    return post(client, f"/api/patients/{into.pk}/merge", {"from": str(source.pk), **more})


def undo(client, into, source):
    return post(client, f"/api/patients/{into.pk}/merge/undo", {"from": str(source.pk)})


def now(chart):
    with practice_scope(chart.practice_id):
        return Patient.objects.get(pk=chart.pk)


def counts(chart):
    with practice_scope(chart.practice_id):
        return {relation.related_model: rows.count() for relation, rows in rows_of(chart) if rows.count()}


def says(chart):
    fields = ("name", "phone", "email", "allergies", "status", "user_id", "merged_into_id")
    return {name: getattr(now(chart), name) for name in fields}


def logged(kind):
    return list(whole_trail().filter(kind=kind, outcome="done"))
