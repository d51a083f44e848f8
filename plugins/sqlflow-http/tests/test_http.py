"""REST APIs as sources: complete and right, or a clear error."""
# ruff: noqa: ARG001, ARG005 - every answer is given path, query, headers and body, and looks at what it needs

import base64
import json
import logging
import subprocess
import sys
import tempfile
import time
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from urllib.parse import parse_qs

import pytest

from sqlflow.pipeline import Pipeline

README = Path(__file__).parents[1] / "README.md"
ROWS = [{"id": n, "name": f"n{n}"} for n in range(1, 8)]


@pytest.fixture(autouse=True)
def spools(tmp_path, monkeypatch):
    """No test leaves a spooled file behind."""
    folder = tmp_path / "spools"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    yield
    assert list(folder.iterdir()) == []


def load(folder, server, source="path: /items", config="tries: 1", more=""):
    """Run a load; return its error (or None) and the rows."""
    file = folder / "spec.yaml"
    file.write_text(
        "version: 1\nname: s\n"
        f"connections:\n  api: {{connector: http, base_url: '{server.url}', {config}}}\n"
        f"steps:\n  - id: load\n    type: load\n    source: {{connection: api, {source}}}\n    target: out\n"
        + "".join(f"    {line}\n" for line in more.splitlines())
    )
    with Pipeline.from_file(file).run() as result:
        step = result.steps[0]
        record = json.dumps([step.error, [p.read_text() for p in (folder / "target").rglob("*.*json") if p.is_file()]])
        rows = result.table("out") if step.error is None else None
    return step.error and {**step.error, "everything": record}, rows


def ids(rows):
    """Return the ids that came, in order."""
    return rows.column("id").to_pylist()


def sliced(start, size):
    """Return some of the rows."""
    return ROWS[start : start + size]


PAGINATIONS = {
    "page": (
        "records: data, pagination: {type: page, size_param: n, size: 3}",
        lambda u, q: {"data": sliced((int(q["page"]) - 1) * 3, 3)},
    ),
    "page from zero": (
        "records: data, pagination: {type: page, param: p, start: 0}",
        lambda u, q: {"data": sliced(int(q["p"]) * 3, 3)},
    ),
    "pages smaller than asked for": (
        "records: data, pagination: {type: page, size_param: n, size: 100}",
        lambda u, q: {"data": sliced((int(q["page"]) - 1) * 2, 2)},
    ),
    "a 404 behind the last page": (
        "records: data, pagination: {type: page, end_status: 404}",
        lambda u, q: {"data": sliced((int(q["page"]) - 1) * 4, 4)} if int(q["page"]) < 3 else (404, {}, {}),
    ),
    "offset": (
        "pagination: {type: offset, size_param: limit, size: 3}",
        lambda u, q: sliced(int(q["offset"]), min(int(q["limit"]), 2)),
    ),
    "cursor": (
        "records: data, pagination: {type: cursor, param: after, path: meta.next}",
        lambda u, q: {
            "data": sliced(int(q.get("after", 0)), 3),
            "meta": {"next": int(q.get("after", 0)) + 3 if int(q.get("after", 0)) < 6 else None},
        },
    ),
    "cursor that is left out": (
        "records: data, pagination: {type: cursor, path: next, may_be_absent: true}",
        lambda u, q: {"data": ROWS[:5], "next": "a/b?&="} if q.get("cursor") != "a/b?&=" else {"data": ROWS[5:]},
    ),
    "link": (
        "pagination: {type: link}",
        lambda u, q: (
            (200, {"Link": f'<{u}/items>; rel="first", </items?at=3&k=1>; rel="next"'}, ROWS[:3])
            if "at" not in q
            else (200, {"Link": '</items>; rel="prev"'}, ROWS[3:])
        ),
    ),
    "next_url": (
        "records: data, pagination: {type: next_url, path: next}",
        lambda u, q: {"data": ROWS[:3], "next": f"{u}/items?p=2"} if "p" not in q else {"data": ROWS[3:], "next": ""},
    ),
}


