"""Pages that say why a request was refused, where no form can show it."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext, ngettext
from rest_framework.exceptions import Throttled

from core.errors import Sentence


def error_page(request: HttpRequest, sentence: Sentence, *, status: int, title: Sentence = "") -> HttpResponse:
    shown = {"title": title or gettext("Something went wrong"), "sentence": sentence}
    return render(request, "error.html", shown, status=status)


def throttled_page(request: HttpRequest, throttled: Throttled) -> HttpResponse:
    seconds = throttled.wait  # type: ignore[attr-defined]
    sentence = ngettext("Try again in %(number)s second.", "Try again in %(number)s seconds.", seconds)
    page = error_page(request, sentence % {"number": seconds}, title=gettext("Too many attempts"), status=429)
    page["Retry-After"] = str(seconds)
    return page
