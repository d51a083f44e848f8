"""One request over the wire: what came back whole, or how it failed. Knows neither retries nor who asks.

Nothing that a driver says reaches a message unread: it may quote a header or an address that holds a secret.
"""

from __future__ import annotations

import http.client
import socket
import ssl
import urllib.error
import urllib.request
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import Message
from email.utils import parsedate_to_datetime
from typing import IO, Any
from urllib.parse import urlsplit, urlunsplit

from sqlflow.sdk import StepError

_BUSY = frozenset({408, 425, 429})
_FINAL = frozenset({501, 505, 511})
_SAID = 4096
_GZIP = 31


@dataclass(frozen=True)
class Reply:
    """A response that was taken whole."""

    url: str
    status: int
    headers: Message
    raw: bytes

    @property
    def content_type(self) -> str:
        """The type that the server names, as messages say it."""
        return self.headers.get_content_type() if self.headers.get("Content-Type") else "no content type"


class Broken(Exception):
    """The request may be sent again; `pause` is what the server asked for, in seconds."""

    def __init__(
        self, told: str, pause: float | None = None, hint: str = "give the step retry, or raise tries"
    ) -> None:
        super().__init__(told)
        self.told = told
        self.pause = pause
        self.hint = hint


class Refused(Exception):
    """The server answered with a status that is an error, and said something."""

    def __init__(self, status: int, said: str) -> None:
        super().__init__(status)
        self.status = status
        self.said = said


def origin(url: str) -> tuple[str, str]:
    """Return scheme and host with its port: what a secret is meant for."""
    parts = urlsplit(url)
    scheme = parts.scheme.lower()
    port = {"http": ":80", "https": ":443"}.get(scheme, "")
    return scheme, parts.netloc.lower().removesuffix(port)


def shown(url: str) -> str:
    """Write an address without its query, user and password."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, host, parts.path, "", ""))


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows redirects on the same host only; a secret must not go anywhere else."""

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: Any, newurl: str
    ) -> urllib.request.Request | None:
        what = f"{req.get_method()} {shown(req.full_url)}"
        if origin(req.full_url) != origin(newurl):
            fp.close()
            scheme, host = origin(newurl)
            hint = "write that address as base_url if it is the right one"
            raise StepError(f"{what} redirects to another host, {scheme}://{host}", hint=hint, code="SF511")
        if req.data is not None:
            if code not in (307, 308):
                fp.close()
                hint = "write the address that it leads to, or method: GET"
                raise StepError(
                    f"{what} redirects to {shown(newurl)}, which would drop its body", hint=hint, code="SF511"
                )
            return urllib.request.Request(newurl, req.data, dict(req.header_items()), method=req.get_method())  # noqa: S310
        return super().redirect_request(req, fp, code, msg, headers, newurl)


class Transport:
    """Sends single requests over http and https, through the proxy that the environment names."""

    def __init__(self, silence: float) -> None:
        self.silence = silence
        """Seconds that the server may be silent."""
        self._opener = urllib.request.OpenerDirector()  # neither files nor ftp
        for handler in (
            urllib.request.ProxyHandler(),
            urllib.request.HTTPHandler(),
            urllib.request.HTTPSHandler(),
            urllib.request.HTTPErrorProcessor(),
            urllib.request.HTTPDefaultErrorHandler(),
            _Redirects(),
        ):
            self._opener.add_handler(handler)

    def send(self, url: str, method: str, data: bytes | None, headers: Mapping[str, str], what: str) -> Reply:
        """Send one request.

        Raises:
            Broken: it may be sent again.
            Refused: the server does not want it.
            StepError: it cannot be sent, or not there.

        """
        try:
            request = urllib.request.Request(url, data, dict(headers), method=method)  # noqa: S310 - only http and https
            response = self._opener.open(request, timeout=self.silence)
            with response:
                raw = response.read()  # raises IncompleteRead when the body is shorter than it says
                if not raw and response.status != http.client.NO_CONTENT and not _sized(response.headers):
                    raise Broken("hung up within the head of its answer")  # where the head ends, nobody can tell
                return Reply(response.geturl(), response.status, response.headers, _plain(raw, response.headers, what))
        except urllib.error.HTTPError as error:
            raise self._failure(error, what) from None
        except (http.client.InvalidURL, ValueError) as error:  # their text may quote a header, and that a secret
            told, hint = "the address is not valid", "check base_url and path"
            if not isinstance(error, (http.client.InvalidURL, UnicodeError)):
                told, hint = "a header cannot be sent as it is", "look for line breaks in auth and secret_headers"
            elif isinstance(error, UnicodeEncodeError) and error.encoding in ("latin-1", "iso-8859-1"):
                told, hint = "a header cannot be sent as it is", "only Latin-1 characters may be sent in a header"
            raise StepError(f"{what}: {told}", hint=hint, code="SF511") from None
        except (http.client.HTTPException, OSError) as error:
            raise self._unreachable(what, error) from None

    def _failure(self, error: urllib.error.HTTPError, what: str) -> Exception:
        status, pause = error.code, retry_after(error.headers)
        busy = status in _BUSY or (status >= http.client.INTERNAL_SERVER_ERROR and status not in _FINAL)
        limited = status == http.client.FORBIDDEN and pause is not None
        with error:
            if busy or limited:
                return Broken(f"answers {status} {http.client.responses.get(status, '')}".rstrip(), pause)
            try:
                said = _plain(error.read(_SAID), error.headers, what, whole=False).decode("utf-8", "replace")
            except (http.client.HTTPException, OSError, StepError):
                said = ""  # the status says enough
        return Refused(status, said)

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
            return Broken(f"was silent for {self.silence:g} s")
        if isinstance(reason, http.client.IncompleteRead):
            return Broken(f"breaks off after {len(reason.partial)} bytes")
        if isinstance(reason, http.client.RemoteDisconnected):
            return Broken("hangs up without an answer")
        if isinstance(reason, http.client.BadStatusLine):
            return Broken("answers with something that is not HTTP")
        if isinstance(reason, ssl.SSLError):
            told = f"cannot be reached over https: {(reason.reason or 'SSL').lower().replace('_', ' ')}"
            return Broken(told, hint="check base_url; the server may speak http")
        said = reason.strerror if isinstance(reason, OSError) and reason.strerror else type(reason).__name__
        if isinstance(reason, ConnectionError) and not isinstance(reason, ConnectionRefusedError):
            return Broken(f"breaks off: {said}")
        return Broken(f"cannot be reached: {said}", hint="check base_url, or give the step retry")


def _plain(raw: bytes, headers: Message, what: str, *, whole: bool = True) -> bytes:
    """Return the body as it was before it was packed."""
    packed = (headers.get("Content-Encoding") or "identity").strip().lower()
    if packed == "identity" or not raw:
        return raw
    if packed not in ("gzip", "x-gzip"):
        raise StepError(f"{what} answers packed as {packed!r}, which was not asked for", code="SF511")
    unpacking = zlib.decompressobj(_GZIP)
    try:
        plain = unpacking.decompress(raw)
    except zlib.error:
        raise Broken("sends a body that cannot be unpacked") from None
    if whole and not unpacking.eof:
        raise Broken("sends a packed body that breaks off")
    return plain


def _sized(headers: Message) -> bool:
    """Tell whether an answer says how long it is."""
    return "Content-Length" in headers or "Transfer-Encoding" in headers


def retry_after(headers: Message) -> float | None:
    """Return the seconds that a server asks to wait, given as such or as a date."""
    text = (headers.get("Retry-After") or "").strip()
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0.0, (moment - datetime.now(UTC)).total_seconds())
