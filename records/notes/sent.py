"""What the editor's script sends, and what it is answered (dashboard/static/praxis/notes/). A request whose answer was
lost is sent again as it was: it is recognised by its texts, and is no conflict."""

from collections.abc import Mapping
from typing import Any

import orjson
from django.http import HttpRequest, JsonResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from rest_framework.serializers import Serializer

from core.errors import Invalid, Refusal
from core.formats import format_time
from records.models import SessionNote
from records.models.note import SECTIONS

MALFORMED = _("The request is malformed.")


def body_of(request: HttpRequest) -> dict[str, Any]:
    """Return the JSON object that was sent. Raises Refusal."""
    try:
        body = orjson.loads(request.body)
    except orjson.JSONDecodeError:
        body = None
    if not isinstance(body, dict):
        raise Refusal(MALFORMED)
    return body


def checked(serializer: type[Serializer[Any]], body: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values as the API would read them. Raises Invalid for the first that is wrong."""
    sent = serializer(data=body)
    if not sent.is_valid():
        name, errors = next(iter(sent.errors.items()))
        raise Invalid(name, str(errors[0]))
    return dict(sent.validated_data)


def says_the_same(note: Mapping[str, Any], sent: Mapping[str, Any]) -> bool:
    """Return whether the note already has every text that was sent."""
    return all(note[name] == sent[name] for name in SECTIONS if name in sent)


def stored_answer(note: Mapping[str, Any]) -> JsonResponse:
    """Say when a note was stored, and where it is saved from now on."""
    return JsonResponse(
        {
            "version": note["version"],
            "said": gettext("Saved %(time)s") % {"time": format_time(timezone.localtime().time())},
            "edit": reverse("note-edit", args=[note["id"]]),
            "save": reverse("note-save", args=[note["id"]]),
            "review": reverse("note-review", args=[note["id"]]),
        }
    )


def conflict_answer(note: SessionNote) -> JsonResponse:
    """Show the note as it is now, to be compared with what was sent."""
    changed = {"time": format_time(timezone.localtime(note.updated_at).time())}
    if note.finalised_at is None:
        said = gettext("This note was also changed in another window, at %(time)s.") % changed
    else:
        said = gettext("This note was finalised or amended in another window, at %(time)s.") % changed
    return JsonResponse(
        {
            "detail": said,
            "current": {
                "version": note.version,
                "isDraft": note.finalised_at is None,
                "edit": reverse("note-edit", args=[note.pk]),
                "save": reverse("note-save", args=[note.pk]),
                "review": reverse("note-review", args=[note.pk]),
                "amend": reverse("note-amend", args=[note.pk]),
                **{name: getattr(note, name) for name in SECTIONS},
            },
        },
        status=409,
    )


def refused_answer(refusal: Refusal) -> JsonResponse:
    if isinstance(refusal, Invalid):
        return JsonResponse({"detail": refusal.message, "errors": refusal.errors}, status=refusal.status)
    return JsonResponse({"detail": refusal.detail}, status=refusal.status)
