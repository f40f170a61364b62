"""Templates and phrases for notes, through the API and on their pages."""

from types import SimpleNamespace

import orjson
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from appointments.tests.factories import AppointmentFactory, AppointmentTypeFactory
from core.tenancy.scope import practice_scope
from patients.tests.factories import PatientFactory
from records.models import NoteTemplate, Phrase
from records.tests.factories import NoteTemplateFactory, PhraseFactory

TEMPLATES, PHRASES = "/api/note-templates", "/api/phrases"


@pytest.fixture
def clinic(practice, as_role):
    return SimpleNamespace(
        practice=practice, doctor=as_role("doctor"), colleague=as_role("doctor"), manager=as_role("admin")
    )


def post(client, path, body):
    return client.post(path, body, content_type="application/json")


def names(client):
    return [row["name"] for row in client.get(TEMPLATES).json()["noteTemplates"]]


def test_own_are_seen_by_nobody_else_and_shared_by_all(clinic):
    own = post(clinic.doctor, TEMPLATES, {"name": "Knee", "texts": {"plan": "Rest"}})
    assert own.status_code == 201
    assert own.json() == {
        "id": own.json()["id"],
        "name": "Knee",
        "shared": False,
        "texts": {"plan": "Rest"},
        "prompts": {},
        "appointmentTypeId": None,
        "version": 1,
    }
    post(clinic.manager, TEMPLATES, {"name": "First visit"})
    assert post(clinic.manager, TEMPLATES, {"name": "Mine", "shared": False}).json()["errors"].keys() == {"shared"}
    assert (names(clinic.doctor), names(clinic.colleague)) == (["First visit", "Knee"], ["First visit"])
    address = f"{TEMPLATES}/{own.json()['id']}"
    for other in (clinic.colleague, clinic.manager):
        assert other.get(address).status_code == 404
        assert other.patch(address, {"name": "x"}, content_type="application/json").status_code == 404
        assert other.delete(address).status_code == 404
    changed = clinic.doctor.patch(address, {"prompts": {"plan": "Until when?"}}, content_type="application/json")
    assert changed.json() == {**own.json(), "prompts": {"plan": "Until when?"}, "version": 2}
    assert clinic.doctor.delete(address).status_code == 204
    assert names(clinic.doctor) == ["First visit"]


def test_names_words_and_types_are_taken_once_for_each_owner(clinic, subtests):
    with practice_scope(clinic.practice.pk):
        kind = AppointmentTypeFactory()
    first = {"name": "Knee", "appointmentTypeId": str(kind.pk)}
    assert post(clinic.doctor, TEMPLATES, first).status_code == 201
    assert post(clinic.colleague, TEMPLATES, first).status_code == 201
    assert post(clinic.doctor, TEMPLATES, {**first, "shared": True}).status_code == 201
    assert post(clinic.doctor, PHRASES, {"word": "nka", "text": "No known allergies"}).status_code == 201
    for path, body, status in (
        (TEMPLATES, {"name": "KNEE"}, 409),
        (TEMPLATES, {**first, "name": "Hip"}, 409),
        (TEMPLATES, {"name": "Hip", "appointmentTypeId": "01a1fd58-089a-7324-97d4-53641105868a"}, 404),
        (TEMPLATES, {"name": "Hip", "texts": {"plans": "x"}}, 400),
        (TEMPLATES, {"name": "Hip", "texts": {"plan": "x" * 5001}}, 400),
        (PHRASES, {"word": "NKA", "text": "x"}, 409),
        (PHRASES, {"word": "two words", "text": "x"}, 400),
        (PHRASES, {"word": "x"}, 400),
    ):
        with subtests.test(body=body):
            assert post(clinic.doctor, path, body).status_code == status


def test_note_begins_with_the_template_of_its_visit(enter_as, practice):
    client = enter_as("doctor")
    with practice_scope(practice.pk):
        chart, kind = PatientFactory(), AppointmentTypeFactory(name="First visit")
        visit = AppointmentFactory(patient=chart, doctor=client.user, type=kind)
        NoteTemplateFactory(name="Practice", appointment_type=kind, texts={"plan": "Of the practice"})
        PhraseFactory(word="nka")
    new = reverse("note-new", args=[chart.pk])
    page = client.get(new, {"visit": visit.pk}).content.decode()
    assert "Of the practice</textarea>" in page
    assert 'data-word="nka"' in page
    with practice_scope(practice.pk):
        NoteTemplateFactory(
            name="Own", appointment_type=kind, doctor=client.user, texts={"plan": "My own"}, prompts={"plan": "When?"}
        )
    page = client.get(new, {"visit": visit.pk}).content.decode()
    assert "My own</textarea>" in page
    assert 'placeholder="When?"' in page
    assert "My own</textarea>" not in client.get(new).content.decode()


