"""The options of the connector, and what does not go together."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Literal

from pydantic import Field

from sqlflow.sdk import ConfigModel, Duration, Secret


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

    client_in: Literal["body", "header"] = "body"
    """Where `oauth2` sends client and secret when it asks for a token."""

    scope: str | None = None
    """Scope that `oauth2` asks for."""

    token_params: dict[str, str] = Field(default_factory=dict)
    """More that `oauth2` sends when it asks for a token, such as `audience`."""


NEEDS = {
    "none": (),
    "bearer": ("token",),
    "basic": ("username", "password"),
    "api_key": ("key",),
    "oauth2": ("token_url", "client_id", "client_secret"),
}
MAY = {
    **NEEDS,
    "api_key": ("key", "name", "send_in"),
    "oauth2": (*NEEDS["oauth2"], "client_in", "scope", "token_params"),
}


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
    """Headers of every request, shown as they are."""

    secret_headers: dict[str, Secret] = Field(default_factory=dict)
    """Headers of every request that are never shown."""

    secret_params: dict[str, Secret] = Field(default_factory=dict)
    """Parameters of every query that are never shown."""

    request_timeout: Duration = timedelta(seconds=30)
    """How long the server may be silent."""

    tries: int = Field(default=5, ge=1)
    """How often a request is sent when the server is busy (429), fails (5xx), is silent or breaks off."""

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

    parallel: int = Field(default=1, ge=1, le=32)
    """Pages asked for at the same time, with pagination of type `page` or `offset`."""

    total: str | None = None
    """Where the response says how many records there are; anything else than that many is an error."""

    total_header: str | None = None
    """Header that says so, such as `X-Total-Count`."""

    since_param: str | None = None
    """Parameter that carries the lowest value of the cursor that is wanted; it must mean at or after, and the API
    decides whether records without a cursor come too."""

    since_format: Literal["iso", "date", "unix", "unix_ms"] = "iso"
    """How a time is written in `since_param`; numbers and text are sent as they are."""

    flatten: bool = False
    """Whether objects within records become columns `outer__inner`; otherwise they are JSON."""

    max_pages: int = Field(default=10_000, ge=1)
    """More pages than this are an error."""