@pytest.mark.parametrize("name", PAGINATIONS)
def test_every_page_comes_once_and_in_order(tmp_path, server, name):
    """Whatever the pagination, the rows are all rows, and the parameters of the source go with each page."""
    source, answer = PAGINATIONS[name]
    server.answer = lambda path, query, headers, body: answer(server.url, query)
    error, rows = load(tmp_path, server, f"path: items, params: {{q: 'a b&c', yes: true}}, {source}")
    assert error is None, error
    assert ids(rows) == [1, 2, 3, 4, 5, 6, 7]
    assert (server.asked[0][1]["q"], server.asked[0][1]["yes"]) == ("a b&c", "true")


def test_a_post_sends_its_parameters_in_the_body(tmp_path, server):
    """With POST the page and the parameters go into the JSON body."""
    server.answer = lambda path, query, headers, body: sliced(json.loads(body)["offset"], 4)
    source = "path: /search, method: POST, body: {filter: {a: [1]}}, pagination: {type: offset}"
    error, rows = load(tmp_path, server, source)
    assert error is None, error
    assert ids(rows) == [1, 2, 3, 4, 5, 6, 7]
    assert json.loads(server.asked[1][3]) == {"filter": {"a": [1]}, "offset": 4}


HTML = b"<html><body>Please log in</body></html>"
BROKEN = {
    "the server ignores the page": (
        "records: data, pagination: {type: page}", {"data": ROWS}, "page 2 has the same records as a page before it"),
    "a cursor that leads in a circle": (
        "records: data, pagination: {type: cursor, path: next}", None, "leads back to a page that was read before"),
    "a cursor that is not there": (
        "records: data, pagination: {type: cursor, path: nxt}", {"data": ROWS, "next": "x"}, "has no 'nxt'"),
    "fewer than announced": ("records: data, total: total", {"data": ROWS, "total": 8}, "announces 8 records"),
    "no total": ("records: data, total: total", {"data": ROWS}, "no number at 'total'"),
    "records elsewhere": ("records: items", {"data": ROWS}, "no list at 'items'; it holds: data"),
    "an object without records": ("flatten: false", {"data": ROWS}, "no list of records; it holds: data"),
    "no objects": ("flatten: false", [1, 2], "page 1, record 1 is no object"),
    "a page for people": ("flatten: true", (200, {"Content-Type": "text/html"}, HTML), "text/html that is not JSON"),
    "an empty body": ("flatten: false", (200, {}, b""), "sends an empty body"),
    "NaN": ("flatten: false", b'[{"a": NaN}]', "NaN is not JSON"),
    "a field twice": ("flatten: false", b'[{"a": 1, "a": 2}]', "the field 'a' twice"),
    "names that differ in case": ("flatten: false", b'[{"a": 1, "A": 2}]', "differ in case only"),
    "more behind the end": ("flatten: false", b'[{"a": 1}] []', "more text behind the end"),
    "no UTF-8": ("flatten: false", b'[{"a": "\xff"}]', "not UTF-8"),
    "a broken body": ("flatten: false", (200, {"Content-Length": "5000"}, ROWS), "breaks off after"),
    "JSON that ends early": ("flatten: false", b'[{"a": 1}, {"a": 2', "breaks off"),
    "too many pages": (
        "pagination: {type: offset}, max_pages: 2", lambda q: [{"a": int(q["offset"])}], "more than 2 pages"),
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN)
def test_an_answer_that_cannot_be_complete_is_an_error(tmp_path, server, name):
    """Short data never passes: the step fails, says which request and page it was, and the target is not made."""
    source, content, told = BROKEN[name]

    def answer(path, query, headers, body):
        if content is None:
            now = query.get("cursor", "a")
            return {"data": [{"id": f"{now}{len(server.asked)}"}], "next": "b" if now == "a" else "a"}
        return content(query) if callable(content) else content

    server.answer = answer
    error, _ = load(tmp_path, server, f"path: /items, {source}")
    assert told in error["message"]
    assert f"GET {server.url}/items" in error["message"]
    assert error["hint"] or "SF511" in error["code"]


