"""Each model is scoped to a practice, each field is classified, PHI is encrypted, and no `str()` contains a name."""

import pytest
from auditlog.diff import model_instance_diff
from django.apps import apps
from django.db.models import BinaryField, CharField, DateTimeField, JSONField, TextField

from audit.auditlog_adapter import fields_of_new
from core.encryption.fields import EncryptedFieldMixin
from core.tenancy.models import PracticeModel
from core.tenancy.scope import ScopeError, practice_scope
from patients.tests.factories import PatientFactory
from tests.guards.fields import (
    ENCRYPTED,
    ENCRYPTED_OTHERWISE,
    FIELDS,
    LABELS,
    LED_TO,
    OF_EVERY_MODEL,
    OURS,
    PERSONAL_FIELDS,
    PHI,
    PLAIN,
    SECRET,
    SECRETS,
    WHY_PLAIN,
)

NOT_SCOPED = {
    "practices.Practice": "the tenant itself",
    "accounts.LoginSession": "read before a practice is known; only ever reached through its user",
    "accounts.Authenticator": "like a session: needed before a practice is known, reached through its user",
    "accounts.Passkey": "the same",
    "accounts.PasskeyChallenge": "the same",
    "accounts.RecoveryCode": "the same",
    "notifications.Job": "the worker takes those of every practice; the database walls them by practice",
    "notifications.Schedule": "of the installation: when the worker does what",
    "backups.Run": "of the installation: when it was backed up",
    "records.FormCode": "read before a practice is known: a tablet on which nobody is signed in; holds ids alone",
    "audit.Event": "the trail outlives what it tells of; the database walls it by practice",
    "audit.Subject": "derived from the trail's events",
    "audit.Unsealed": "a queue of the trail's events",
    "audit.Seal": "the seals of the trail",
    "admin.LogEntry": "Django's; the admin site writes none of ours into it",
    "auth.Group": "Django's; roles are in accounts/roles.py, nothing uses groups",
    "auth.Permission": "Django's; permissions are in accounts/roles.py",
    "contenttypes.ContentType": "Django's list of models",
    "sessions.Session": "Django's, for the admin site; signed-in users, no patients",
    "axes.AccessAttempt": "django-axes'; the handler of accounts/sign_in/lockout.py writes none",
    "axes.AccessAttemptExpiration": "django-axes'; the handler of accounts/sign_in/lockout.py writes none",
    "axes.AccessFailureLog": "django-axes'; the handler of accounts/sign_in/lockout.py writes none",
    "axes.AccessLog": "django-axes'; the handler of accounts/sign_in/lockout.py writes none",
}
SCOPED = [model for model in apps.get_models() if issubclass(model, PracticeModel)]


def test_every_model_belongs_to_a_practice_or_says_why_not():
    unscoped = {model._meta.label for model in apps.get_models() if not issubclass(model, PracticeModel)}

    new, gone = sorted(unscoped - set(NOT_SCOPED)), sorted(set(NOT_SCOPED) - unscoped)
    assert new == [], "inherit PracticeModel, or say in NOT_SCOPED why not"
    assert gone == [], "no model without a practice is called so: remove it from NOT_SCOPED"


def names(model):
    return {field.name for field in model._meta.get_fields() if field.concrete}


def test_every_field_of_ours_is_classified():
    found = {f"{model._meta.label}.{name}" for model in OURS for name in names(model)}
    listed = {f"{label}.{name}" for label, kinds in FIELDS.items() for name in kinds}

    new, gone = sorted(found - listed), sorted(listed - found)
    assert new == [], "classify it in PLAIN or ENCRYPTED (tests/guards/fields.py)"
    gone += sorted({*PERSONAL_FIELDS, *SECRETS, *WHY_PLAIN} - found)
    assert gone == [], "no model has it any more: remove it (tests/guards/fields.py)"


def test_every_classified_model_exists_and_no_field_is_in_both_lists():
    gone = sorted({*PLAIN, *ENCRYPTED} - {model._meta.label for model in OURS})
    assert gone == [], "no model is called so: remove it from PLAIN or ENCRYPTED (tests/guards/fields.py)"
    plain = {f"{label}.{name}" for label, fields in PLAIN.items() for name in fields.split()}
    assert sorted(plain & {*LABELS, *ENCRYPTED_OTHERWISE}) == [], "encrypted: remove it from PLAIN"


def test_relations_lead_to_known_models():
    found: dict[str, list[str]] = {}
    for model in OURS:
        for field in model._meta.get_fields():
            if field.concrete and field.is_relation:
                found.setdefault(field.related_model._meta.label, []).append(f"{model._meta.label}.{field.name}")

    new = {label: fields for label, fields in found.items() if label not in LED_TO}
    assert new == {}, "if which row is named tells nothing about a patient's health: LED_TO (tests/guards/fields.py)"
    assert sorted(LED_TO - set(found)) == [], "nothing leads there any more: remove it from LED_TO"


