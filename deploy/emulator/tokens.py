"""Access tokens as IBM Cloud's IAM gives them: signed JSON web tokens with a time of expiry.

They run on the real clock, since the client compares them with its own.
"""

import secrets
import time
from typing import Any

import jwt

LIFETIME_S = 3600


class Tokens:
    """Gives out access tokens and knows its own again; any API key that is not empty will do."""

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)
        self._revoked: set[str] = set()

    def issue(self) -> dict[str, Any]:
        """Return the answer to a request for a token. The API key is in none of it."""
        now = int(time.time())
        claims = {
            "iam_id": "IBMid-emulator",
            "id": "IBMid-emulator",
            "sub": "emulator",
            "account": {"bss": "emulator", "valid": True},
            "iss": "emulator",
            "iat": now,
            "exp": now + LIFETIME_S,
            "jti": secrets.token_hex(8),
        }
        return {
            "access_token": jwt.encode(claims, self._key, algorithm="HS256"),
            "refresh_token": "not_supported",
            "token_type": "Bearer",
            "expires_in": LIFETIME_S,
            "expiration": now + LIFETIME_S,
            "scope": "ibm openid",
        }

    def revoke(self, authorization: str) -> None:
        """Take back the token of an `Authorization` header before its time."""
        self._revoked.add(authorization)

    def valid(self, authorization: str) -> bool:
        """Whether an `Authorization` header holds a token of this emulator that has not expired."""
        kind, _, token = authorization.partition(" ")
        if kind != "Bearer" or authorization in self._revoked:
            return False
        try:
            jwt.decode(token, self._key, algorithms=["HS256"])
        except jwt.InvalidTokenError:
            return False
        return True
