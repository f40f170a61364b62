"""The catalogue of what Praxis says: every text of the code and the templates, in one file in the order of their files
(locale/en/LC_MESSAGES/django.po). Extracted with Babel, so that no machine needs GNU gettext."""

import os
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

from babel.messages.catalog import Catalog
from babel.messages.extract import extract
from babel.messages.pofile import read_po, write_po
from django.conf import settings
from django.utils.translation.template import templatize

ROOT = Path(settings.BASE_DIR)
CATALOGUE = ROOT / "locale" / "en" / "LC_MESSAGES" / "django.po"
EXCLUDED_FOLDERS = {"bench", "demo", "docs", "files", "migrations", "staticfiles", "test-results", "tests"}
HEADER = """\
# What Praxis says. Made by `manage.py makemessages` (docs/development.md, "Change a text").
msgid ""
msgstr ""
"Language: {language}\\n"
"Content-Type: text/plain; charset=UTF-8\\n"
"Plural-Forms: {plurals}\\n"

"""
KEYWORDS: dict[str, Any] = {
    **dict.fromkeys(("_", "gettext", "gettext_lazy", "gettext_noop")),
    **dict.fromkeys(("ngettext", "ngettext_lazy"), (1, 2)),
    **dict.fromkeys(("pgettext", "pgettext_lazy"), ((1, "c"), 2)),
    **dict.fromkeys(("npgettext", "npgettext_lazy"), ((1, "c"), 2, 3)),
}


def english() -> str:
    """Return the English file as it must be."""
    return _written(_extract(), "en")


def translated(path: Path) -> str:
    """Return the file of another language with the texts of today: what is new is empty, what went is gone."""
    language = path.parts[-3]
    with path.open("rb") as file:
        catalog = read_po(file, locale=language)
    catalog.update(_extract(), no_fuzzy_matching=True)
    catalog.obsolete.clear()
    return _written(catalog, language)


def translations() -> list[Path]:
    return [path for path in sorted(ROOT.glob("locale/*/LC_MESSAGES/django.po")) if path != CATALOGUE]


def update() -> list[Path]:
    """Write the English file, and bring those of other languages up to date; return what was written."""
    CATALOGUE.write_text(english())
    for path in translations():
        path.write_text(translated(path))
    return [CATALOGUE, *translations()]


def _written(catalog: Catalog, language: str) -> str:
    header = HEADER.format(language=language, plurals=Catalog(locale=language).plural_forms)
    written = BytesIO()
    write_po(written, catalog, width=120, omit_header=True, include_lineno=False)
    return header + written.getvalue().decode()


def _extract() -> Catalog:
    catalog = Catalog()
    for path in _sources():
        source = BytesIO(_as_python(path).encode())
        found = extract("python", source, KEYWORDS, ["Translators:"], {"encoding": "utf-8"})
        for _line, texts, comments, context in found:
            catalog.add(texts, locations=[(str(path.relative_to(ROOT)), 0)], context=context, auto_comments=comments)
    return catalog


def _as_python(path: Path) -> str:
    """Return the source, or of a template the calls that it makes; nothing of a module that calls none."""
    source = path.read_text()
    if path.suffix == ".py":
        return source if "gettext" in source else ""
    # Python's tokenizer would stumble over the indentation of what is left between the calls
    return "\n".join(line.lstrip() for line in templatize(source).split("\n"))


def _sources() -> Iterator[Path]:
    for folder, folders, names in os.walk(ROOT):
        folders[:] = sorted(name for name in folders if name not in EXCLUDED_FOLDERS and not name.startswith("."))
        for name in sorted(names):
            if name.endswith((".py", ".html")):
                yield Path(folder) / name
