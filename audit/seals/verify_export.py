#!/usr/bin/env python3
"""Verify an export of the audit trail (manage.py audit_export) without the database. Needs only Python 3.9 or newer:
copy this file to wherever the export is.

    python3 verify_export.py EXPORT [--seal EARLIER] [--keys-from-env AUDIT_KEYS | --key-file FILE]

Without keys it checks that the events are those that the seals cover, and that each seal follows from the previous one.
A file that was forged as a whole passes this, so compare it with seals kept elsewhere (--seal: an earlier export, or
its last seals). With keys it also checks that each line was written with them and the file is complete. Exits 0 or 1.
"""

from __future__ import annotations

import argparse
import base64
import hmac
import json
import os
import re
import sys
from collections.abc import Iterable, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

ENDS = {name: re.compile(rb'(\{.*),"%s":"([0-9a-f]{64})"\}' % name) for name in (b"mac", b"digest")}
PURPOSES = {"event": b"event", "seal": b"seal", "end": b"export"}


class Invalid(Exception):
    pass


def split(line: bytes, name: bytes) -> tuple[bytes, bytes]:
    """Return the line without its last value, and that value. Raise AttributeError if it ends in another one."""
    content, value = ENDS[name].fullmatch(line).groups()  # type: ignore[union-attr]
    return content + b"}", bytes.fromhex(value.decode())


def check_mac(line: bytes, row: dict[str, Any], keys: Mapping[int, bytes]) -> None:
    content, mac = split(line, b"mac")
    if row["key_id"] not in keys:
        raise Invalid(f"its key {row['key_id']} was not given")
    key = hmac.digest(keys[row["key_id"]], b"praxis trail " + PURPOSES[row["type"]], "sha256")
    if not hmac.compare_digest(hmac.digest(key, content, "sha256"), mac):
        raise Invalid("its MAC does not match its content")


class Chain:
    """The last seal's number and line of a practice, and the hash of each event's line since then."""

    def __init__(self, practice_id: str) -> None:
        self.practice_id, self.number, self.line, self.hashes = practice_id, 0, b"", list[bytes]()

    def add_seal(self, line: bytes, seal: dict[str, Any], *, may_begin: bool) -> None:
        if self.line or self.hashes or not may_begin:
            head, digest = split(split(line, b"mac")[0], b"digest")
            before = sha256(self.line).digest() if self.line else bytes(32)
            if seal["number"] != self.number + 1:
                raise Invalid(f"seal {self.number + 1} of {seal['practice_id']} should be here, not {seal['number']}")
            if seal["count"] != len(self.hashes):
                raise Invalid(f"it covers {seal['count']} events, but {len(self.hashes)} are here")
            if sha256(b"".join([before, head, *self.hashes])).digest() != digest:
                raise Invalid("the events it covers, or the seal before it, have changed since it was made")
        self.number, self.line, self.hashes = seal["number"], line, []


class Export:
    def __init__(self, keys: Mapping[int, bytes] | None, kept: Iterable[bytes]) -> None:
        self.keys, self.kept = keys, last_seals(kept)
        self.everything, self.counts = sha256(), {"trail": 0, "event": 0, "seal": 0, "email": 0}
        self.chain, self.since, self.has_ended = Chain(""), None, False

    def add(self, raw: bytes) -> None:
        line, row = raw[:-1], json.loads(raw)
        kind = row["type"]
        if raw[-1:] != b"\n" or self.has_ended or bool(self.counts["trail"]) == (kind == "trail"):
            raise Invalid("it does not belong here")
        if row.get("version", 1) != 1:
            raise Invalid("its version is unknown: use the script that came with the export")
        if kind in PURPOSES and self.keys is not None:
            check_mac(line, row, self.keys)
        if kind in ("event", "seal") and row["practice_id"] != self.chain.practice_id:
            if self.chain.hashes or row["practice_id"] < self.chain.practice_id:
                raise Invalid("it does not belong here")
            self.chain = Chain(row["practice_id"])
        if kind == "event":
            self.chain.hashes.append(sha256(line).digest())
        elif kind == "seal":
            self.chain.add_seal(line, row, may_begin=bool(self.since))
            if self.kept.get(row["practice_id"]) == (row["number"], line):
                del self.kept[row["practice_id"]]
        elif kind == "end" and (row["counts"], row["digest"]) != (self.counts, self.everything.hexdigest()):
            raise Invalid("the lines before it have been changed")
        self.since, self.has_ended = row.get("since", self.since), kind == "end"
        if not self.has_ended:
            self.counts[kind] += 1
            self.everything.update(raw)


def check(lines: Iterable[bytes], keys: Mapping[int, bytes] | None = None, kept: Iterable[bytes] = ()) -> str:
    """Return a summary; raise Invalid. `keys`: id to 32 bytes; `kept`: the lines of an earlier export."""
    export, number = Export(keys, kept), 0
    for number, raw in enumerate(lines, 1):
        try:
            export.add(raw)
        except Invalid as error:
            raise Invalid(f"line {number}: {error}") from None
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            raise Invalid(f"line {number}: it cannot be read") from None
    if not export.has_ended or export.chain.hashes:
        raise Invalid(f"line {number + 1}: it is missing: the end has been cut off")
    for practice_id, (seal_number, _) in export.kept.items():
        raise Invalid(f"seal {seal_number} of practice {practice_id} was kept elsewhere but is missing or changed")
    depth = "hashes and chain only: no keys were given" if keys is None else "hashes, chain and MACs"
    depth += f"; only since {export.since}" if export.since else ""
    return "Verified {event} events and {seal} seals ({}).".format(depth, **export.counts)


def last_seals(lines: Iterable[bytes]) -> dict[str, tuple[int, bytes]]:
    """Return number and line of each practice's last seal."""
    seals = (raw.rstrip(b"\r\n") for raw in lines if raw.startswith(b'{"type":"seal"'))
    return {(seal := json.loads(line))["practice_id"]: (seal["number"], line) for line in seals}


def parse_keys(text: str) -> dict[int, bytes]:
    """Parse the `id:base64` or `id@date:base64` entries of AUDIT_KEYS, separated by commas or line ends."""
    entries = [entry.strip().partition(":") for entry in re.split(r"[,\n]", text) if entry.strip()]
    if not entries:
        raise ValueError("no keys")
    return {int(key_id.partition("@")[0]): base64.b64decode(secret) for key_id, _, secret in entries}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("export", type=argparse.FileType("rb"))
    parser.add_argument("--seal", type=argparse.FileType("rb"), default=())
    keys = parser.add_mutually_exclusive_group()
    keys.add_argument("--keys-from-env", dest="keys", type=lambda name: parse_keys(os.environ.get(name, "")))
    keys.add_argument("--key-file", dest="keys", type=lambda path: parse_keys(Path(path).read_text()))
    arguments = parser.parse_args()
    try:
        sys.stdout.write(check(arguments.export, arguments.keys, arguments.seal) + "\n")
    except Invalid as error:
        sys.exit(f"VERIFICATION FAILED: {error}")


if __name__ == "__main__":
    main()
