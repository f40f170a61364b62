"""Nobody forgets: each model is scoped, each field classified, PHI encrypted, no name in a `str()`."""

import pytest
from django.apps import apps

from core.encryption.fields import EncryptedFieldMixin
from core.tenancy import PracticeModel, ScopeError, practice_scope
from patients.tests.factories import PatientFactory
from tests.guards.fields import ENCRYPTED_OTHERWISE, FIELDS, LABELS, PHI, SECRET

OUR_APPS = {"core", "practices", "accounts", "patients", "appointments", "records", "dashboard", "billing", "audit"}
OURS = [model for model in apps.get_models() if model.__module__.split(".")[0] in OUR_APPS]
NOT_SCOPED = {
    "practices.Practice": "the tenant itself",
    "accounts.Session": "read before a practice is known; only ever reached through its user",
    "accounts.Authenticator": "like a session: needed before a practice is known, reached through its user",
    "accounts.Passkey": "the same",
    "accounts.PasskeyChallenge": "the same",
    "accounts.RecoveryCode": "the same",
    "audit.Event": "the trail outlives what it tells of; the database walls it by practice",
    "audit.Subject": "derived from the trail's events",
    "audit.Unsealed": "a queue of the trail's events",
    "audit.Seal": "the seals of the trail",
    "admin.LogEntry": "Django's; the admin site writes none of ours into it",
    "auth.Group": "Django's; roles are in accounts/roles.py, nothing uses groups",
    "auth.Permission": "Django's; permissions are in accounts/roles.py",
    "contenttypes.ContentType": "Django's list of models",
    "sessions.Session": "Django's, for the admin site; signed-in users, no patients",
    "axes.AccessAttempt": "django-axes'; the handler of accounts/lockout.py writes none",
    "axes.AccessAttemptExpiration": "django-axes'; the handler of accounts/lockout.py writes none",
    "axes.AccessFailureLog": "django-axes'; the handler of accounts/lockout.py writes none",
    "axes.AccessLog": "django-axes'; the handler of accounts/lockout.py writes none",
}
SCOPED = [model for model in apps.get_models() if issubclass(model, PracticeModel)]


def test_every_model_belongs_to_a_practice_or_says_why_not():
    unscoped = {model._meta.label for model in apps.get_models() if not issubclass(model, PracticeModel)}

    assert unscoped == set(NOT_SCOPED)


def names(model):
    return {field.name for field in model._meta.get_fields() if field.concrete}


def test_every_field_of_ours_is_classified():
    assert {model._meta.label: names(model) for model in OURS} == {label: set(kinds) for label, kinds in FIELDS.items()}


@pytest.mark.parametrize("model", OURS, ids=lambda model: model._meta.label)
def test_what_is_phi_and_only_that_is_encrypted(model):
    kinds = FIELDS[model._meta.label]

    encrypted = {field.name for field in model._meta.fields if isinstance(field, EncryptedFieldMixin)}

    phi = {name for name, kind in kinds.items() if kind in (PHI, SECRET)}
    assert encrypted == {name for name in phi if f"{model._meta.label}.{name}" not in ENCRYPTED_OTHERWISE}


def test_what_is_encrypted_otherwise_is_phi():
    for label in ENCRYPTED_OTHERWISE:
        model, _, name = label.rpartition(".")
        assert FIELDS[model][name] == PHI


def test_the_labels_of_encrypted_fields_are_these_for_ever():
    found = {
        f"{model._meta.label}.{field.name}": field.label
        for model in apps.get_models()
        for field in model._meta.fields
        if isinstance(field, EncryptedFieldMixin)
    }

    assert found == LABELS
    assert len(set(LABELS.values())) == len(LABELS)


@pytest.mark.parametrize("model", OURS, ids=lambda model: model._meta.label)
def test_str_shows_no_phi(model):
    phi = [name for name, kind in FIELDS[model._meta.label].items() if kind == PHI]
    instance = model(**{name: f"Marked {name}" for name in phi})

    assert "Marked" not in str(instance)
    assert "Marked" not in repr(instance)


@pytest.mark.parametrize("model", SCOPED, ids=lambda model: model._meta.label)
@pytest.mark.parametrize(
    "touch",
    [
        pytest.param(lambda model: list(model.objects.all()), id="all"),
        pytest.param(lambda model: model.objects.filter(pk=None).first(), id="filter"),
        pytest.param(lambda model: model.objects.count(), id="count"),
        pytest.param(lambda model: model.objects.exists(), id="exists"),
        pytest.param(lambda model: model.objects.create(), id="create"),
        pytest.param(lambda model: model.objects.get_or_create(pk=None), id="get_or_create"),
        pytest.param(lambda model: model.objects.bulk_create([model()]), id="bulk_create"),
        pytest.param(lambda model: model.objects.update(), id="update"),
        pytest.param(lambda model: model.objects.bulk_update([model()], ["updated_at"]), id="bulk_update"),
        pytest.param(lambda model: model.objects.all().delete(), id="delete"),
        pytest.param(lambda model: model().save(), id="save"),
    ],
)
def test_without_a_scope_nothing_is_read_or_written(db, model, touch):
    with pytest.raises(ScopeError):
        touch(model)


@pytest.mark.parametrize("model", SCOPED, ids=lambda model: model._meta.label)
def test_a_row_of_another_practice_cannot_be_stored(db, practice, other_practice, model):
    with practice_scope(practice.pk), pytest.raises(ScopeError):
        model(practice=other_practice).save()
    with practice_scope(practice.pk), pytest.raises(ScopeError):
        model.objects.bulk_create([model(practice=other_practice)])
    with practice_scope(practice.pk), pytest.raises(ScopeError):
        model.objects.all().update(practice=other_practice)


def test_a_chart_that_was_read_elsewhere_cannot_be_saved_here(db, practice, other_practice):
    with practice_scope(other_practice.pk):
        foreign = PatientFactory()
    with practice_scope(practice.pk), pytest.raises(ScopeError):
        foreign.save()
    with practice_scope(practice.pk), pytest.raises(ScopeError):
        foreign.delete()
