"""Sending requests: who asks, how fast, what is tried again, and what an answer that is none means.

No secret leaves this module in a message, and none goes to another host than the one it was meant for.
"""

from __future__ import annotations

import base64
import http.client
import json
import socket
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.message import Message
from email.utils import parsedate_to_datetime
from typing import IO, Any
from urllib.parse import urlencode, urlsplit, urlunsplit

from sqlflow.sdk import Redactor, StepError, TransientError

from . import jsontext
from .options import Auth, HttpConfig

_BUSY = frozenset({408, 425, 429, 500, 502, 503, 504})
_EARLY = 30.0
_SHOWN = 200
_FIRST_PAUSE = 0.5


@dataclass(frozen=True)
class Answer:
    """A response that was taken whole: its text, the JSON it is (None without a body), and its headers."""

    url: str
    status: int
    text: str
    value: Any
    headers: Message


class _Broken(Exception):
    """The request may be sent again; `pause` is what the server asked for."""

    def __init__(self, told: str, pause: float | None = None) -> None:
        super().__init__(told)
        self.told = told
        self.pause = pause


def origin(url: str) -> tuple[str, str]:
    """Return scheme and host with its port: what a secret is meant for."""
    parts = urlsplit(url)
    return parts.scheme.lower(), parts.netloc.lower()


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows redirects on the same host only; a secret must not go anywhere else."""

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: Any, newurl: str
    ) -> urllib.request.Request | None:
        if origin(req.full_url) != origin(newurl):
            host = origin(newurl)[1]
            raise StepError(
                f"{req.get_method()} {shown(req.full_url)} redirects to another host, {host}",
                hint="write that address as base_url if it is the right one",
                code="SF511",
            )
        if code in (307, 308) and req.data is not None:
            return urllib.request.Request(newurl, req.data, dict(req.header_items()), method=req.get_method())  # noqa: S310
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def shown(url: str) -> str:
    """Write an address without its query, user and password."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, host, parts.path, "", ""))