def _refers_to(model, models):
    return any(field.concrete and field.related_model in models for field in model._meta.get_fields())


def test_plain_text_of_a_patients_row_says_why():
    of_patients = {model for model in OURS if getattr(model, "patient_field", None)}
    while parts := {model for model in OURS if _refers_to(model, of_patients)} - of_patients:
        of_patients |= parts
    fields = {
        f"{model._meta.label}.{field.name}"
        for model in of_patients
        for field in model._meta.fields
        if isinstance(field, BinaryField | CharField | JSONField | TextField)
        and not isinstance(field, EncryptedFieldMixin)
        and not (field.choices or field.is_relation or field.name in OF_EVERY_MODEL)
    }
    unexplained = sorted(fields - {*ENCRYPTED_OTHERWISE, *PERSONAL_FIELDS, *WHY_PLAIN})
    assert unexplained == [], "use a field of core/encryption/fields.py, or say in WHY_PLAIN why it may be in plain"


def test_exactly_the_phi_fields_are_encrypted(subtests):
    for model in OURS:
        with subtests.test(model=model._meta.label):
            kinds = FIELDS[model._meta.label]

            encrypted = {field.name for field in model._meta.fields if isinstance(field, EncryptedFieldMixin)}

            phi = {name for name, kind in kinds.items() if kind in (PHI, SECRET)}
            phi = {name for name in phi if f"{model._meta.label}.{name}" not in ENCRYPTED_OTHERWISE}
            plain, unnamed = sorted(phi - encrypted), sorted(encrypted - phi)
            assert plain == [], "phi or secret: use a field of core/encryption/fields.py"
            assert unnamed == [], "encrypted: name it in ENCRYPTED (tests/guards/fields.py)"


def test_otherwise_encrypted_fields_are_phi():
    for label in ENCRYPTED_OTHERWISE:
        model, _, name = label.rpartition(".")
        assert FIELDS[model][name] == PHI


def test_labels_of_encrypted_fields_never_change():
    found = {
        f"{model._meta.label}.{field.name}": field.label
        for model in apps.get_models()
        for field in model._meta.fields
        if isinstance(field, EncryptedFieldMixin)
    }

    changed = sorted(name for name, label in LABELS.items() if found.get(name) != label)
    assert changed == [], (
        "a label never changes, or what is stored under it could not be decrypted. A renamed model or field keeps its "
        "label; change its name alone in ENCRYPTED (tests/guards/fields.py)"
    )
    new = sorted(set(found) - set(LABELS))
    assert new == [], "a new encrypted field: add it and its label to ENCRYPTED (tests/guards/fields.py)"
    assert len(set(LABELS.values())) == len(LABELS)


def test_str_shows_no_phi(subtests):
    for model in OURS:
        with subtests.test(model=model._meta.label):
            phi = [name for name, kind in FIELDS[model._meta.label].items() if kind == PHI]
            instance = model(**{name: f"Marked {name}" for name in phi})

            assert "Marked" not in str(instance)
            assert "Marked" not in repr(instance)


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
def test_queries_without_a_scope_fail(subtests, db, touch):
    for model in SCOPED:
        with subtests.test(model=model._meta.label), pytest.raises(ScopeError):
            touch(model)


def test_row_of_another_practice_cannot_be_stored(subtests, db, practice, other_practice):
    for model in SCOPED:
        with subtests.test(model=model._meta.label):
            with practice_scope(practice.pk), pytest.raises(ScopeError):
                model(practice=other_practice).save()
            with practice_scope(practice.pk), pytest.raises(ScopeError):
                model.objects.bulk_create([model(practice=other_practice)])
            with practice_scope(practice.pk), pytest.raises(ScopeError):
                model.objects.all().update(practice=other_practice)


def test_chart_read_in_another_scope_cannot_be_saved(db, practice, other_practice):
    with practice_scope(other_practice.pk):
        foreign = PatientFactory()
    with practice_scope(practice.pk), pytest.raises(ScopeError):
        foreign.save()
    with practice_scope(practice.pk), pytest.raises(ScopeError):
        foreign.delete()


def test_event_of_a_new_row_names_the_fields_that_django_auditlog_would(subtests):
    """audit/auditlog_adapter.py reads them in a tenth of the calls."""
    followed = [model for model in apps.get_models() if getattr(model, "audited", False)]
    for model in followed:
        with subtests.test(model=model.__name__):
            empty, filled = model(), model()
            for field in model._meta.concrete_fields:
                if not field.is_relation and not field.primary_key:
                    is_empty = getattr(filled, field.attname) is None and not isinstance(field, DateTimeField)
                    if is_empty:
                        setattr(filled, field.attname, "1")
            for row in (empty, filled):
                assert fields_of_new(row) == sorted(model_instance_diff(None, row))
    assert len(followed) > 40
