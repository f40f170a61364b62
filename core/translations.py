"""The files that Django reads texts of other languages from, made from locale/<language>/LC_MESSAGES/django.po."""

import os
from pathlib import Path

import structlog
from django.conf import settings

log = structlog.get_logger(__name__)


def compile_stale() -> None:
    """Make each django.mo that is missing or older than its django.po: nobody has to remember to."""
    for folder in settings.LOCALE_PATHS:
        for texts in Path(folder).glob("*/LC_MESSAGES/django.po"):
            compiled = texts.with_suffix(".mo")
            if texts.parts[-3] != "en" and _is_stale(compiled, texts):
                _compile(texts, compiled)


def _is_stale(compiled: Path, texts: Path) -> bool:
    return not compiled.exists() or compiled.stat().st_mtime < texts.stat().st_mtime


def _compile(texts: Path, compiled: Path) -> None:
    from babel.messages.mofile import write_mo  # seldom needed, and a tenth of a second to import
    from babel.messages.pofile import read_po

    # several processes may start at once: each writes a file of its own, and the last one's stays
    scratch = compiled.with_suffix(f".{os.getpid()}")
    try:
        with texts.open("rb") as source, scratch.open("wb") as target:
            write_mo(target, read_po(source))
        scratch.replace(compiled)
    except OSError as error:  # a folder that only its owner may write: Praxis speaks English then
        log.warning("translations_not_compiled", file=str(compiled), error=str(error))
