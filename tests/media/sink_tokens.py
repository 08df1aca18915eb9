"""A token office for the sink: hands out access tokens for one service account's key."""

from __future__ import annotations

import functools
import json
import secrets
import time
from typing import Final

from aiohttp import web
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from google.auth import jwt

ACCOUNT: Final = "uploader@deep-sea-tests.iam.gserviceaccount.com"
PROJECT: Final = "deep-sea-tests"
AUDIENCE: Final = "https://oauth2.googleapis.com/token"
"""What google-auth writes into an assertion, wherever it sends it."""


class TokenOffice:
    """Gives tokens for signed assertions, as ``oauth2.googleapis.com/token`` does.

    Attributes:
        seconds: how long a token is said to be valid, and is.
        given: how many tokens were given.
        tokens: which.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.given = 0
        self.tokens: set[str] = set()
        self._valid_until: dict[str, float] = {}

    def accepts(self, authorization: str) -> bool:
        kind, _, token = authorization.partition(" ")
        return kind == "Bearer" and self._valid_until.get(token, 0.0) > time.monotonic()

    def revoke(self) -> None:
        """Every token given so far is refused from now on."""
        self._valid_until.clear()

    async def answer(self, request: web.Request) -> web.Response:
        assertion = str((await request.post())["assertion"])
        public = _private_key().public_key()
        pem = public.public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        claims = jwt.decode(assertion, certs=pem, audience=AUDIENCE)
        if claims["iss"] != ACCOUNT or "devstorage" not in claims["scope"]:
            return web.json_response({"error": "invalid_scope"}, status=400)
        token = secrets.token_hex()
        self._valid_until[token] = time.monotonic() + self.seconds
        self.tokens.add(token)
        self.given += 1
        answer = {"access_token": token, "expires_in": self.seconds, "token_type": "Bearer"}
        return web.json_response(answer)


def key_text(token_uri: str) -> str:
    """A service account's key as the Cloud console hands it out."""
    private = _private_key().private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    key = {
        "type": "service_account",
        "project_id": PROJECT,
        "private_key_id": "1",
        "private_key": private.decode(),
        "client_email": ACCOUNT,
        "client_id": "1",
        "token_uri": token_uri,
    }
    return json.dumps(key)


@functools.cache
def _private_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)
