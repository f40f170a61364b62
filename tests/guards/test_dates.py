"""One form of dates and times: pages, mails and PDFs name a form of config/formats, which follows the language and the
practice's region, and none spells one out."""

import ast
import re
from pathlib import Path

import pytest
from django.conf import settings
from django.utils import translation

from config.formats.de import formats as german
from config.formats.en import formats as english

ROOT = Path(settings.BASE_DIR)
FORMS = {name for name in vars(english) if name.endswith("_FORMAT")}
FOR_PROGRAMS = {"Y-m-d", "Y-m", r"Y-m-d\TH:i", "c"}  # values of a browser's own fields, and addresses
FILTER = re.compile(r"\|(?:date|time)\b(?::([^\s|%}]*(?:\s[^\"|%}]*\")?))?")
ISO = {"%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%d", "%Y-%m", "%m%d"}  # and a part of a name
SPELLING = {"strftime", "date_format", "time_format", "format_datetime", "localize"}
MAY_SPELL = {  # file: why
    "core/formats.py": "the one place",
    "core/typed.py": "the one place of what is typed",
    "core/admin/export.py": "what the list shows, by the names of config/formats",
    "core/database/functions.py": "SQL",
    "billing/claims/cms1500.py": "the form's own: 03 17 1981, in every region",
    "core/backups/catalogue.py": "the id of a backup",
    "core/backups/pruning.py": "weeks, to tell one from another",
}


def spelled_in_template(text):
    for found in FILTER.finditer(text):
        form = (found[1] or "").strip('"')
        if form not in FORMS | FOR_PROGRAMS:
            yield found[0]


def spelled_in_code(source):
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call):
            called = getattr(node.func, "attr", getattr(node.func, "id", ""))
            if called in SPELLING and not _is_ours(node):
                yield node.lineno, called
        if isinstance(node, ast.FormattedValue) and node.format_spec is not None:
            spec = ast.unparse(node.format_spec)
            if re.search(r"%[a-zA-Z]", spec) and spec[2:-1] not in ISO:
                yield node.lineno, spec


def _is_ours(call):
    """Whether this is `format_datetime(moment)` of core/formats.py, which takes no form."""
    return getattr(call.func, "id", "") == "format_datetime" and len(call.args) == 1 and not call.keywords


def _for_programs(path):
    """The API, and the output of commands."""
    return {"tests", "migrations", "management"} & set(path.parts) or path.name == "serializers.py"


def test_templates_name_a_form():
    templates = {str(path.relative_to(ROOT)): path.read_text() for path in (ROOT / "templates").rglob("*.*")}
    assert len(templates) > 100
    assert {name: bad for name, text in templates.items() if (bad := list(spelled_in_template(text)))} == {}


def test_code_asks_the_one_place():
    apps = ("accounts", "appointments", "audit_review", "billing", "core", "dashboard", "notifications", "patients")
    paths = [path for app in (*apps, "practices", "records") for path in (ROOT / app).rglob("*.py")]
    names = {str(path.relative_to(ROOT)): path for path in paths if not _for_programs(path)}
    found = {name: bad for name, path in names.items() if (bad := list(spelled_in_code(path.read_text())))}
    assert {name: bad for name, bad in found.items() if name not in MAY_SPELL} == {}
    assert set(MAY_SPELL) <= set(names)


@pytest.mark.parametrize("text", ['{{ day|date:"M j, Y" }}', "{{ day|date }}", '{{ at|time:"H:i" }}'])
def test_guard_sees_templates(text):
    assert list(spelled_in_template(text))


@pytest.mark.parametrize("code", ['day.strftime("%d")', 'date_format(day, "M j")', 'f"{day:%d.%m.%Y}"'])
def test_guard_sees_code(code):
    assert list(spelled_in_code(code))


@pytest.mark.parametrize("language", [code for code, _name in settings.LANGUAGES])
def test_every_language_has_every_form(language):
    """One that a language lacks would be written out as its name."""
    with translation.override(language):
        for form in FORMS:
            assert translation.to_locale(language) and hasattr({"en": english, "de": german}[language], form), form