def test_records_that_change_while_they_are_read_are_transient(tmp_path, server):
    """When the announced total moves between pages and does not fit, another try may give all."""
    server.answer = lambda path, query, headers, body: {
        "data": sliced(int(query["offset"]), 4), "total": 7 + int(query["offset"])
    }  # fmt: skip
    error, _ = load(tmp_path, server, "records: data, total: total, pagination: {type: offset}")
    assert (error["kind"], error["code"]) == ("transient", "SF734")


@pytest.mark.parametrize("trouble", ["429", "500", "breaks off", "silent"])
def test_a_busy_or_broken_server_is_asked_again(tmp_path, server, trouble):
    """A request that meets 429, 5xx, a broken body or silence is sent again, and no row is lost or doubled."""

    def answer(path, query, headers, body):
        if len(server.asked) in (1, 3):
            if trouble == "silent":
                time.sleep(0.6)
            status = {"429": 429, "500": 500}.get(trouble, 200)
            more = {"Content-Length": "9999"} if trouble == "breaks off" else {"Retry-After": "0"}
            return status, more, ROWS
        return sliced(int(query["offset"]), 4)

    server.answer = answer
    config = "tries: 3, request_timeout: 300ms"
    error, rows = load(tmp_path, server, "path: /items, pagination: {type: offset}", config)
    assert error is None, error
    assert ids(rows) == [1, 2, 3, 4, 5, 6, 7]


def test_retry_after_is_kept_to_and_bounded(tmp_path, server):
    """The pause that a server asks for is made; one beyond max_wait is a transient error at once."""
    server.answer = lambda *_: (429, {"Retry-After": "1"}, {}) if len(server.asked) == 1 else ROWS
    before = time.monotonic()
    assert load(tmp_path, server, config="tries: 2")[0] is None
    assert time.monotonic() - before > 1
    server.answer = lambda *_: (503, {"Retry-After": "3600"}, {})
    error, _ = load(tmp_path, server, config="tries: 2")
    assert error["kind"] == "transient"
    assert "asks to wait 3600 s" in error["message"]


def test_when_all_tries_are_used_up_the_step_may_be_retried(tmp_path, server):
    """Behind the connector's own tries stands the step's retry."""
    server.answer = lambda *_: (500, {"Retry-After": "0"}, {}) if len(server.asked) < 4 else ROWS
    error, rows = load(tmp_path, server, config="tries: 2", more="retry: {attempts: 2, delay: 10ms}")
    assert error is None, error
    assert len(ids(rows)) == 7
    server.stop()
    error, _ = load(tmp_path, server, config="tries: 1")
    assert (error["kind"], "cannot be reached" in error["message"]) == ("transient", True)


def test_requests_keep_their_distance(tmp_path, server):
    """No more requests a second are sent than rate_limit says."""
    server.answer = lambda path, query, headers, body: sliced(int(query["offset"]), 2)
    before = time.monotonic()
    error, _ = load(tmp_path, server, "path: /i, pagination: {type: offset}", "rate_limit: 10")
    assert error is None
    assert time.monotonic() - before > 0.4


SECRET = "s3cr3t/+hidden value"  # noqa: S105
AUTHS = {
    "bearer": f"{{type: bearer, token: '{SECRET}'}}",
    "basic": f"{{type: basic, username: ada, password: '{SECRET}'}}",
    "api_key header": f"{{type: api_key, name: X-Key, key: '{SECRET}'}}",
    "api_key query": f"{{type: api_key, name: k, key: '{SECRET}', send_in: query}}",
}