def test_pages_keep_export_and_import_them(enter_as, practice, other_practice, make_user, subtests):
    client, manager, listed = enter_as("doctor"), enter_as("admin"), reverse("note-templates")
    assert client.post(reverse("note-template-new"), {"name": "Knee", "plan": "Rest\r\nIce"}).url == listed
    assert manager.post(reverse("phrase-new"), {"word": "nka", "text": "No known allergies"}).url == listed
    taken = client.post(reverse("note-template-new"), {"name": "knee"}).content.decode()
    assert "There is already a template with this name. Choose another name." in taken
    with practice_scope(practice.pk):
        template, phrase = NoteTemplate.objects.get(), Phrase.objects.get()
    assert (template.texts["plan"], template.doctor_id, phrase.is_shared) == ("Rest\nIce", client.user.pk, True)
    page = client.get(listed).content.decode()
    assert ("Only yours" in page, "/nka" in page) == (True, True)
    assert "Knee" not in manager.get(listed).content.decode()
    edit = reverse("note-template-edit", args=[template.pk])
    assert "Rest\nIce</textarea>" in client.get(edit).content.decode()
    assert client.post(edit, {"name": "Knee", "plan": "Rest"}).url == listed
    assert manager.get(edit).status_code == 404

    exported = client.get(reverse("note-templates-export")).content
    assert orjson.loads(exported)["phrases"] == [{"word": "nka", "text": "No known allergies"}]
    other = enter_as("admin", practice=other_practice)
    for _twice in range(2):
        file = SimpleUploadedFile("note-templates.json", exported)
        said = other.post(reverse("note-templates-import"), {"file": file}).content.decode()
        assert "2 templates and phrases imported." in said
    with practice_scope(other_practice.pk):
        assert [(each.name, each.is_shared, each.texts["plan"]) for each in NoteTemplate.objects.all()] == [
            ("Knee", True, "Rest")
        ]
    for wrong in (b"{", b"[]", b'{"phrases": [{"word": "a b", "text": "x"}]}', b""):
        with subtests.test(file=wrong):
            answer = other.post(reverse("note-templates-import"), {"file": SimpleUploadedFile("x.json", wrong)})
            assert "This is not a file of templates and phrases." in answer.content.decode()

    assert manager.post(reverse("phrase-remove", args=[phrase.pk])).url == listed
    assert manager.post(reverse("note-template-remove", args=[template.pk])).status_code == 404
    assert enter_as("staff").get(listed).status_code == 403


def test_what_was_removed_is_put_back_unless_its_word_is_taken(clinic, enter_as):
    client, listed = enter_as("admin"), reverse("note-templates")
    with practice_scope(clinic.practice.pk):
        phrase = PhraseFactory(word="knees", text="No known allergies")
    remove = reverse("phrase-remove", args=[phrase.pk])
    said = client.post(remove, follow=True).content.decode()
    assert f'action="{remove}"' in said and "/knees" not in said
    assert clinic.doctor.get(f"{PHRASES}/{phrase.pk}").status_code == 404
    assert enter_as("staff").post(remove, {"undo": "1"}).status_code == 403
    back = client.post(remove, {"undo": "1"}, follow=True).content.decode()
    assert "Put back: knees." in back and "/knees" in back
    client.post(remove)
    assert client.post(reverse("phrase-new"), {"word": "KNEES", "text": "None"}).url == listed
    taken = client.post(remove, {"undo": "1"})
    assert (
        taken.status_code == 409
        and "There is already a phrase for this word. Choose another word." in taken.content.decode()
    )


def test_page_of_another_version_changes_nothing(clinic, enter_as):
    with practice_scope(clinic.practice.pk):
        phrase = PhraseFactory(word="nka", text="No known allergies")
    client, address = enter_as("admin"), reverse("phrase-edit", args=[phrase.pk])
    assert 'name="version" value="1"' in client.get(address).content.decode()
    saved = client.post(address, {"word": "nka", "text": "None known", "version": "1"}, follow=True)
    assert "Saved: nka." in saved.content.decode()
    stale = client.post(address, {"word": "nka", "text": "Nothing", "version": "1"}).content.decode()
    assert "Someone else changed this while you were editing." in stale and "Nothing" in stale
    assert 'name="version" value="2"' in stale  # having seen that, they may save over it
    with practice_scope(clinic.practice.pk):
        assert Phrase.objects.get(pk=phrase.pk).text == "None known"
