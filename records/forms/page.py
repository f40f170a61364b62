"""What the pages have in common on which a form is filled in: by staff, by the patient, on a tablet."""

from typing import Any

import orjson
from django import forms
from django.http import HttpRequest

from core.errors import Refusal
from records.forms.answers import AnswerForm, Incomplete
from records.models import PatientForm

MOST_TYPED = 200_000  # of a drawn signature


class SignatureForm(forms.Form):
    """What is sent beside the answers."""

    version = forms.IntegerField(min_value=1)
    name = forms.CharField(max_length=200, required=False)
    strokes = forms.CharField(max_length=MOST_TYPED, required=False)


def sent(request: HttpRequest) -> dict[str, Any]:
    """Return what was posted as the services take it. Answers to questions of another version go along, and are
    refused there."""
    signed = SignatureForm(request.POST)
    signed.is_valid()
    given = signed.cleaned_data
    named = {*signed.fields, "csrfmiddlewaretoken"}
    return {
        "expected": given.get("version") or 0,
        "name": given.get("name", ""),
        "strokes": _strokes(given.get("strokes", "")),
        "answers": {key: str(value) for key, value in request.POST.items() if key not in named},
    }


def _strokes(text: str) -> Any:
    try:
        return orjson.loads(text) if text else []
    except orjson.JSONDecodeError:
        return None


def fill_context(form: PatientForm, request: HttpRequest, refusal: Refusal | None = None) -> dict[str, Any]:
    """Return what templates/records/forms/fields.html shows; after a refusal with what was typed."""
    typed = request.POST if isinstance(refusal, Incomplete) else None
    wrong = (refusal.errors or {}) if refusal else {}
    return {
        "form": form,
        "asked": AnswerForm(typed, version=form.version),
        "refused": refusal.detail if refusal else "",
        "name": request.POST.get("name", "")[:200] if refusal else "",
        "strokes": request.POST.get("strokes", "")[:MOST_TYPED] if refusal else "",
        "wrong_signature": " ".join([*wrong.get("name", ()), *wrong.get("strokes", ())]),
    }


def drawn_path(strokes: list[list[list[int]]]) -> str:
    """Return the strokes as the path of an SVG."""
    parts = []
    for (x, y), *following in strokes:
        points = following or [[x, y]]
        parts.append(f"M{x} {y}" + "".join(f"L{to_x} {to_y}" for to_x, to_y in points))
    return "".join(parts)
