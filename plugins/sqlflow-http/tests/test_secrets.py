"""Secrets: sent where they are meant to go, and shown nowhere."""
# ruff: noqa: ARG001, ARG005 - every answer is given path, query, headers and body, and looks at what it needs

import base64
import json
import logging
import time
from urllib.parse import parse_qs, quote

import pytest

ROWS = [{"id": n, "name": f"n{n}"} for n in range(1, 8)]


def ids(rows):
    """Return the ids that came, in order."""
    return rows.column("id").to_pylist()


def sliced(start, size):
    """Return some of the rows."""
    return ROWS[start : start + size]


SECRET = "s3cr3t/+hidden value"
AUTHS = {
    "bearer": f"{{type: bearer, token: '{SECRET}'}}",
    "basic": f"{{type: basic, username: ada, password: '{SECRET}'}}",
    "api_key header": f"{{type: api_key, name: X-Key, key: '{SECRET}'}}",
    "api_key query": f"{{type: api_key, name: k, key: '{SECRET}', send_in: query}}",
}


@pytest.mark.parametrize("name", AUTHS)
def test_requests_say_who_asks_and_errors_do_not(load, server, name):
    """Every page carries the secret; a refusal is sorted, and repeats no secret even when the server does."""

    def known(query, headers):
        basic = base64.b64encode(f"ada:{SECRET}".encode()).decode()
        sent = (headers.get("Authorization"), headers.get("X-Key"), query.get("k"))
        return any(value in (f"Bearer {SECRET}", f"Basic {basic}", SECRET) for value in sent)

    server.answer = lambda path, query, headers, body: (
        sliced(int(query["offset"]), 4) if known(query, headers) else (401, {}, {})
    )
    config = f"tries: 1, auth: {AUTHS[name]}"
    error, rows = load(server, "path: /i, pagination: {type: offset}", config)
    assert error is None, error
    assert len(ids(rows)) == 7
    for status, kind in [(401, "authentication"), (403, "permission"), (404, "not_found"), (400, "bad_data")]:
        server.answer = lambda path, query, headers, body, s=status: (s, {}, {"said": [path, query, headers]})
        error, _ = load(server, config=config)
        assert error["kind"] == kind
        assert f"answers {status}" in error["message"]
        assert SECRET not in error["everything"]
        assert base64.b64encode(f"ada:{SECRET}".encode()).decode() not in error["everything"]
    server.answer = lambda path, query, headers, body: (200, {}, b"no json: " + json.dumps([query, headers]).encode())
    error, _ = load(server, config=config)
    assert "***" in error["message"]
    assert SECRET not in error["everything"]


def test_a_token_of_oauth2_is_fetched_and_renewed(load, server):
    """Client credentials give a token; when it is refused or has expired, a new one is fetched, once."""
    issued = []

    def answer(path, query, headers, body):
        if path == "/token":
            form = parse_qs(body)
            assert form["client_secret"] == [SECRET]
            issued.append(f"token-number-{len(issued)}")
            return {"access_token": issued[-1], "expires_in": 3600}
        if headers.get("Authorization") != f"Bearer {issued[-1]}" or (len(issued) == 1 and query["offset"] == "4"):
            return 401, {}, {}
        return sliced(int(query["offset"]), 4)

    server.answer = answer
    auth = (
        f"auth: {{type: oauth2, token_url: '{server.url}/token', client_id: me, client_secret: '{SECRET}', scope: r}}"
    )
    error, rows = load(server, "path: /i, pagination: {type: offset}", f"tries: 1, {auth}")
    assert error is None, error
    assert (len(ids(rows)), len(issued)) == (7, 2)
    server.answer = lambda path, query, headers, body: (400, {}, {"error": body}) if path == "/token" else (500, {}, {})
    error, _ = load(server, config=f"tries: 1, {auth}")
    assert error["kind"] == "authentication"
    assert "no token" in error["message"]
    assert SECRET not in error["everything"]
    assert "hidden" not in error["everything"]


def test_no_secret_goes_to_another_host(load, server, other_server):
    """A redirect or a next page on another host is an error, and nothing is asked of that host."""
    config = f"tries: 1, auth: {AUTHS['bearer']}"
    server.answer = lambda *_: (302, {"Location": f"{other_server.url}/x"}, {})
    error, _ = load(server, config=config)
    assert "redirects to another host" in error["message"]
    server.answer = lambda *_: {"d": ROWS, "next": f"{other_server.url}/x"}
    error, _ = load(server, "path: /i, records: d, pagination: {type: next_url, path: next}", config)
    assert "is on another host" in error["message"]
    assert other_server.asked == []
    server.answer = lambda path, *_: (307, {"Location": "/there"}, {}) if path == "/items" else ROWS
    error, _ = load(server, config=config)
    assert error is None, error
    assert server.asked[-1][2]["Authorization"] == f"Bearer {SECRET}"


