"""Nobody meets what is deleted: no manager, no relation, no list and no address of the API shows it, whatever it is. A
kind or a route added tomorrow is tried here by itself."""

import io
import zipfile

import pytest
from django.apps import apps

from core.soft_delete import LivingOnly, SoftDeletable, set_deletion, soft_deletable_models
from core.tenancy import practice_scope
from patients.deletions import KINDS, delete
from patients.models import Deletion
from patients.tests.chart_with_all import chart_with_all
from tests.guards.test_routes import LET_IN
from tests.guards.test_trail import NAMES, TELLING, Rows

ID_OF = {
    "patient": "chart_id",
    "appointment": "appointment_id",
    "record": "record_id",
    "session": "note_id",
    "plan": "plan_id",
    "attachment": "attachment_id",
}
TELLS_OF_IT = {
    "api/deleted": "the list of what is deleted",
    "api/audit": "the trail tells what was done with it, by id",
    "api/emergency-accesses": "what somebody has opened waits for its review whatever became of the chart",
    "api/patients/<uuid:chart_id>/legal-hold": "placed on a deleted chart too, for it decides what is purged",
}
READ = [path for method, path in TELLING if method == "GET" and path not in TELLS_OF_IT]


@pytest.fixture
def made(practice, make_user):
    with practice_scope(practice.pk):
        return chart_with_all(make_user("doctor"))


@pytest.mark.parametrize("model", soft_deletable_models(), ids=lambda model: model.__name__)
def test_a_hidden_row_is_seen_by_the_one_manager_alone_that_says_so(practice, made, make_user, model):
    with practice_scope(practice.pk):
        deletion = Deletion.objects.create(
            patient=made.patient, about="x.Y", about_id=made.patient.pk, deleted_by=make_user("admin"), reason="-"
        )
        set_deletion(model.objects.all(), deletion)

        assert not model.objects.exists() and not model._default_manager.exists()
        assert model.with_deleted.count() == model.with_deleted.filter(deletion=deletion).count() > 0
        assert isinstance(model.objects, LivingOnly) and not isinstance(model.with_deleted, LivingOnly)


def test_relations_lead_to_living_rows_alone(practice, made, make_user):
    named = [
        (row, relation.get_accessor_name())
        for row in vars(made).values()
        for relation in row._meta.related_objects
        if issubclass(relation.related_model, SoftDeletable) and relation.get_accessor_name()
    ]
    with practice_scope(practice.pk):
        before = {name for row, name in named if getattr(row, name).exists()}
        delete(by=make_user("admin"), row=made.patient, reason="By mistake")

        assert before
        assert not {name for row, name in named if getattr(row, name).exists()}


def test_every_model_that_can_be_deleted_has_a_kind_and_an_address():
    assert {kind.name for kind in KINDS.values()} == set(ID_OF)
    for kind in KINDS.values():
        assert any(f"<uuid:{ID_OF[kind.name]}>" in path for method, path in LET_IN if method == "DELETE")
        assert any(path.endswith(f"<uuid:{ID_OF[kind.name]}>/restore") for _, path in LET_IN)


def said(answer):
    """All of it, a ZIP's files too."""
    body = b"".join(answer.streaming_content) if answer.streaming else answer.content
    if not body.startswith(b"PK"):
        return body
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        return b"".join(archive.read(name) for name in archive.namelist())


@pytest.mark.parametrize("role", ["admin", "doctor", "staff", "billing"])
@pytest.mark.parametrize("kind", ID_OF)
def test_no_address_shows_what_is_deleted(as_role, make_user, practice, kind, role):
    """Those that name it answer 404, and of the others none names it."""
    rows, reader = Rows(practice, make_user), as_role(role)
    label = next(label for label, known in KINDS.items() if known.name == kind)
    row_id = str(rows.ids[ID_OF[kind]])
    may_read = [path for path in READ if NAMES[role] in LET_IN[("GET", path)]]
    shown = [path for path in may_read if _answer(reader, rows, path).status_code == 200]
    assert shown
    with practice_scope(practice.pk):
        row = apps.get_model(label).objects.get(pk=row_id)
        delete(by=make_user("admin"), row=row, reason="By mistake")

    for path in shown:
        answer = _answer(reader, rows, path)
        assert answer.status_code == (404 if kind in _needs(path) else 200), path
        assert row_id.encode() not in said(answer), path


def _answer(client, rows, path):
    query = f"?patientId={rows.chart.pk}" if path == "api/sessions/last-finalised" else ""
    return client.get(rows.address(path).partition("?")[0] + query)


def _needs(path):
    """Kinds of which a living row stands behind the address: what is in a chart needs the chart."""
    kinds = {kind for kind, name in ID_OF.items() if f"<uuid:{name}>" in path}
    kinds |= {"session"} if path == "api/sessions/last-finalised" else set()
    return kinds | {"patient"} if kinds else kinds
