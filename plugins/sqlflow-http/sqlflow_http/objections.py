"""What does not go together in the options of the connector, told before anything is asked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from sqlflow.sdk import Objection

from .options import MAY, NEEDS, HttpConfig, HttpRead, Pagination

_SECRET_HEADERS = frozenset({"authorization", "proxy-authorization", "cookie", "x-api-key", "api-key", "x-auth-token"})
_SECRET_PARAMS = frozenset({"access_token", "api-key", "api_key", "apikey", "auth_token", "client_secret", "password"})


def objections(config: HttpConfig, options: Any) -> Iterator[Objection]:
    """Tell which options do not go together."""
    yield from _address(config.base_url)
    auth = config.auth
    for name in NEEDS[auth.type]:
        if getattr(auth, name) is None:
            yield Objection("auth", f"auth of type {auth.type} needs {name}", f"add {name}")
    for name in sorted(auth.model_fields_set - {"type"} - set(MAY[auth.type])):
        yield Objection("auth", f"{name} has no effect in auth of type {auth.type}", "remove it")
    if auth.token_url is not None and not auth.token_url.startswith(("http://", "https://")):
        yield Objection("auth", f"token_url {auth.token_url!r} is no web address", "write https://HOST/PATH")
    yield from _open_secrets("headers", config.headers, _SECRET_HEADERS, "secret_headers, or auth")
    if isinstance(options, HttpRead):
        yield from _reading(config, options)


def _address(url: str) -> Iterator[Objection]:
    from urllib.parse import urlsplit

    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        host = None
    if not url.startswith(("http://", "https://")) or not host:
        yield Objection("base_url", "base_url is no web address", "write https://HOST/PATH")
        return
    if "@" in parts.netloc:
        yield Objection("base_url", "base_url holds a user or a password", "write auth: {type: basic, ...}")
    if parts.query or parts.fragment:
        hint = "write params beside path, or auth and secret_params for what must not be shown"
        yield Objection("base_url", "base_url holds a query, but paths are put behind it", hint)


def _open_secrets(option: str, names: Iterable[str], secret: frozenset[str], where: str) -> Iterator[Objection]:
    for name in names:
        if name.lower() in secret:
            yield Objection(
                option, f"{option} are shown as they are, and {name} is a secret", f"write it under {where}"
            )


def _reading(config: HttpConfig, options: HttpRead) -> Iterator[Objection]:
    where = "secret_params of the connection, or auth: {type: api_key, send_in: query}"
    yield from _open_secrets("params", options.params, _SECRET_PARAMS, where)
    for name in sorted(set(options.params) & set(config.secret_params)):
        yield Objection("params", f"{name} stands under secret_params of the connection too", "remove one of them")
    if "://" in options.path.split("?", 1)[0]:
        yield Objection("path", "path is put behind base_url, and is a whole address", "write what follows base_url")
    if options.body is not None and options.method == "GET":
        yield Objection("body", "a GET request has no body", "write method: POST, or params")
    if options.since_param is None and "since_format" in options.model_fields_set:
        yield Objection("since_format", "since_format has no effect without since_param", "add since_param")
    if options.since_param is not None and options.since_param in options.params:
        yield Objection("since_param", f"{options.since_param} stands under params too", "remove it there")
    if options.total is not None and options.total_header is not None:
        yield Objection("total_header", "total and total_header say the same", "write one of them")
    if options.pagination is not None:
        yield from _pages(options.pagination, options)
    else:
        for name in sorted({"parallel", "max_pages"} & options.model_fields_set):
            yield Objection(name, f"{name} has no effect without pagination", "add pagination")


def _pages(pages: Pagination, options: HttpRead) -> Iterator[Objection]:
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
    if options.parallel > 1 and kind not in ("page", "offset"):
        told = f"pages of type {kind} are known one after the other, so parallel has no effect"
        yield Objection("parallel", told, "remove it")
    if options.parallel > 1 and kind == "offset" and pages.size is None:
        hint = "write size and size_param under pagination"
        yield Objection("parallel", "parallel pages by offset need to know the size of a page", hint)
    own = pages.param or kind
    for param in (own if kind in ("page", "offset", "cursor") else None, pages.size_param):
        if param is not None and param in options.params:
            yield Objection("params", f"{param} is set by pagination", "remove it from params")