@pytest.mark.parametrize("name", AUTHS)
def test_requests_say_who_asks_and_errors_do_not(tmp_path, server, name):
    """Every page carries the secret; a refusal is sorted, and repeats no secret even when the server does."""

    def known(query, headers):
        basic = base64.b64encode(f"ada:{SECRET}".encode()).decode()
        sent = (headers.get("Authorization"), headers.get("X-Key"), query.get("k"))
        return any(value in (f"Bearer {SECRET}", f"Basic {basic}", SECRET) for value in sent)

    server.answer = lambda path, query, headers, body: (
        sliced(int(query["offset"]), 4) if known(query, headers) else (401, {}, {})
    )
    config = f"tries: 1, auth: {AUTHS[name]}"
    error, rows = load(tmp_path, server, "path: /i, pagination: {type: offset}", config)
    assert error is None, error
    assert len(ids(rows)) == 7
    for status, kind in [(401, "authentication"), (403, "permission"), (404, "not_found"), (400, "bad_data")]:
        server.answer = lambda path, query, headers, body, s=status: (s, {}, {"said": [path, query, headers]})
        error, _ = load(tmp_path, server, config=config)
        assert error["kind"] == kind
        assert f"answers {status}" in error["message"]
        assert SECRET not in error["everything"]
        assert base64.b64encode(f"ada:{SECRET}".encode()).decode() not in error["everything"]
    server.answer = lambda path, query, headers, body: (200, {}, b"no json: " + json.dumps([query, headers]).encode())
    error, _ = load(tmp_path, server, config=config)
    assert "***" in error["message"]
    assert SECRET not in error["everything"]


def test_a_token_of_oauth2_is_fetched_and_renewed(tmp_path, server):
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
    error, rows = load(tmp_path, server, "path: /i, pagination: {type: offset}", f"tries: 1, {auth}")
    assert error is None, error
    assert (len(ids(rows)), len(issued)) == (7, 2)
    server.answer = lambda path, query, headers, body: (400, {}, {"error": body}) if path == "/token" else (500, {}, {})
    error, _ = load(tmp_path, server, config=f"tries: 1, {auth}")
    assert error["kind"] == "authentication"
    assert "no token" in error["message"]
    assert SECRET not in error["everything"]
    assert "hidden" not in error["everything"]


def test_no_secret_goes_to_another_host(tmp_path, server, other_server):
    """A redirect or a next page on another host is an error, and nothing is asked of that host."""
    config = f"tries: 1, auth: {AUTHS['bearer']}"
    server.answer = lambda *_: (302, {"Location": f"{other_server.url}/x"}, {})
    error, _ = load(tmp_path, server, config=config)
    assert "redirects to another host" in error["message"]
    server.answer = lambda *_: {"d": ROWS, "next": f"{other_server.url}/x"}
    error, _ = load(tmp_path, server, "path: /i, records: d, pagination: {type: next_url, path: next}", config)
    assert "is on another host" in error["message"]
    assert other_server.asked == []
    server.answer = lambda path, *_: (307, {"Location": "/there"}, {}) if path == "/items" else ROWS
    error, _ = load(tmp_path, server, config=config)
    assert error is None, error
    assert server.asked[-1][2]["Authorization"] == f"Bearer {SECRET}"


VALUES = b"""[
  {"id": 1, "big": 9223372036854775807, "huge": 18446744073709551616, "r": 1, "yes": true, "s": "", "day": "2024-02-29",
   "at": "2024-01-01T10:00:00", "zoned": "2024-01-01T10:00:00+02:00", "amount": 12345678901234567890.12, "none": null,
   "nested": {"a": [1, 2.50], "b": "\\u00e9"}, "list": [], "mixed": 1, "code": "007", "late": null},
  {"id": -1, "big": -9223372036854775808, "huge": 1, "r": 2.5, "yes": false, "s": "o'\\"\\n\\ud83d\\ude00", "day": null,
   "at": "2024-01-01 10:00:00.123456", "zoned": "2024-01-01T10:00:00Z", "amount": 0.10, "nested": null, "list": [1],
   "mixed": "one", "code": "2024-01-01", "late": "x", "new \\"key": 1e3}
]"""


def test_values_come_as_they_were_written(tmp_path, server):
    """Types are told from every value of every page; '' is not null, and no digit is lost where a type is declared."""
    server.answer = lambda *_: VALUES
    error, rows = load(tmp_path, server, more="columns: {amount: 'decimal(38,2)', s: varchar}")
    assert error is None, error
    first, second = rows.to_pylist()
    assert (first["big"], first["huge"], second["big"]) == (2**63 - 1, 2**64, -(2**63))
    assert (first["r"], second["r"], first["yes"]) == (1.0, 2.5, True)
    assert (first["s"], second["s"], first["none"]) == ("", "o'\"\n😀", None)
    assert (first["day"], second["at"]) == (date(2024, 2, 29), datetime(2024, 1, 1, 10, 0, 0, 123456))  # noqa: DTZ001
    assert first["zoned"].timestamp() + 7200 == second["zoned"].timestamp()
    assert (first["amount"], second["amount"]) == (Decimal("12345678901234567890.12"), Decimal("0.10"))
    assert (first["nested"], first["list"]) == ('{"a": [1, 2.50], "b": "\\u00e9"}', "[]")
    assert (first["mixed"], second["mixed"], first["code"]) == ("1", '"one"', "007")
    assert (first['new "key'], second['new "key']) == (None, 1000.0)