def test_nothing_is_logged(load, server, caplog, capfd):
    """Neither address nor secret turns up in a log or on the terminal."""
    server.answer = lambda *_: (403, {}, {})
    with caplog.at_level(logging.DEBUG):
        load(server, config=f"tries: 1, auth: {AUTHS['api_key query']}")
    out = capfd.readouterr()
    assert "s3cr3t" not in caplog.text + out.out + out.err


def test_secret_headers_and_parameters_are_sent_and_not_shown(load, server):
    """They go with every page; an answer that repeats them, and a page that fails, show nothing of them."""
    more = f"secret_headers: {{DD-KEY: '{SECRET}'}}, secret_params: {{app: 'app {SECRET}'}}"
    config = f"tries: 1, headers: {{X-Version: v2}}, {more}"

    def answer(path, query, headers, body):
        assert (headers["Dd-Key"], query["app"], headers["X-Version"]) == (SECRET, f"app {SECRET}", "v2")
        if "p" in query:
            return 418, {}, {"said": [SECRET, quote(SECRET), query]}
        return {"d": ROWS, "next": f"{server.url}/items?p=2&app={quote(SECRET)}"}

    server.answer = answer
    error, _ = load(server, "path: /items, records: d, pagination: {type: next_url, path: next}", config)
    assert "answers 418" in error["message"]
    assert SECRET not in error["everything"]
    assert quote(SECRET) not in error["everything"]
    assert "hidden" not in error["everything"]


@pytest.mark.parametrize("bad", ["line\\nbreak-of-a-secret", "snow-☃-of-a-secret"])
def test_a_secret_that_cannot_be_sent_is_not_shown_either(load, server, bad):
    """A token with a line break, as files often end, or beyond Latin-1 is told without its text."""
    error, _ = load(server, config=f'tries: 1, auth: {{type: bearer, token: "{bad}"}}')
    assert "a header cannot be sent as it is" in error["message"]
    assert "of-a-secret" not in error["everything"]
    assert server.asked == []


def oauth(server, more=""):
    """Write the auth of a client."""
    given = f"client_id: me, client_secret: '{SECRET}'"
    return f"tries: 1, auth: {{type: oauth2, token_url: '{server.url}/token', {given}{more}}}"


def test_client_and_secret_may_be_sent_in_a_header(load, server):
    """The header is that of basic authentication, and what the API wants besides is sent along."""

    def answer(path, query, headers, body):
        if path != "/token":
            return ROWS if headers["Authorization"] == "Bearer ttt" else (401, {}, {})
        assert parse_qs(body) == {"grant_type": ["client_credentials"], "audience": ["a b"]}
        assert headers["Authorization"] == "Basic " + base64.b64encode(b"me:s3cr3t%2F%2Bhidden+value").decode()
        return {"access_token": "ttt", "token_type": "bearer"}

    server.answer = answer
    error, rows = load(server, config=oauth(server, ", client_in: header, token_params: {audience: a b}"))
    assert error is None, error
    assert rows.num_rows == 7


@pytest.mark.parametrize("lasts", [1, "1"])
def test_a_token_is_renewed_before_it_ends(load, server, lasts):
    """A token that is told to be short-lived is not used to its end."""
    issued = []

    def answer(path, query, headers, body):
        if path == "/token":
            issued.append(1)
            return {"access_token": f"token-{len(issued)}", "expires_in": lasts}
        assert headers["Authorization"] == f"Bearer token-{len(issued)}"
        time.sleep(0.6)
        return sliced(int(query["offset"]), 4)

    server.answer = answer
    error, rows = load(server, "pagination: {type: offset}", oauth(server))
    assert error is None, error
    assert (ids(rows), len(issued)) == ([1, 2, 3, 4, 5, 6, 7], 3)


def test_parallel_pages_share_a_token_and_its_renewal(load, server):
    """A token that several pages find refused is renewed once, and none of them fails."""
    issued = []

    def answer(path, query, headers, body):
        if path == "/token":
            issued.append(1)
            return {"access_token": f"token-{len(issued)}"}
        if int(query["page"]) > 2 and headers["Authorization"] == "Bearer token-1":
            return 401, {}, {}
        return sliced((int(query["page"]) - 1), 1)

    server.answer = answer
    error, rows = load(server, "parallel: 4, pagination: {type: page}", oauth(server))
    assert error is None, error
    assert (ids(rows), len(issued)) == ([1, 2, 3, 4, 5, 6, 7], 2)


def test_a_token_that_is_never_taken_is_an_error(load, server):
    """After one new token there is no third."""
    server.answer = lambda path, *_: {"access_token": "abcdefgh"} if path == "/token" else (401, {}, {"e": "abcdefgh"})
    error, _ = load(server, config=oauth(server))
    assert error["kind"] == "authentication"
    assert [path for path, *_ in server.asked] == ["/token", "/items", "/token", "/items"]
    assert "abcdefgh" not in error["everything"]
    server.answer = lambda path, *_: {"token": "x"}
    assert "gives no access_token" in load(server, config=oauth(server))[0]["message"]
