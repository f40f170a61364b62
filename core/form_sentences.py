"""What the fields of forms say of a value that they cannot take: what to do, as a person would say it. Django's own
sentences stay where they do so ("Enter a number."). core/api/sentences.py is the same for the API."""

from typing import Any

from django import forms
from django.core import validators
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext_lazy

from core.errors import Sentence
from core.texts import NO_EMAIL

WEB_ADDRESS = _("Enter a web address such as https://example.org.")
ONE_OF_THESE: dict[str, Sentence] = {"required": _("Choose one."), "invalid_choice": _("Choose one from the list.")}
SENTENCES: dict[type[forms.Field], dict[str, Sentence]] = {
    forms.Field: {"required": _("Fill this in.")},
    forms.BooleanField: {"required": _("Tick this to go on.")},
    forms.ChoiceField: ONE_OF_THESE,
    forms.ModelChoiceField: ONE_OF_THESE,
    forms.MultipleChoiceField: {"required": _("Choose at least one."), "invalid_choice": _("Choose from the list.")},
    forms.DateTimeField: {"invalid": _("Enter a date and a time.")},
    forms.ModelMultipleChoiceField: {"required": _("Choose at least one.")},
    forms.URLField: {"invalid": WEB_ADDRESS},
    forms.FileField: {
        "required": _("Choose a file."),
        "invalid": _("Choose a file."),
        "empty": _("This file is empty. Choose another one."),
    },
}
OF_VALIDATORS: dict[Any, Promise] = {
    validators.MaxLengthValidator: ngettext_lazy(
        "Shorten this: it may have %(limit_value)d character, and has %(show_value)d.",
        "Shorten this: it may have %(limit_value)d characters, and has %(show_value)d.",
        "limit_value",
    ),
    validators.MinLengthValidator: ngettext_lazy(
        "Write a little more: at least %(limit_value)d character.",
        "Write a little more: at least %(limit_value)d characters.",
        "limit_value",
    ),
    validators.EmailValidator: NO_EMAIL,  # in German Django's own is on first-name terms
    validators.URLValidator: WEB_ADDRESS,
    validators.MaxValueValidator: _("Enter %(limit_value)s or less."),
    validators.MinValueValidator: _("Enter %(limit_value)s or more."),
}


def use() -> None:
    """Let the fields and validators say so: Django reads these attributes whenever it makes one."""
    for field, sentences in SENTENCES.items():
        messages: dict[str, Any] = {**vars(field).get("default_error_messages", {}), **sentences}
        field.default_error_messages = messages
    for validator, sentence in OF_VALIDATORS.items():
        validator.message = sentence