def test_flattened_objects_become_columns(tmp_path, server):
    """Objects within objects become columns outer__inner; lists stay JSON, and two ways to one name are an error."""
    server.answer = lambda *_: [
        {"id": 1, "a": {"b": {"c": 1}, "d": [{"e": 2}]}},
        {"id": 2, "a": {"b": {"c": 3}, "x": {}}},
    ]
    error, rows = load(tmp_path, server, "flatten: true")
    assert error is None, error
    assert rows.select(["a__b__c", "a__d"]).to_pylist() == [
        {"a__b__c": 1, "a__d": '[{"e": 2}]'},
        {"a__b__c": 3, "a__d": None},
    ]
    server.answer = lambda *_: [{"a": {"b": 1}, "a__b": 2}]
    assert "twice" in load(tmp_path, server, "flatten: true")[0]["message"]


def test_a_fraction_is_not_rounded_to_a_declared_integer(tmp_path, server):
    """A value that does not fit the declared type is told with field and page."""
    server.answer = lambda path, query, headers, body: [[{"n": 1}], [{"n": 1.5}], []][int(query["page"]) - 1]
    source = "path: /items, pagination: {type: page}"
    error, _ = load(tmp_path, server, source, more="columns: {n: bigint}")
    assert "column 'n' is declared BIGINT but holds 1.5" in error["message"]
    assert "page 2, record 1" in error["message"]


def test_types_of_the_last_good_run_stay(tmp_path, server):
    """Whole numbers in a column of fractions, and no rows at all, change no type; text in a number column stops."""
    merge = "mode: merge\nkey: [id]"
    server.answer = lambda *_: [{"id": 1, "x": 1.5, "d": "2024-01-01", "n": 1}]
    assert load(tmp_path, server, more=merge)[0] is None
    server.answer = lambda *_: [{"id": 2, "x": 2, "d": None, "n": 5}]
    assert load(tmp_path, server, more=merge)[0] is None
    server.answer = lambda *_: []
    error, rows = load(tmp_path, server, more=merge)
    assert error is None, error
    assert [str(t) for t in rows.schema.types] == ["int64", "double", "date32[day]", "int64"]
    server.answer = lambda *_: [{"id": 3, "x": 2, "d": None, "n": 1.5}]
    error, _ = load(tmp_path, server, more=merge)
    assert error["code"] == "SF732", error


def test_no_records_and_no_columns_is_an_error(tmp_path, server):
    """An empty first answer has no columns to make a table of, unless they are declared."""
    error, _ = load(tmp_path, server)
    assert "gives no records" in error["message"]
    error, rows = load(tmp_path, server, more="columns: {id: bigint, s: varchar}")
    assert error is None, error
    assert [str(t) for t in rows.schema.types] == ["int64", "string"]


