"""Readable device names from User-Agent headers: "Chrome on Windows", "Safari on iPhone". A client can send anything,
so the name helps people recognise their own devices and proves nothing."""

import re
from functools import lru_cache

from django.utils.translation import gettext
from ua_parser import Result, parse

MAX_LENGTH = 60
# ua-parser's names, and the ones people use.
BROWSERS = {"Mobile Safari": "Safari", "Mobile Safari UI/WKWebView": "", "IE": "Internet Explorer"}
SYSTEMS = {"Mac OS X": "macOS", "Chrome OS": "ChromeOS"}
HANDHELD = ("iPhone", "iPad", "iPod")
_MOBILE = re.compile(r" Mobile( WebView| iOS)?$| iOS$")


def describe_device(agent: str) -> str:
    """Return a name for the device; `agent` is at most 255 characters, as accounts/sessions/services.py stores it."""
    browser, system = _names(agent)
    if browser and system:
        named = gettext("%(browser)s on %(system)s") % {"browser": browser, "system": system}
    else:
        named = browser or system
    readable = "".join(character for character in named if character.isprintable())
    return readable[:MAX_LENGTH].strip() or gettext("Unknown device")


@lru_cache(maxsize=2048)
def _names(agent: str) -> tuple[str, str]:
    known = parse(agent)
    return _browser(known), _system(known)


def _browser(known: Result) -> str:
    family = known.user_agent.family if known.user_agent else ""
    return BROWSERS.get(family, _MOBILE.sub("", family))


def _system(known: Result) -> str:
    if known.device and known.device.family in HANDHELD:
        return known.device.family
    family = known.os.family if known.os else ""
    return SYSTEMS.get(family, family)
