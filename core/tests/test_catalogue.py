"""`manage.py makemessages`: what it finds, and how the file of another language follows."""

import pytest
from babel.messages.pofile import read_po
from django.core.management import call_command

from core import catalogue

MODULE = """
from django.utils.translation import gettext_lazy as _, ngettext, pgettext
LABEL = _("A label "
          "in two pieces")
COUNT = ngettext("%(number)s row", "%(number)s rows", 2)
PLAN = pgettext("SOAP", "Plan")
"""
TEMPLATE = """
{% translate 'Say "yes"' %}
    {% blocktranslate trimmed with name=patient.name %}
      Born
        {{ name }}
    {% endblocktranslate %}
"""
GERMAN = """
msgid ""
msgstr ""
"Content-Type: text/plain; charset=UTF-8\\n"
"Language: de\\n"

msgid "A label in two pieces"
msgstr "Ein Wort"

msgid "No longer said"
msgstr "Nicht mehr gesagt"
"""


@pytest.fixture
def root(tmp_path, monkeypatch):
    monkeypatch.setattr(catalogue, "ROOT", tmp_path)
    monkeypatch.setattr(catalogue, "CATALOGUE", tmp_path / "locale/en/LC_MESSAGES/django.po")
    for path, text in {
        "app/models.py": MODULE,
        "app/tests/test_models.py": MODULE.replace("label", "test"),
        "templates/page.html": TEMPLATE,
        "locale/de/LC_MESSAGES/django.po": GERMAN,
        "locale/en/LC_MESSAGES/django.po": "",
    }.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    return tmp_path


def messages(path):
    with path.open("rb") as file:
        return {(message.context, message.id): message.string for message in read_po(file) if message.id}


def test_catalogue_has_the_texts_of_code_and_templates_but_not_of_tests(root):
    call_command("makemessages", verbosity=0)

    assert set(messages(catalogue.CATALOGUE)) == {
        (None, "A label in two pieces"),
        (None, ("%(number)s row", "%(number)s rows")),
        ("SOAP", "Plan"),
        (None, 'Say "yes"'),
        (None, "Born %(name)s"),
    }
    assert catalogue.CATALOGUE.read_text() == catalogue.english(), "the same again: no date, no line number"


def test_other_languages_keep_what_is_translated_and_lose_what_is_no_longer_said(root):
    call_command("makemessages", verbosity=0)

    german = messages(root / "locale/de/LC_MESSAGES/django.po")
    assert german.keys() == messages(catalogue.CATALOGUE).keys()
    assert german[None, "A label in two pieces"] == "Ein Wort"
