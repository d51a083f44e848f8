"""The options of the connector, and what does not go together."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any, Literal

from pydantic import Field

from sqlflow.sdk import ConfigModel, Duration, Objection, Secret


class Auth(ConfigModel):
    """How a request says who asks."""

    type: Literal["none", "bearer", "basic", "api_key", "oauth2"]
    """`bearer` needs token; `basic` username and password; `api_key` key; `oauth2` (client credentials) token_url,
    client_id and client_secret."""

    token: Secret | None = None
    """Token of `bearer`."""

    username: str | None = None
    """User of `basic`."""

    password: Secret | None = None
    """Password of `basic`."""

    key: Secret | None = None
    """Key of `api_key`."""

    name: str = "X-API-Key"
    """Header or parameter that carries the key of `api_key`."""

    send_in: Literal["header", "query"] = "header"
    """Where the key of `api_key` is sent."""

    token_url: str | None = None
    """Where `oauth2` gets its tokens."""

    client_id: str | None = None
    """Client of `oauth2`."""

    client_secret: Secret | None = None
    """Secret of the client of `oauth2`."""

    scope: str | None = None
    """Scope that `oauth2` asks for."""


NEEDS = {
    "none": (),
    "bearer": ("token",),
    "basic": ("username", "password"),
    "api_key": ("key",),
    "oauth2": ("token_url", "client_id", "client_secret"),
}
_MAY = {**NEEDS, "api_key": ("key", "name", "send_in"), "oauth2": (*NEEDS["oauth2"], "scope")}


class Pagination(ConfigModel):
    """How the pages of a result follow each other."""

    type: Literal["page", "offset", "cursor", "link", "next_url"]
    """`page` counts pages, `offset` counts records, both until a page is empty; `cursor` sends back a value of the
    response; `link` follows the Link header; `next_url` follows an address in the body."""

    param: str | None = None
    """Parameter that carries page, offset or cursor; by default its name is that of the type."""

    start: int | None = None
    """First page (1) or offset (0)."""

    size_param: str | None = None
    """Parameter that carries the size of a page."""

    size: int | None = Field(default=None, ge=1)
    """Records to ask for in one page."""

    path: str | None = None
    """Where the next cursor or address stands in the response, such as `meta.next`; null or '' ends."""

    may_be_absent: bool = False
    """Whether the last response leaves `path` out; otherwise that is an error."""

    end_status: int | None = Field(default=None, ge=400, le=499)
    """Status, such as 404, with which the API answers behind the last page."""


class HttpConfig(ConfigModel):
    """A REST API."""

    base_url: str = Field(min_length=1)
    """Address that every path starts with."""

    auth: Auth = Auth(type="none")
    """How requests say who asks."""

    headers: dict[str, str] = Field(default_factory=dict)
    """Headers of every request."""

    rate_limit: float | None = Field(default=None, gt=0)
    """Requests a second at most."""

    request_timeout: Duration = timedelta(seconds=30)
    """How long the server may be silent."""

    tries: int = Field(default=5, ge=1)
    """How often a request is sent when the server is busy (429), fails (5xx) or breaks off."""

    max_wait: Duration = timedelta(minutes=1)
    """Longest pause between two tries; a server that asks for more fails the step."""


class HttpRead(ConfigModel):
    """What to read from it."""

    path: str = ""
    """Path behind the base address."""

    method: Literal["GET", "POST"] = "GET"
    """Method of the request."""

    params: dict[str, str | int | float | bool] = Field(default_factory=dict)
    """Parameters of the query."""

    body: dict[str, Any] | None = None
    """JSON body of the request; with POST, the parameters of pages and of the watermark go here too."""

    records: str | None = None
    """Where the list of records stands in the response, such as `data.items`; the response itself when left out."""

    pagination: Pagination | None = None
    """How the pages follow each other; one page when left out."""

    total: str | None = None
    """Where the response says how many records there are; anything else than that many is an error."""

    since_param: str | None = None
    """Parameter that carries the lowest value of the cursor that is wanted; it must mean at or after."""

    since_format: Literal["iso", "date", "unix", "unix_ms"] = "iso"
    """How a time is written in `since_param`; numbers and text are sent as they are."""

    flatten: bool = False
    """Whether objects within records become columns `outer__inner`; otherwise they are JSON."""

    max_pages: int = Field(default=10_000, ge=1)
    """More pages than this are an error."""


def objections(config: HttpConfig, options: Any) -> Iterator[Objection]:
    """Tell which options do not go together."""
    if not config.base_url.startswith(("http://", "https://")):
        yield Objection("base_url", "base_url is no web address", "write https://HOST/PATH")
    if "@" in config.base_url.split("//", 1)[-1].split("/", 1)[0]:
        yield Objection("base_url", "base_url holds a user or a password", "write auth: {type: basic, ...}")
    auth = config.auth
    for name in NEEDS[auth.type]:
        if getattr(auth, name) is None:
            yield Objection("auth", f"auth of type {auth.type} needs {name}", f"add {name}")
    for name in sorted(auth.model_fields_set - {"type"} - set(_MAY[auth.type])):
        yield Objection("auth", f"{name} has no effect in auth of type {auth.type}", "remove it")
    if isinstance(options, HttpRead):
        if options.body is not None and options.method == "GET":
            yield Objection("body", "a GET request has no body", "write method: POST, or params")
        if options.pagination is not None:
            yield from _page_objections(options.pagination, options)


def _page_objections(pages: Pagination, options: HttpRead) -> Iterator[Objection]:
    kind = pages.type
    if kind in ("cursor", "next_url") and pages.path is None:
        yield Objection("pagination", f"pagination of type {kind} needs path", "say where the response holds it")
    if (pages.size is None) != (pages.size_param is None):
        yield Objection("pagination", "size and size_param go together", "write both, or neither")
    effective = {
        "page": {"param", "start", "end_status"},
        "offset": {"param", "start", "end_status"},
        "cursor": {"param", "path", "may_be_absent"},
        "link": set(),
        "next_url": {"path", "may_be_absent"},
    }[kind] | {"type", "size", "size_param"}
    for name in sorted(pages.model_fields_set - effective):
        yield Objection("pagination", f"{name} has no effect in pagination of type {kind}", "remove it")
    if kind in ("link", "next_url") and options.method == "POST":
        yield Objection("pagination", f"pagination of type {kind} needs GET", "write method: GET")
