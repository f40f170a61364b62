"""A stand-in for machines without ClamAV, to see a rejection there: it only finds the EICAR test string
(https://www.eicar.org, "Anti Malware Testfile"). This is not a virus scanner."""

from collections.abc import Iterable
from functools import cache

import structlog

from integrations.virus_scan.contract import Verdict

SCHEME = "eicar-only"
# In two halves, or a scanner on a developer's machine would quarantine this file.
EICAR = b"X5O!P%@AP[4\\PZX54(P^)7CC)7}$" + b"EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"
logger = structlog.get_logger("praxis.virus_scan")


def scan(parts: Iterable[bytes]) -> Verdict:
    _warn()
    end, found = b"", False
    for part in parts:  # read to the end, like a scanner
        window = end + part
        found = found or EICAR in window
        end = window[1 - len(EICAR) :]
    return Verdict(clean=False, found="EICAR") if found else Verdict(clean=True)


@cache
def _warn() -> None:
    """Warn once per process."""
    logger.warning("files are not scanned for viruses: VIRUS_SCAN_URL names no scanner")
