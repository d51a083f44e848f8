"""Sending requests until they are answered: how fast, what is tried again, and what an answer that is none means."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NotYet
from dataclasses import dataclass, field
from email.message import Message
from threading import Event, Lock, Thread
from typing import Any, TypeVar

from sqlflow.sdk import Redactor, RunInterrupted, StepError, TransientError

from . import jsontext
from .options import HttpConfig
from .signing import Signer
from .transport import Broken, Refused, Reply, Transport, shown

T = TypeVar("T")

_SHOWN = 200
_FIRST_PAUSE = 0.5
_TICK = 0.1
"""Seconds between two looks at whether the run was stopped."""


@dataclass(frozen=True)
class Answer:
    """A response that was taken whole: its text, the JSON it is (None without a body), and its headers."""

    url: str
    status: int
    text: str
    value: Any
    headers: Message


def _never() -> bool:
    return False


@dataclass
class Client:
    """One connection's requests, from any number of threads. Holds the time of the next request."""

    config: HttpConfig
    stopped: Callable[[], bool] = _never
    pace: Callable[[], None] = lambda: None
    """Waits until the connection's rate limit lets a request go; the first one has waited."""
    redactor: Redactor = field(default_factory=Redactor)
    _waited: bool = True
    _first: Lock = field(default_factory=Lock)
    _closed: Event = field(default_factory=Event)

    def __post_init__(self) -> None:
        self._signer = Signer(self.config, self.redactor)
        self._transport = Transport(self.config.request_timeout.total_seconds())

    def close(self) -> None:
        """Let requests that still wait for their turn give up, and hold on to nothing of the run."""
        self._closed.set()
        self.stopped, self.pace = _never, lambda: None

    def begin(
        self, url: str, *, method: str = "GET", body: Any = None, end_status: int | None = None
    ) -> Future[Answer | None]:
        """Send a request in a thread of its own, which ends with the process, so that nothing ever waits for it."""
        return self._in_thread(lambda: self._send(url, method, body, end_status))

    def send(self, url: str, *, method: str = "GET", body: Any = None, end_status: int | None = None) -> Answer | None:
        """Send a request until it is answered whole; None when the answer is `end_status`.

        Raises:
            TransientError: the server is busy, fails, or cannot be reached, and all tries are used up.
            StepError: it refuses, or what it sends is no JSON.
            RunInterrupted: the run was stopped meanwhile.

        """
        return self.taken(self.begin(url, method=method, body=body, end_status=end_status))

    def taken(self, future: Future[T]) -> T:
        """Wait for a request, and for a stop of the run. Raises what `send` raises."""
        while True:
            try:
                return future.result(_TICK)
            except NotYet:
                if future.done():  # then it is the request that raised it
                    return future.result()
            if self.stopped():
                raise RunInterrupted("the run was stopped while an API was asked")

    def _in_thread(self, work: Callable[[], T]) -> Future[T]:
        future: Future[T] = Future()

        def run() -> None:
            try:
                future.set_result(work())
            except BaseException as error:  # noqa: BLE001 - it is raised where the result is taken
                future.set_exception(error)

        Thread(target=run, name="sqlflow-http", daemon=True).start()
        return future

    def _send(self, url: str, method: str, body: Any, end_status: int | None) -> Answer | None:
        data = None if body is None else json.dumps(body).encode()
        headers = {
            "Accept": "application/json",
            "Accept-Encoding": "gzip",
            "User-Agent": "sqlflow",
            **self.config.headers,
        }
        if data is not None:
            headers["Content-Type"] = "application/json"
        return self._sent(url, method, data, headers, end_status=end_status, signed=True)

    def _token(self, url: str, form: bytes, headers: Mapping[str, str]) -> Any:
        answer = self._sent(url, "POST", form, headers, signed=False)
        return answer.value if answer else None

    def _sent(
        self,
        url: str,
        method: str,
        data: bytes | None,
        headers: Mapping[str, str],
        *,
        end_status: int | None = None,
        signed: bool,
    ) -> Answer | None:
        refreshed, tried = False, 0
        what = self.redactor.text(f"{method} {shown(url)}")
        while True:
            tried += 1
            token = None
            full, sent = url, dict(headers)
            if signed:
                full, sent, token = self._signer.signed(url, headers, self._token)
            try:
                self._wait()
                return self._read(self._transport.send(full, method, data, sent, what), what)
            except Refused as error:
                if error.status == end_status:
                    return None
                if error.status == http.client.UNAUTHORIZED and token is not None and not refreshed:
                    self._signer.refused(token)
                    refreshed, tried = True, tried - 1
                    continue
                raise self._refusal(what, error) from None
            except Broken as broken:
                self._pause(self._told_again(what, broken, tried))

    def _told_again(self, what: str, broken: Broken, tried: int) -> float:
        """Return the seconds until the next try. Raises TransientError when there is none."""
        longest = self.config.max_wait.total_seconds()
        pause = broken.pause if broken.pause is not None else min(_FIRST_PAUSE * 2 ** (tried - 1), longest)
        told = f"{what} {self.redactor.text(broken.told)}"
        if tried >= self.config.tries:
            tries = f"{tried} tries" if tried > 1 else "1 try"
            raise TransientError(f"{told} ({tries})", hint=broken.hint, code="SF715")
        if pause > longest:
            hint = "run again later, or raise max_wait"
            raise TransientError(f"{told}, and asks to wait {pause:.0f} s", hint=hint, code="SF715")
        return pause

    def _read(self, reply: Reply, what: str) -> Answer:
        if reply.status == http.client.NO_CONTENT:
            return Answer(reply.url, reply.status, "", None, reply.headers)
        kind = reply.content_type
        try:
            text = reply.raw.decode("utf-8-sig")
        except UnicodeDecodeError:
            raise StepError(f"{what} answers with {kind} that is not UTF-8 text", code="SF511") from None
        try:
            value = jsontext.parse(text)
        except (ValueError, RecursionError) as error:
            if not text.strip() and "json" in kind:
                raise Broken("sends an empty body") from None
            if jsontext.breaks_off(text, error):
                raise Broken("sends JSON that breaks off") from None
            if isinstance(error, RecursionError):
                raise StepError(f"{what} sends JSON that is nested too deeply", code="SF511") from None
            start = " ".join(self.redactor.text(text).split())[:_SHOWN]
            why = f" ({error})" if text.lstrip().startswith(("{", "[")) else ""
            told = f"{what} answers {reply.status} with {kind} that is not JSON{why}: {start!r}"
            hint = "check the address; a page for people is no answer of an API"
            raise StepError(self.redactor.text(told), hint=hint, code="SF511") from None
        return Answer(reply.url, reply.status, text, value, reply.headers)

    def _refusal(self, what: str, error: Refused) -> StepError:
        said = self.redactor.text(" ".join(error.said.split()))[:_SHOWN]
        told = f"{what} answers {error.status} {http.client.responses.get(error.status, '')}".rstrip()
        if said and "<html" not in said.lower():
            told = self.redactor.text(f"{told}: {said}")
        if error.status == http.client.UNAUTHORIZED:
            return StepError(told, hint="check auth of the connection", kind="authentication")
        if error.status == http.client.FORBIDDEN:
            return StepError(told, hint="ask for the right to read it", kind="permission")
        if error.status in (http.client.NOT_FOUND, http.client.GONE):
            return StepError(told, hint="check base_url and path", kind="not_found")
        return StepError(told, hint="check the path, params and body of the request", kind="bad_data")

    def _wait(self) -> None:
        """Keep to the connection's `rate_limit`; the first request has waited before the client was made."""
        with self._first:
            waited, self._waited = self._waited, False
        if not waited:
            self.pace()

    def _pause(self, seconds: float) -> None:
        """Sleep, unless nobody waits for the answer any more."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            if self._closed.wait(min(left, _TICK)) or self.stopped():
                raise RunInterrupted("the run was stopped while an API was asked")
