"""Whatever takes a text checks it: the rules of names, phones and texts agree wherever they stand."""

import pytest
from django import forms
from django.core.exceptions import ValidationError
from django.urls import get_resolver
from hypothesis import given
from hypothesis import strategies as st
from rest_framework import serializers

from core import texts
from core.api.serializers import CredentialField, ErrorShape, OutputSerializer
from records.notes.serializers import NoteFields
from tests.found.test_names_and_texts import NAMES, NO_NAMES, NO_PHONES, PHONES

pytestmark = pytest.mark.embedded  # validators ask no database


def test_rules_agree_with_the_tables(subtests):
    for validate, wrong, right in [
        (texts.validate_name, NO_NAMES, NAMES),
        (texts.validate_phone, NO_PHONES, PHONES),
        (texts.validate_currency, ["dol", "usd", "", "XAU"], ["USD", "EUR", "JPY", "KWD", "XAF"]),
    ]:
        for text in wrong:
            with subtests.test(text=text), pytest.raises(ValidationError):
                validate(text)
        for text in right:
            with subtests.test(text=text):
                validate(text)


@given(st.text(min_size=1, max_size=20))
def test_name_is_shown_on_one_line(text):
    try:
        texts.validate_name(text)
    except ValidationError:
        return
    assert len(text.splitlines()) == 1
    assert texts.has_visible(text)
    assert not {character for character in text if character < " "}


AS_THEY_ARE = (OutputSerializer, ErrorShape, NoteFields)
CHECKS = (
    texts.validate_text,
    texts.validate_line,
    texts.validate_name,
    texts.validate_phone,
    texts.validate_currency,
)
UNCHECKED = {
    ("ChartQuery", "search"): "only compared, and what matches nothing finds nobody",
    ("CodingInput", "placeOfService"): "two digits",
    **{("IdentityInput", name): "checked as what it is (billing/codes.py)" for name in ("npi", "taxonomy", "taxId")},
    ("TicketShape", "ticket"): "only in answers",
    ("OfficeChange", "timezone"): "a name of the IANA database",
    ("OfficeInput", "timezone"): "a name of the IANA database",
    ("PracticeChange", "timezone"): "a name of the IANA database",
    ("SecondFactorInput", "code"): "a code, optional beside a passkey",
    ("TypeChange", "colour"): "six digits",
    ("TypeInput", "colour"): "six digits",
}


def test_every_serializer_checks_the_texts_that_come_in(settings):
    """What is only compared, such as a password, is a CredentialField. A draft of a note is kept as it was typed."""
    import config.urls  # noqa: F401 - imports them all

    unchecked = {
        (shape.__name__, name)
        for shape in subclasses(serializers.Serializer)
        if (settings.BASE_DIR / shape.__module__.partition(".")[0]).is_dir()
        and ".tests." not in shape.__module__
        and not issubclass(shape, AS_THEY_ARE)
        for name, field in shape._declared_fields.items()
        if isinstance(field, serializers.CharField)
        and not isinstance(field, (CredentialField, serializers.EmailField))
        and not any(check in field.validators for check in CHECKS)
    }

    assert unchecked == set(UNCHECKED)


UNCHECKED_ON_PAGES = {
    ("AdminConfirmForm", "code"): "a code, only compared",
    ("AnswerForm", "code"): "a code, only compared",
    ("CodeForm", "code"): "a code, only compared",
    ("ConfirmForm", "code"): "a code, only compared",
    ("ResetRequestForm", "email"): "only compared",
    ("SearchForm", "q"): "only compared",
    ("SeriesForm", "series"): "only compared",
    **{("CodingForm", name): "checked as what it is (billing/codes.py)" for name in ("place_of_service", "diagnoses")},
    **{("LineForm", name): "checked as what it is (billing/codes.py)" for name in ("code", "modifiers", "pointers")},
    **{("IdentityForm", name): "checked as what it is (billing/codes.py)" for name in ("npi", "taxonomy", "tax_id")},
    ("ChangeForm", "several"): "signed by us",
    ("SeveralForm", "several"): "signed by us",
    **dict.fromkeys([("CategoryForm", "cursor"), ("ShownForm", "cursor")], "signed by us"),
    ("ViewStateForm", "token"): "signed by us",
    **{("SignatureForm", name): "checked with the answers (records/forms/answers.py)" for name in ("name", "strokes")},
}


def test_every_form_checks_the_texts_that_come_in(settings):
    """The reason of a refund was taken by the page as U+200B, and refused by the API."""
    import_pages()

    unchecked = {
        (form.__name__, name)
        for form in subclasses(forms.Form)
        if (settings.BASE_DIR / form.__module__.partition(".")[0]).is_dir() and ".tests." not in form.__module__
        for name, field in form.base_fields.items()
        if type(field) is forms.CharField
        and not isinstance(field.widget, forms.PasswordInput | forms.HiddenInput)
        and not any(check in field.validators for check in CHECKS)
    }

    assert unchecked == set(UNCHECKED_ON_PAGES)


def import_pages():
    """Import every page: those of the admin site are imported where its addresses are asked for."""
    get_resolver().url_patterns  # noqa: B018


def subclasses(of):
    for one in of.__subclasses__():
        yield one
        yield from subclasses(one)
