"""Which language a page or mail is in: the person's own choice, else their practice's, else what the browser asks for,
else the installation's. The API speaks the installation's: programs compare its sentences (docs/adr/0050)."""

from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext

from django.conf import settings
from django.http import HttpRequest
from django.utils import translation
from django.utils.translation import get_language_info
from django.utils.translation.trans_real import parse_accept_lang_header


def offered() -> list[tuple[str, str]]:
    """Return the languages that there are, each with its name in itself."""
    return [(code, get_language_info(code)["name_local"].capitalize()) for code, _name in settings.LANGUAGES]


def is_offered(code: str) -> bool:
    return code in dict(settings.LANGUAGES)


def speaking(choices: Iterable[str]) -> AbstractContextManager[None]:
    """Return the context in which texts are in the first of these languages that there is, else in the language that is
    spoken already. What was chosen may have been taken out of LANGUAGES since."""
    chosen = next((code for code in choices if is_offered(code)), None)
    return translation.override(chosen) if chosen else nullcontext()


def browser_language(request: HttpRequest) -> str:
    """Return the language of the header Accept-Language, or nothing: no cookie and no address says it."""
    if len(settings.LANGUAGES) < 2:
        return ""
    for code, _weight in parse_accept_lang_header(request.headers.get("Accept-Language", "")):
        if code == "*":
            break
        try:
            return translation.get_supported_language_variant(code)
        except LookupError:
            continue
    return ""