@dataclass
class Client:
    """One connection's requests. Holds the OAuth token and the time of the last request."""

    config: HttpConfig
    redactor: Redactor = field(default_factory=Redactor)
    _token: str | None = None
    _expires: float = 0.0
    _next: float = 0.0

    def __post_init__(self) -> None:
        auth = self.config.auth
        for secret in (auth.token, auth.password, auth.key, auth.client_secret):
            if secret is not None:
                self.redactor.add(secret.get_secret_value())
        if auth.type == "basic" and auth.password is not None:
            self.redactor.add(_basic(auth.username or "", auth.password.get_secret_value()))
        handlers = (
            urllib.request.ProxyHandler(),
            urllib.request.HTTPHandler(),
            urllib.request.HTTPSHandler(),
            urllib.request.HTTPErrorProcessor(),
            urllib.request.HTTPDefaultErrorHandler(),
            _Redirects(),
        )
        self._opener = urllib.request.OpenerDirector()  # neither files nor ftp
        for handler in handlers:
            self._opener.add_handler(handler)

    def send(self, url: str, *, method: str = "GET", body: Any = None, end_status: int | None = None) -> Answer | None:
        """Send a request until it is answered whole; None when the answer is `end_status`.

        Raises:
            TransientError: the server is busy, fails, or cannot be reached, and all tries are used up.
            StepError: it refuses, or what it sends is no JSON.

        """
        data = None if body is None else json.dumps(body).encode()
        headers = {"Accept": "application/json", "User-Agent": "sqlflow", **self.config.headers}
        if data is not None:
            headers["Content-Type"] = "application/json"
        return self._sent(url, method, data, headers, end_status=end_status, signed=True)

    def _sent(
        self, url: str, method: str, data: bytes | None, headers: Mapping[str, str], *, end_status: int | None = None,
        signed: bool
    ) -> Answer | None:  # fmt: skip
        refreshed, tried = False, 0
        what = f"{method} {shown(url)}"
        while True:
            tried += 1
            full, sent = self._signed(url, headers) if signed else (url, dict(headers))
            try:
                return self._once(full, method, data, sent, what)
            except urllib.error.HTTPError as error:
                with error:
                    text = error.read(4096).decode("utf-8", "replace")
                if error.code == end_status:
                    return None
                if error.code == http.client.UNAUTHORIZED and signed and self._token and not refreshed:
                    self._token, refreshed, tried = None, True, tried - 1
                    continue
                raise self._refusal(what, error.code, text) from None
            except _Broken as broken:
                longest = self.config.max_wait.total_seconds()
                pause = broken.pause if broken.pause is not None else min(_FIRST_PAUSE * 2 ** (tried - 1), longest)
                told = self.redactor.text(f"{what} {broken.told}")
                if pause > longest:
                    hint = "run again later, or raise max_wait"
                    raise TransientError(f"{told}, and asks to wait {pause:.0f} s", hint=hint, code="SF715") from None
                if tried >= self.config.tries:
                    hint = "give the step retry, or raise tries"
                    raise TransientError(f"{told} ({tried} tries)", hint=hint, code="SF715") from None
                time.sleep(pause)

    def _once(self, url: str, method: str, data: bytes | None, headers: Mapping[str, str], what: str) -> Answer:
        self._wait()
        request = urllib.request.Request(url, data, dict(headers), method=method)  # noqa: S310 - only http and https
        try:
            response = self._opener.open(request, timeout=self.config.request_timeout.total_seconds())
            with response:
                raw = response.read()  # raises IncompleteRead when the body is shorter than it says
                status, got, final = response.status, response.headers, response.geturl()
        except urllib.error.HTTPError as error:
            if error.code in _BUSY:
                pause = _retry_after(error.headers)
                error.close()
                raise _Broken(f"answers {error.code} {error.reason}", pause) from None
            raise
        except http.client.InvalidURL:
            raise StepError(f"{what}: the address is not valid", hint="check base_url and path", code="SF511") from None
        except (http.client.HTTPException, OSError) as error:
            raise self._unreachable(what, error) from None
        return self._read(raw, status, got, final, what)

    def _read(self, raw: bytes, status: int, headers: Message, url: str, what: str) -> Answer:
        if status == http.client.NO_CONTENT:
            return Answer(url, status, "", None, headers)
        kind = headers.get_content_type() if headers.get("Content-Type") else "no content type"
        try:
            text = raw.decode("utf-8-sig")
        except UnicodeDecodeError:
            raise StepError(f"{what} answers with {kind} that is not UTF-8 text", code="SF511") from None
        try:
            value = jsontext.parse(text)
        except (ValueError, RecursionError) as error:
            at = getattr(error, "pos", 0)
            if "json" in kind and (at >= len(text.rstrip()) or "Unterminated" in str(error)):
                raise _Broken("sends JSON that breaks off") from None
            start = self.redactor.text(text)[:_SHOWN].strip()
            told = f"{what} answers {status} with {kind} that is not JSON ({error}): {start!r}"
            hint = "check the address; a page for people is no answer of an API"
            raise StepError(self.redactor.text(told), hint=hint, code="SF511") from None
        return Answer(url, status, text, value, headers)

    def _unreachable(self, what: str, error: Exception) -> Exception:
        reason = error.reason if isinstance(error, urllib.error.URLError) else error
        if isinstance(reason, ssl.SSLCertVerificationError):
            hint = "check the address and the certificates of this machine"
            told = f"{what}: the certificate of the server cannot be trusted: {reason.verify_message}"
            return StepError(told, hint=hint, kind="authentication")
        if isinstance(reason, socket.gaierror) and reason.errno != socket.EAI_AGAIN:
            host = origin(what.split(" ", 1)[1])[1]
            return StepError(f"{what}: host {host} not found", hint="check base_url", kind="not_found")
        if isinstance(reason, TimeoutError):
            seconds = self.config.request_timeout.total_seconds()
            return _Broken(f"was silent for {seconds:g} s")
        if isinstance(reason, http.client.IncompleteRead):
            return _Broken(f"breaks off after {len(reason.partial)} bytes")
        return _Broken(f"cannot be reached: {self.redactor.text(str(reason) or type(reason).__name__)}")

    def _refusal(self, what: str, status: int, text: str) -> StepError:
        said = self.redactor.text(" ".join(text.split()))[:_SHOWN]
        told = self.redactor.text(f"{what} answers {status} {http.client.responses.get(status, '')}".strip())
        if said and "<html" not in said.lower():
            told += f": {said}"
        if status == http.client.UNAUTHORIZED:
            return StepError(told, hint="check auth of the connection", kind="authentication")
        if status == http.client.FORBIDDEN:
            return StepError(told, hint="ask for the right to read it", kind="permission")
        if status in (http.client.NOT_FOUND, http.client.GONE):
            return StepError(told, hint="check base_url and path", kind="not_found")
        return StepError(told, hint="check the path, params and body of the request", kind="bad_data")

    def _wait(self) -> None:
        if self.config.rate_limit is None:
            return
        now = time.monotonic()
        if now < self._next:
            time.sleep(self._next - now)
        self._next = max(now, self._next) + 1 / self.config.rate_limit

    def _signed(self, url: str, headers: Mapping[str, str]) -> tuple[str, dict[str, str]]:
        auth, sent = self.config.auth, dict(headers)
        if auth.type == "bearer" and auth.token is not None:
            sent["Authorization"] = f"Bearer {auth.token.get_secret_value()}"
        elif auth.type == "basic" and auth.password is not None:
            sent["Authorization"] = f"Basic {_basic(auth.username or '', auth.password.get_secret_value())}"
        elif auth.type == "api_key" and auth.key is not None:
            if auth.send_in == "query":
                return with_params(url, {auth.name: auth.key.get_secret_value()}), sent
            sent[auth.name] = auth.key.get_secret_value()
        elif auth.type == "oauth2":
            if self._token is None or time.monotonic() >= self._expires:
                self._authorize(auth)
            sent["Authorization"] = f"Bearer {self._token}"
        return url, sent

    def _authorize(self, auth: Auth) -> None:
        """Get a token for client id and secret."""
        secret = auth.client_secret.get_secret_value() if auth.client_secret else ""
        form = {"grant_type": "client_credentials", "client_id": auth.client_id or "", "client_secret": secret}
        if auth.scope:
            form["scope"] = auth.scope
        headers = {"Accept": "application/json", "Content-Type": "application/x-www-form-urlencoded"}
        url = auth.token_url or ""
        try:
            answer = self._sent(url, "POST", urlencode(form).encode(), headers, signed=False)
        except TransientError:
            raise
        except StepError as error:
            hint = "check token_url, client_id and client_secret"
            raise StepError(f"no token: {error.message}", hint=hint, kind="authentication") from None
        token = answer.value.get("access_token") if answer and isinstance(answer.value, dict) else None
        if not isinstance(token, str) or answer is None:
            hint = "check token_url"
            raise StepError(f"POST {shown(url)} gives no access_token", hint=hint, kind="authentication")
        self.redactor.add(token)
        lasts = answer.value.get("expires_in")
        seconds = float(lasts) if isinstance(lasts, (int, float)) else float("inf")
        self._token, self._expires = token, time.monotonic() + max(seconds - _EARLY, seconds / 2)


def with_params(url: str, params: Mapping[str, Any]) -> str:
    """Put parameters into the query of an address; one that is there already is replaced."""
    from urllib.parse import parse_qsl

    parts = urlsplit(url)
    kept = [(k, v) for k, v in parse_qsl(parts.query, keep_blank_values=True) if k not in params]
    added = [(k, str(v).lower() if isinstance(v, bool) else str(v)) for k, v in params.items()]
    return urlunsplit(parts._replace(query=urlencode(kept + added)))


def _basic(user: str, password: str) -> str:
    return base64.b64encode(f"{user}:{password}".encode()).decode()


def _retry_after(headers: Message) -> float | None:
    """Return the seconds that a server asks to wait, given as such or as a date."""
    text = headers.get("Retry-After")
    if text is None:
        return None
    if text.strip().isdigit():
        return float(text)
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0.0, (moment - datetime.now(UTC)).total_seconds())
