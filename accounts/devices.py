"""What a session's User-Agent header tells a person: "Chrome on Windows", "Safari on iPhone". The header is what the
caller likes to write: it names a device to somebody who knows their own, and proves nothing."""

import re
from functools import lru_cache

from ua_parser import Result, parse

UNKNOWN = "Unknown device"
LONGEST = 60
# What ua-parser calls things, and what people call them.
BROWSERS = {"Mobile Safari": "Safari", "Mobile Safari UI/WKWebView": "", "IE": "Internet Explorer"}
SYSTEMS = {"Mac OS X": "macOS", "Chrome OS": "ChromeOS"}
HANDHELD = ("iPhone", "iPad", "iPod")
_MOBILE = re.compile(r" Mobile( WebView| iOS)?$| iOS$")


@lru_cache(maxsize=2048)
def device_of(agent: str) -> str:
    """`agent` is what accounts/sessions.py stored: 255 characters at most."""
    known = parse(agent)
    browser, system = _browser(known), _system(known)
    named = f"{browser} on {system}" if browser and system else browser or system
    readable = "".join(character for character in named if character.isprintable())
    return readable[:LONGEST].strip() or UNKNOWN


def _browser(known: Result) -> str:
    family = known.user_agent.family if known.user_agent else ""
    return BROWSERS.get(family, _MOBILE.sub("", family))


def _system(known: Result) -> str:
    if known.device and known.device.family in HANDHELD:
        return known.device.family
    family = known.os.family if known.os else ""
    return SYSTEMS.get(family, family)
