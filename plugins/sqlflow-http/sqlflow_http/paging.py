"""Following pages to the last one, and making sure that none is missing or comes twice."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any
from urllib.parse import urljoin

from sqlflow.sdk import CursorRange, StepError, TransientError

from . import jsontext
from .client import Answer, Client, origin, shown, with_params
from .options import HttpRead, Pagination

_NEXT = re.compile(r'<([^>]*)>\s*((?:;\s*[^,;]+(?:"[^"]*")?\s*)*)')


@dataclass
class Pages:
    """The pages of one result, in order. Iterate once."""

    client: Client
    options: HttpRead
    since: CursorRange | None = None
    count: int = 0
    _seen: set[str] = field(default_factory=set)
    _totals: list[int] = field(default_factory=list)

    @property
    def what(self) -> str:
        """How messages call the request."""
        return f"{self.options.method} {shown(self._url)}"

    @property
    def _url(self) -> str:
        base, path = self.client.config.base_url, self.options.path
        return f"{base.rstrip('/')}/{path.lstrip('/')}" if path else base

    def __iter__(self) -> Iterator[tuple[int, list[tuple[Any, str]]]]:
        """Yield the number of each page, from 1, and its records as values and texts.

        Raises:
            StepError: a page comes twice, or the records are not where they should be or not as many as announced.

        """
        pages = self.options.pagination
        params = {**self.options.params, **_since(self.options, self.since)}
        if pages is not None and pages.size_param and pages.size:
            params[pages.size_param] = pages.size
        url, extra = self._url, _first(pages)
        number = 0
        while True:
            number += 1
            if number > self.options.max_pages:
                hint = "raise max_pages if there really are so many"
                raise StepError(f"{self.what} has more than {self.options.max_pages} pages", hint=hint, code="SF511")
            answer = self._asked(url, {**params, **extra}, number)
            if answer is None:
                break
            records = self._records(answer, number)
            self._once_only(records, number)
            self.count += len(records)
            yield number, records
            if pages is None or (not records and pages.type in ("page", "offset")):
                break
            followed = self._following(pages, answer, url, extra, number)
            if followed is None:
                break
            url, extra = followed
            if pages.type in ("link", "next_url"):
                params = {}
        self._complete()

    def _asked(self, url: str, params: dict[str, Any], number: int) -> Answer | None:
        pages = self.options.pagination
        end = pages.end_status if pages is not None and number > 1 else None
        if self.options.method == "POST":
            body = {**(self.options.body or {}), **params}
            return self.client.send(url, method="POST", body=body, end_status=end)
        return self.client.send(with_params(url, params), end_status=end)

    def _records(self, answer: Answer, number: int) -> list[tuple[Any, str]]:
        if answer.value is None and not answer.text:
            return []
        path = self.options.records
        at = jsontext.find(answer.text, path.split(".") if path else [])
        there = answer.value if at is None or not path else jsontext.value_at(answer.value, path)[1]
        if at is None or not isinstance(there, list):
            held = f"it holds: {', '.join(answer.value)}" if isinstance(answer.value, dict) else "it is no object"
            where = f"no list at {path!r}" if path else "no list of records"
            hint = "say where the list stands: records: PATH"
            raise StepError(
                self.client.redactor.text(f"{self.what}, page {number}: the response has {where}; {held}"[:500]),
                hint=hint,
                code="SF511",
            )
        self._note_total(answer, number)
        return list(jsontext.elements(answer.text, at))

    def _note_total(self, answer: Answer, number: int) -> None:
        if self.options.total is None:
            return
        there, total = jsontext.value_at(answer.value, self.options.total)
        if not there or not isinstance(total, int):
            told = f"{self.what}, page {number}: the response has no number at {self.options.total!r}"
            raise StepError(told, hint="check total", code="SF511")
        self._totals.append(total)

    def _once_only(self, records: list[tuple[Any, str]], number: int) -> None:
        if not records or self.options.pagination is None:
            return
        digest = hashlib.sha256("\0".join(text for _, text in records).encode()).hexdigest()
        if digest in self._seen:
            raise StepError(
                f"{self.what}: page {number} has the same records as a page before it",
                hint="the API does not know the parameter of the pagination; check its name",
                code="SF511",
            )
        self._seen.add(digest)

    def _following(
        self, pages: Pagination, answer: Answer, url: str, extra: dict[str, Any], number: int
    ) -> tuple[str, dict[str, Any]] | None:
        if pages.type == "page":
            param = pages.param or "page"
            return url, {param: extra[param] + 1}
        if pages.type == "offset":
            param = pages.param or "offset"
            return url, {param: (pages.start or 0) + self.count}
        following = _link(answer) if pages.type == "link" else self._value(pages, answer, number)
        if following is None or following in ("", False):
            return None
        if pages.type != "cursor":
            following = urljoin(answer.url, str(following))
            if origin(following) != origin(self._url):
                told = f"{self.what}, page {number}: the next page is on another host, {origin(following)[1]}"
                raise StepError(told, hint="write that host as base_url if it is the right one", code="SF511")
        mark = f"next:{following}"
        if mark in self._seen:
            told = f"{self.what}: page {number} leads back to a page that was read before"
            raise StepError(told, hint="check pagination", code="SF511")
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
        if not self._totals or self.count == self._totals[-1]:
            return
        told = f"{self.what} announces {self._totals[-1]} records and gives {self.count}"
        if len(set(self._totals)) > 1:
            hint = "the records changed while they were read; run again"
            raise TransientError(told, hint=hint, code="SF734")
        raise StepError(told, hint="check pagination and records", code="SF511")


def _first(pages: Pagination | None) -> dict[str, Any]:
    if pages is None:
        return {}
    if pages.type == "page":
        return {pages.param or "page": 1 if pages.start is None else pages.start}
    return {pages.param or "offset": pages.start or 0} if pages.type == "offset" else {}


def _link(answer: Answer) -> str | None:
    for header in answer.headers.get_all("Link") or ():
        for address, rest in _NEXT.findall(header):
            if re.search(r';\s*rel\s*=\s*"?([^";]*\s)?next(\s[^";]*)?"?\s*(;|$)', rest.strip(), re.IGNORECASE):
                return str(address)
    return None


def _since(options: HttpRead, since: CursorRange | None) -> dict[str, Any]:
    """Write the lowest value that is wanted as a parameter; what cannot be written so is left out, and all comes."""
    if options.since_param is None or since is None or since.lower is None:
        return {}
    value = since.lower.value
    if isinstance(value, datetime):
        zoned = value if value.tzinfo else value.replace(tzinfo=UTC)
        if options.since_format == "date":
            value = zoned.astimezone(UTC).date().isoformat()
        elif options.since_format == "iso":
            value = zoned.astimezone(UTC).isoformat().replace("+00:00", "Z") if value.tzinfo else value.isoformat()
        else:
            value = _unix(zoned, options.since_format)
    elif isinstance(value, date):
        day = datetime(value.year, value.month, value.day, tzinfo=UTC)
        value = value.isoformat() if options.since_format in ("iso", "date") else _unix(day, options.since_format)
    return {options.since_param: value}


def _unix(moment: datetime, form: str) -> int:
    return int(moment.timestamp() // 1) if form == "unix" else int(moment.timestamp() * 1000 // 1)
