"""The virus scan: `scan(parts)` asks the scanner that VIRUS_SCAN_URL names."""

from collections.abc import Iterable
from urllib.parse import urlsplit

from django.conf import settings

from integrations.virus_scan import built_in, clamd
from integrations.virus_scan.contract import Reason as Reason
from integrations.virus_scan.contract import ScanFailed as ScanFailed
from integrations.virus_scan.contract import Verdict as Verdict


def scan(parts: Iterable[bytes]) -> Verdict:
    """Whether a file that comes in parts is clean; no more than a part of it is held. Raises ScanFailed where nobody
    can say so, after VIRUS_SCAN_TIMEOUT seconds at the latest, and lets through what `parts` raises."""
    scanner = urlsplit(settings.VIRUS_SCAN_URL)
    if scanner.scheme == built_in.SCHEME:
        return built_in.scan(parts)
    if not scanner.scheme:
        raise ScanFailed(Reason.UNREACHABLE)
    return clamd.scan(parts, scanner=scanner, seconds=settings.VIRUS_SCAN_TIMEOUT)