@pytest.mark.parametrize(
    ("form", "values", "sent"),
    [
        ("iso", ["2024-01-01T10:00:00Z", "2024-01-02T10:00:00Z"], "2024-01-02T10:00:00Z"),
        ("iso", ["2024-01-01T10:00:00.5", "2024-01-02T10:00:00.5"], "2024-01-02T10:00:00.500000"),
        ("date", ["2024-01-01T10:00:00Z", "2024-01-02T10:00:00Z"], "2024-01-02"),
        ("unix", ["2024-01-01T10:00:00.9Z", "2024-01-02T10:00:00.9Z"], "1704189600"),
        ("unix_ms", ["2024-01-01T10:00:00Z", "2024-01-02T10:00:00.9Z"], "1704189600900"),
        ("iso", ["2024-01-01", "2024-01-02"], "2024-01-02"),
        ("iso", [7, 12], "12"),
    ],
)
def test_the_watermark_goes_into_its_parameter(tmp_path, server, form, values, sent):
    """The second run asks from the watermark on, and rows at the watermark are neither lost nor doubled."""
    server.answer = lambda *_: [{"id": n, "at": value} for n, value in enumerate(values)]
    source = f"path: /items, since_param: since, since_format: {form}"
    more = "mode: merge\nkey: [id]\ncursor: at"
    assert load(tmp_path, server, source, more=more)[0] is None
    assert "since" not in server.asked[-1][1]
    error, rows = load(tmp_path, server, source, more=more)
    assert error is None, error
    assert server.asked[-1][1]["since"] == sent
    assert sorted(ids(rows)) == [0, 1]


def test_wrong_options_are_found_before_anything_is_asked(tmp_path, server):
    """What does not go together is a problem of the document."""
    for config, source, told in [
        ("auth: {type: bearer}", "path: /x", "needs token"),
        ("auth: {type: bearer, token: tttt, key: kkkk}", "path: /x", "key has no effect"),
        ("tries: 1", "body: {a: 1}", "a GET request has no body"),
        ("tries: 1", "pagination: {type: cursor}", "needs path"),
        ("tries: 1", "pagination: {type: page, path: x}", "path has no effect"),
        ("tries: 1", "pagination: {type: page, size: 3}", "size and size_param go together"),
        ("tries: 0", "path: /x", "tries"),
    ]:
        file = tmp_path / "spec.yaml"
        file.write_text(
            f"version: 1\nname: s\nconnections:\n  api: {{connector: http, base_url: '{server.url}', {config}}}\n"
            f"steps:\n  - {{id: a, type: load, source: {{connection: api, {source}}}, target: out}}\n"
        )
        assert any(told in problem.message for problem in Pipeline.from_file(file).validate()), told
    assert server.asked == []


def test_the_connection_can_be_tested(server):
    """A test of the connection tells whether somebody answers and whether the secret is taken."""
    from sqlflow_http.connector import HttpConnector
    from sqlflow_http.options import HttpConfig

    config = HttpConfig(base_url=server.url, tries=1)
    assert HttpConnector().test(config, Path()).ok
    server.answer = lambda *_: (401, {}, {})
    assert not HttpConnector().test(config, Path()).ok
    server.answer = lambda *_: (404, {}, {})
    assert HttpConnector().test(config, Path()).ok


def test_the_spec_of_the_readme_runs(tmp_path, server, monkeypatch):
    """What the README shows works."""
    monkeypatch.setenv("SHOP_TOKEN", SECRET)
    server.answer = lambda path, query, headers, body: {
        "data": [{"id": int(query["page"]), "updated_at": "2024-01-01T00:00:00Z"}] if int(query["page"]) < 4 else [],
        "total": 3,
    }
    file = tmp_path / "spec.yaml"
    text = README.read_text().split("```yaml\n")[1].split("```")[0]
    file.write_text(text.replace("https://shop.example.com/api", server.url))
    with Pipeline.from_file(file).run() as result:
        assert result.status == "succeeded", result.steps[0].error
        assert result.table("raw.orders").num_rows == 3


def test_importing_the_plugin_imports_nothing_heavy():
    """Whoever has the plugin installed pays for it only when a document uses it."""
    heavy = "{'urllib.request', 'http.client', 'ssl', 'pyarrow', 'duckdb'} & set(sys.modules)"
    code = f"import sqlflow_http.connector, sys; print(sorted({heavy}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]", done.stdout


def test_nothing_is_logged(tmp_path, server, caplog, capfd):
    """Neither address nor secret turns up in a log or on the terminal."""
    server.answer = lambda *_: (403, {}, {})
    with caplog.at_level(logging.DEBUG):
        load(tmp_path, server, config=f"tries: 1, auth: {AUTHS['api_key query']}")
    out = capfd.readouterr()
    assert "s3cr3t" not in caplog.text + out.out + out.err
