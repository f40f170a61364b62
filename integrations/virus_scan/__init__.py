"""The virus scan: `scan(parts)` calls the scanner that VIRUS_SCAN_URL names."""

from collections.abc import Iterable
from urllib.parse import urlsplit

from django.conf import settings

from integrations.virus_scan import built_in, clamd
from integrations.virus_scan.contract import Reason as Reason
from integrations.virus_scan.contract import ScanFailed as ScanFailed
from integrations.virus_scan.contract import Verdict as Verdict


def scan(parts: Iterable[bytes]) -> Verdict:
    """Return whether a file that arrives in parts is clean; only one part is in memory at a time. Raises ScanFailed if
    there is no verdict, after VIRUS_SCAN_TIMEOUT seconds at the latest, and lets exceptions of `parts` through."""
    scanner = urlsplit(settings.VIRUS_SCAN_URL)
    if scanner.scheme == built_in.SCHEME:
        return built_in.scan(parts)
    if not scanner.scheme:
        raise ScanFailed(Reason.UNREACHABLE)
    return clamd.scan(parts, scanner=scanner, seconds=settings.VIRUS_SCAN_TIMEOUT)
