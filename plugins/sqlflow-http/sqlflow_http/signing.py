"""Who asks: the secrets of a connection, put on each request and kept out of every message."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from threading import Lock
from typing import Any
from urllib.parse import parse_qsl, quote_plus, urlencode, urlsplit, urlunsplit

from sqlflow.sdk import Redactor, StepError, TransientError

from .options import HttpConfig
from .transport import shown

_EARLY = 30.0
"""Seconds before its end at which a token is renewed."""

Fetch = Callable[[str, bytes, Mapping[str, str]], Any]
"""Posts a form and returns the JSON that answers it."""


@dataclass
class Signer:
    """The secrets of one connection. Holds the OAuth token; may be used by several threads."""

    config: HttpConfig
    redactor: Redactor
    _token: str | None = None
    _expires: float = 0.0
    _lock: Lock = field(default_factory=Lock)

    def __post_init__(self) -> None:
        auth, config = self.config.auth, self.config
        secrets = [auth.token, auth.password, auth.key, auth.client_secret]
        for secret in (*secrets, *config.secret_headers.values(), *config.secret_params.values()):
            if secret is not None:
                self.redactor.add(secret.get_secret_value())
        if auth.type == "basic" and auth.password is not None:
            self.redactor.add(_basic(auth.username or "", auth.password.get_secret_value()))

    def signed(self, url: str, headers: Mapping[str, str], fetch: Fetch) -> tuple[str, dict[str, str], str | None]:
        """Return address and headers with the secrets on them, and the OAuth token used."""
        config, auth, sent, token = self.config, self.config.auth, dict(headers), None
        sent.update({name: secret.get_secret_value() for name, secret in config.secret_headers.items()})
        query = {name: secret.get_secret_value() for name, secret in config.secret_params.items()}
        if auth.type == "bearer" and auth.token is not None:
            sent["Authorization"] = f"Bearer {auth.token.get_secret_value()}"
        elif auth.type == "basic" and auth.password is not None:
            sent["Authorization"] = f"Basic {_basic(auth.username or '', auth.password.get_secret_value())}"
        elif auth.type == "api_key" and auth.key is not None:
            (query if auth.send_in == "query" else sent)[auth.name] = auth.key.get_secret_value()
        elif auth.type == "oauth2":
            token = self._valid(fetch)
            sent["Authorization"] = f"Bearer {token}"
        return (with_params(url, query) if query else url), sent, token

    def refused(self, token: str) -> None:
        """Forget a token that the server does not take, unless there is a newer one already."""
        with self._lock:
            if self._token == token:
                self._token = None

    def _valid(self, fetch: Fetch) -> str:
        with self._lock:
            if self._token is None or time.monotonic() >= self._expires:
                self._token, lasts = self._fetched(fetch)
                self._expires = time.monotonic() + max(lasts - _EARLY, lasts / 2)
            return self._token

    def _fetched(self, fetch: Fetch) -> tuple[str, float]:
        """Get a token for client id and secret, and the seconds that it lasts."""
        auth = self.config.auth
        secret = auth.client_secret.get_secret_value() if auth.client_secret else ""
        form = {"grant_type": "client_credentials", **auth.token_params}
        headers = {"Accept": "application/json", "Content-Type": "application/x-www-form-urlencoded"}
        if auth.client_in == "header":
            basic = _basic(quote_plus(auth.client_id or ""), quote_plus(secret))
            self.redactor.add(basic)
            headers["Authorization"] = f"Basic {basic}"
        else:
            form |= {"client_id": auth.client_id or "", "client_secret": secret}
        if auth.scope:
            form["scope"] = auth.scope
        url = auth.token_url or ""
        try:
            answer = fetch(url, urlencode(form).encode(), headers)
        except TransientError:
            raise
        except StepError as error:
            hint = "check token_url, client_id and client_secret"
            raise StepError(f"no token: {error.message}", hint=hint, kind="authentication") from None
        token = answer.get("access_token") if isinstance(answer, dict) else None
        if not isinstance(token, str) or not token:
            hint = "check token_url; it must be where client credentials are exchanged for a token"
            raise StepError(f"no token: POST {shown(url)} gives no access_token", hint=hint, kind="authentication")
        self.redactor.add(token)
        return token, _seconds(answer.get("expires_in"))


def with_params(url: str, params: Mapping[str, Any]) -> str:
    """Put parameters into the query of an address; one that is there already is replaced."""
    parts = urlsplit(url)
    kept = [(k, v) for k, v in parse_qsl(parts.query, keep_blank_values=True) if k not in params]
    added = [(k, str(v).lower() if isinstance(v, bool) else str(v)) for k, v in params.items()]
    return urlunsplit(parts._replace(query=urlencode(kept + added)))


def _seconds(lasts: Any) -> float:
    """Read how long a token lasts, which some write as text; for ever when it is not told."""
    try:
        return float(lasts)
    except (TypeError, ValueError):
        return float("inf")


def _basic(user: str, password: str) -> str:
    return base64.b64encode(f"{user}:{password}".encode()).decode()
