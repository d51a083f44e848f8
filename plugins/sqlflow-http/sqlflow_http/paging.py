"""Following pages to the last one, and making sure that none is missing or comes twice."""

from __future__ import annotations

import hashlib
import re
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urljoin

from sqlflow.sdk import CursorRange, StepError, TransientError

from . import jsontext
from .client import Answer, Client
from .options import HttpRead, Pagination
from .signing import with_params
from .transport import origin, shown
from .watermark import since_params

_NEXT = re.compile(r'<([^>]*)>\s*((?:;\s*[^,;]+(?:"[^"]*")?\s*)*)')
_IN_PATH = "/%:@!$&'()*+,;=~-._?"
Record = tuple[Any, str]
"""A record as a value, and the JSON text that it came as."""


def address(base: str, path: str) -> str:
    """Put a path behind the base address."""
    return f"{base.rstrip('/')}/{quote(path.lstrip('/'), safe=_IN_PATH)}" if path else base


@dataclass
class Pages:
    """The pages of one result, in order. Iterate once."""

    client: Client
    options: HttpRead
    since: CursorRange | None = None
    count: int = 0
    _seen: set[str] = field(default_factory=set)
    _totals: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._url = address(self.client.config.base_url, self.options.path)
        self.what = self.client.redactor.text(f"{self.options.method} {shown(self._url)}")
        """How messages call the request."""
        pages = self.options.pagination
        self._params = {**self.options.params, **since_params(self.options, self.since)}
        if pages is not None and pages.size_param and pages.size:
            self._params[pages.size_param] = pages.size

    def __iter__(self) -> Iterator[tuple[int, list[Record]]]:
        """Yield the number of each page, from 1, and its records as values and texts.

        Raises:
            StepError: a page comes twice, or the records are not where they should be or not as many as announced.

        """
        pages = self.options.pagination
        try:
            if pages is not None and pages.type in ("page", "offset"):
                yield from self._counted(pages)
            else:
                yield from self._followed(pages)
            self._complete()
        finally:
            self.client.close()

    def _counted(self, pages: Pagination) -> Iterator[tuple[int, list[Record]]]:
        """Ask for pages by their number or offset, some of them ahead of time, until one is empty."""
        size = pages.size if self.options.parallel > 1 and pages.type == "offset" else None
        asked: deque[Future[Answer | None]] = deque()
        number, short = 0, 0
        while True:
            while len(asked) < self.options.parallel and number + len(asked) < self.options.max_pages:
                ahead = number + len(asked)
                asked.append(self._begin(self._url, {**self._params, **self._place(pages, ahead, size)}, ahead + 1))
            number += 1
            self._hold_to_limit(number)
            answer = self.client.taken(asked.popleft())
            records = [] if answer is None else self._taken(answer, number)
            if not records:
                if short:
                    self._confirm_end(pages, short)
                return
            if short:
                raise self._too_short(short, pages)
            yield number, records
            short = number if size and len(records) != size else 0

    def _confirm_end(self, pages: Pagination, short: int) -> None:
        """Make sure that nothing comes behind a short page: the API may give fewer records than it is asked for."""
        params = {**self._params, **self._place(pages, 0, None)}
        answer = self.client.taken(self._begin(self._url, params, short + 1))
        if answer is not None and self._records(answer, short + 1):
            raise self._too_short(short, pages)

    def _too_short(self, number: int, pages: Pagination) -> StepError:
        told = f"{self.what}: page {number} has fewer than {pages.size} records and is not the last one"
        return StepError(told, hint="write the size that the API gives, or parallel: 1", code="SF511")

    def _place(self, pages: Pagination, before: int, size: int | None) -> dict[str, Any]:
        """Write the parameter of the page that has so many pages before it."""
        if pages.type == "page":
            return {pages.param or "page": (1 if pages.start is None else pages.start) + before}
        return {pages.param or "offset": (pages.start or 0) + (self.count if size is None else before * size)}

    def _followed(self, pages: Pagination | None) -> Iterator[tuple[int, list[Record]]]:
        """Ask for one page after the other, each told by the one before it."""
        url, params, extra = self._url, self._params, dict[str, Any]()
        number = 0
        while True:
            number += 1
            self._hold_to_limit(number)
            answer = self.client.taken(self._begin(url, {**params, **extra}, number))
            if answer is None:
                return
            yield number, self._taken(answer, number)
            followed = None if pages is None else self._following(pages, answer, url, number)
            if pages is None or followed is None:
                return
            url, extra = followed
            if pages.type != "cursor":
                params = {}

    def _hold_to_limit(self, number: int) -> None:
        if number > self.options.max_pages:
            hint = "raise max_pages if there really are so many"
            raise StepError(f"{self.what} has more than {self.options.max_pages} pages", hint=hint, code="SF511")

    def _begin(self, url: str, params: dict[str, Any], number: int) -> Future[Answer | None]:
        pages = self.options.pagination
        end = pages.end_status if pages is not None and number > 1 else None
        if self.options.method == "POST":
            body = {**(self.options.body or {}), **params}
            return self.client.begin(url, method="POST", body=body, end_status=end)
        return self.client.begin(with_params(url, params), end_status=end)

    def _taken(self, answer: Answer, number: int) -> list[Record]:
        records = self._records(answer, number)
        self._once_only(records, number)
        self.count += len(records)
        return records

    def _records(self, answer: Answer, number: int) -> list[Record]:
        self._note_total(answer, number)
        if answer.value is None and not answer.text:
            return []
        path = self.options.records
        at = jsontext.find(answer.text, path.split(".") if path else [])
        there = answer.value if at is None or not path else jsontext.value_at(answer.value, path)[1]
        if at is None or not isinstance(there, list):
            if at is not None and path:
                held = f"it is {jsontext.kind(there)}"
            elif isinstance(answer.value, dict):
                held = f"it holds: {', '.join(answer.value) or 'nothing'}"
            else:
                held = f"it is {jsontext.kind(answer.value)}"
            where = f"no list at {path!r}" if path else "no list of records"
            told = self.client.redactor.text(f"{self.what}, page {number}: the response has {where}; {held}")
            raise StepError(told[:500], hint="say where the list stands: records: PATH", code="SF511")
        return list(jsontext.elements(answer.text, at))

    def _note_total(self, answer: Answer, number: int) -> None:
        path, header = self.options.total, self.options.total_header
        if path is not None and answer.text:
            _, total = jsontext.value_at(answer.value, path)
            if not isinstance(total, int) or isinstance(total, bool):
                told = f"{self.what}, page {number}: the response has no number at {path!r}"
                raise StepError(told, hint="check total", code="SF511")
            self._totals.append(total)
        elif header is not None:
            text = (answer.headers.get(header) or "").strip()
            if not (text.isascii() and text.isdigit()):
                told = f"{self.what}, page {number}: the response has no number in the header {header}"
                raise StepError(told, hint="check total_header", code="SF511")
            self._totals.append(int(text))

    def _once_only(self, records: list[Record], number: int) -> None:
        if not records or self.options.pagination is None:
            return
        digest = hashlib.sha256("\0".join(text for _, text in records).encode("utf-8", "surrogatepass")).hexdigest()
        if digest in self._seen:
            raise StepError(
                f"{self.what}: page {number} has the same records as a page before it",
                hint="the API does not know the parameter of the pagination; check its name",
                code="SF511",
            )
        self._seen.add(digest)

    def _following(self, pages: Pagination, answer: Answer, url: str, number: int) -> tuple[str, dict[str, Any]] | None:
        following = _link(answer) if pages.type == "link" else self._value(pages, answer, number)
        if following is None or following in ("", False):
            return None
        if not isinstance(following, str | int | float) or isinstance(following, bool):
            told = f"{self.what}, page {number}: the value at {pages.path!r} is {jsontext.kind(following)}"
            raise StepError(told, hint="check path; it must lead to text or a number", code="SF511")
        if pages.type != "cursor":
            following = urljoin(answer.url, str(following))
            if origin(following) != origin(self._url):
                told = f"{self.what}, page {number}: the next page is on another host, {'://'.join(origin(following))}"
                raise StepError(told, hint="write that host as base_url if it is the right one", code="SF511")
        mark = f"next:{following}"
        if mark in self._seen:
            told = f"{self.what}: page {number} leads back to a page that was read before"
            raise StepError(told, hint="check pagination; the API may not know the cursor's parameter", code="SF511")
        self._seen.add(mark)
        return (url, {pages.param or "cursor": following}) if pages.type == "cursor" else (str(following), {})

    def _value(self, pages: Pagination, answer: Answer, number: int) -> Any:
        there, value = jsontext.value_at(answer.value, pages.path or "")
        if not there and not pages.may_be_absent:
            raise StepError(
                f"{self.what}, page {number}: the response has no {pages.path!r}, so it is not known whether there is"
                " another page",
                hint="check path, or write may_be_absent: true when the API leaves it out on the last page",
                code="SF511",
            )
        return value

    def _complete(self) -> None:
        """Compare what came with what was announced."""
        if not self._totals or self.count == self._totals[-1]:
            return
        told = f"{self.what} announces {self._totals[-1]} records and gives {self.count}"
        if len(set(self._totals)) > 1:
            hint = "the records changed while they were read; run again"
            raise TransientError(told, hint=hint, code="SF734")
        raise StepError(told, hint="check pagination and records", code="SF511")


def _link(answer: Answer) -> str | None:
    for header in answer.headers.get_all("Link") or ():
        for there, rest in _NEXT.findall(header):
            if re.search(r';\s*rel\s*=\s*"?([^";]*\s)?next(\s[^";]*)?"?\s*(;|$)', rest.strip(), re.IGNORECASE):
                return str(there)
    return None
