"""An authenticator in software (WebAuthn, level 3, section 6): what a phone and its browser do."""

import hashlib
import json
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode

import cbor2
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256

ORIGIN = "http://localhost:5173"  # the contract's web app, an allowed origin wherever tests run
USER_PRESENT, USER_VERIFIED, ATTESTED = 0x01, 0x04, 0x40


def text(raw):
    return urlsafe_b64encode(raw).decode().rstrip("=")


def raw(value):
    return urlsafe_b64decode(value + "===")


class SoftPasskey:
    """`count` is the signature counter; it grows with each use unless `counts` is unset: synced passkeys' does not."""

    def __init__(self, *, origin=ORIGIN, counts=True):
        self.origin, self.counts, self.count = origin, counts, 0
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.id = secrets.token_bytes(32)
        self.owner = b""

    def made(self, options, **bent):
        """The answer to creation options; `bent` replaces what the client data says."""
        self.owner = raw(options["user"]["id"])
        numbers = self.key.public_key().public_numbers()
        public = {1: 2, 3: -7, -1: 1, -2: numbers.x.to_bytes(32, "big"), -3: numbers.y.to_bytes(32, "big")}
        attested = bytes(16) + len(self.id).to_bytes(2, "big") + self.id + cbor2.dumps(public)
        data = self._data(options["rp"]["id"], USER_PRESENT | USER_VERIFIED | ATTESTED) + attested
        client = self._client("webauthn.create", options, bent)
        attestation = cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": data})
        response = {"clientDataJSON": text(client), "attestationObject": text(attestation), "transports": ["internal"]}
        return self._credential(response)

    def used(self, options, **bent):
        """The answer to request options."""
        if self.counts:
            self.count += 1
        data = self._data(options["rpId"], USER_PRESENT | USER_VERIFIED)
        client = self._client("webauthn.get", options, bent)
        signature = self.key.sign(data + hashlib.sha256(client).digest(), ec.ECDSA(SHA256()))
        return self._credential(
            {
                "clientDataJSON": text(client),
                "authenticatorData": text(data),
                "signature": text(signature),
                "userHandle": text(self.owner),
            }
        )

    def _data(self, rp_id, flags):
        return hashlib.sha256(rp_id.encode()).digest() + bytes([flags]) + self.count.to_bytes(4, "big")

    def _client(self, kind, options, bent):
        return json.dumps(
            {"type": kind, "challenge": options["challenge"], "origin": self.origin, "crossOrigin": False, **bent}
        ).encode()

    def _credential(self, response):
        return {"id": text(self.id), "rawId": text(self.id), "type": "public-key", "response": response}
