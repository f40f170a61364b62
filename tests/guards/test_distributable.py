"""Every practice's table can be distributed by practice (Citus; docs/scaling.md): what must be unique is so within a
practice, and no row refers to another practice's. No Citus was tried: its package could not be had here."""

import pytest
from django.apps import apps
from django.db import models
from django.db.models import F

pytestmark = pytest.mark.embedded
# Unique across all practices, or by something that names no row of the practice -> what becomes of it when distributed.
ACROSS = {
    "accounts.User.email_index": "signing in looks it up before a practice is known: a directory of its own",
    "accounts.ApiKey.prefix": "the same",
    "accounts.Invitation.token_hash": "random; the same",
    "accounts.JoinCode.code_index": "the same",
    "records.Attachment.storage_name": "random, so unique with the practice as well",
    "records.FormCode.fingerprint": "the same",
    "records.FormCode.form_id": "the id of a row, so unique with the practice as well",
    "notifications.Job.job_once": "its key has the ids of rows in it, so unique with the practice as well",
    "patients.Deletion.deletion_once": "the id of a row, so unique with the practice as well",
}
# Without a practice -> where it stays.
OF_THE_INSTALLATION = {
    "admin.LogEntry": "unused",
    "accounts.Authenticator": "of a person, who is looked up before a practice is known: with the directory",
    "accounts.Passkey": "the same",
    "accounts.PasskeyChallenge": "the same",
    "accounts.RecoveryCode": "the same",
    "accounts.LoginSession": "the same",
    "auth.Permission": "Django's own",
    "auth.Group_permissions": "Django's own",
    "auth.Group": "Django's own",
    "contenttypes.ContentType": "Django's own",
    "sessions.Session": "of the admin site, by a random key: with the directory",
    "axes.AccessAttempt": "unused: Redis counts",
    "axes.AccessAttemptExpiration": "the same",
    "axes.AccessFailureLog": "the same",
    "axes.AccessLog": "the same",
    "practices.Practice": "the tenant itself: on every node",
    "notifications.Schedule": "a row for each kind of job",
    "backups.Run": "of the whole installation",
}


def tables():
    return [each for each in apps.get_models(include_auto_created=True) if each._meta.managed and not each._meta.proxy]


def is_of_a_practice(model) -> bool:
    return any(field.attname == "practice_id" for field in model._meta.local_concrete_fields)


def rows_of_the_practice(model, names) -> bool:
    """Whether one of these fields is the practice, or a row that belongs to it: with the practice added, the constraint
    means what it did."""
    fields = [model._meta.get_field(name) for name in names]
    return any(
        field.attname == "practice_id" or (field.remote_field and is_of_a_practice(field.related_model))
        for field in fields
    )


def parts_of(expression):
    """The expression and all in it; a plain F has no parts."""
    yield expression
    for part in getattr(expression, "get_source_expressions", list)():
        yield from parts_of(part)


def constraint_names(constraint) -> set[str]:
    named = {part.name for each in constraint.expressions for part in parts_of(each) if isinstance(part, F)}
    return {*constraint.fields, *named}


def test_what_is_unique_is_unique_within_a_practice():
    across = set()
    for model in filter(is_of_a_practice, tables()):
        assert model._meta.pk.name in ("id", "pk", "event_id") and not model._meta.unique_together, model
        for field in model._meta.local_concrete_fields:
            if field.unique and not field.primary_key and not rows_of_the_practice(model, [field.name]):
                across.add(f"{model._meta.label}.{field.name}")
        for constraint in model._meta.constraints:
            is_unique = isinstance(constraint, models.UniqueConstraint)
            if is_unique and not rows_of_the_practice(model, constraint_names(constraint)):
                across.add(f"{model._meta.label}.{constraint.name}")
    assert across == set(ACROSS)


def test_no_row_refers_to_what_another_node_may_have():
    """A foreign key with the practice in it leads to the same node; one to the practice itself, to a table that every
    node has."""
    leading_out = {
        f"{model._meta.label}.{field.name}"
        for model in filter(is_of_a_practice, tables())
        for field in model._meta.local_concrete_fields
        if field.remote_field and field.name != "practice" and not is_of_a_practice(field.related_model)
    }
    assert leading_out == set()


def test_tables_without_a_practice_are_known():
    assert {model._meta.label for model in tables() if not is_of_a_practice(model)} == set(OF_THE_INSTALLATION)
