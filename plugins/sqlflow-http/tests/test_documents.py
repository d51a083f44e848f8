"""The connector as a document sees it: options, watermarks, the command line."""
# ruff: noqa: ARG001, ARG005 - every answer is given path, query, headers and body, and looks at what it needs

import json
import subprocess
import sys
from pathlib import Path

import pytest

from sqlflow.pipeline import Pipeline

README = Path(__file__).parents[1] / "README.md"
SECRET = "s3cr3t/+hidden value"

ROWS = [{"id": n, "name": f"n{n}"} for n in range(1, 8)]


def ids(rows):
    """Return the ids that came, in order."""
    return rows.column("id").to_pylist()


def sliced(start, size):
    """Return some of the rows."""
    return ROWS[start : start + size]


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
def test_the_watermark_goes_into_its_parameter(load, server, form, values, sent):
    """The second run asks from the watermark on, and rows at the watermark are neither lost nor doubled."""
    server.answer = lambda *_: [{"id": n, "at": value} for n, value in enumerate(values)]
    source = f"path: /items, since_param: since, since_format: {form}"
    more = "mode: merge\nkey: [id]\ncursor: at"
    assert load(server, source, more=more)[0] is None
    assert "since" not in server.asked[-1][1]
    error, rows = load(server, source, more=more)
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
        ("tries: 1", "parallel: 2", "parallel has no effect without pagination"),
        ("tries: 1", "parallel: 2, pagination: {type: link}", "parallel has no effect"),
        ("tries: 1", "parallel: 2, pagination: {type: offset}", "need to know the size"),
        ("tries: 1", "params: {page: 1}, pagination: {type: page}", "page is set by pagination"),
        ("tries: 1", "params: {api_key: x}", "api_key is a secret"),
        ("headers: {Authorization: x}", "path: /x", "Authorization is a secret"),
        ("tries: 1", "path: 'https://x/y'", "is a whole address"),
        ("tries: 1", "since_format: date", "no effect without since_param"),
        ("tries: 1", "total: a, total_header: b", "say the same"),
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


def sqlflow(folder, *words):
    """Run the command line; return exit code, output and what went to stderr."""
    command = [str(Path(sys.executable).with_name("sqlflow")), *map(str, words)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout, done.stderr


def test_two_runs_from_the_command_line_ask_for_what_is_new(tmp_path, server):
    """The second run sends the watermark, changed and tied rows arrive once, and a run without news changes nothing."""
    stored = [{"id": n, "seen": f"2024-01-0{n}T00:00:00Z", "v": 1} for n in (1, 2, 3)]

    def answer(path, query, headers, body):
        wanted = [row for row in stored if row["seen"] >= query.get("since", "")]
        start = int(query["offset"])
        return {"rows": wanted[start : start + 2], "n": len(wanted)}

    server.answer = answer
    spec = tmp_path / "s.yaml"
    spec.write_text(
        f"version: 1\nname: s\nconnections:\n  api: {{connector: http, base_url: '{server.url}'}}\n"
        "steps:\n  - id: a\n    type: load\n    target: t\n    mode: merge\n    key: [id]\n    cursor: seen\n"
        "    source: {connection: api, path: rows, records: rows, total: n, since_param: since,"
        " pagination: {type: offset}}\n"
    )
    assert sqlflow(tmp_path, "run", spec)[0] == 0
    stored[2]["v"] = 2
    stored.append({"id": 4, "seen": "2024-01-03T00:00:00Z", "v": 1})
    server.asked.clear()
    code, out, err = sqlflow(tmp_path, "run", spec)
    assert code == 0, (out, err)
    assert {query["since"] for _, query, _, _ in server.asked} == {"2024-01-03T00:00:00Z"}
    code, out, err = sqlflow(tmp_path, "query", "select id, v from t order by id", "--spec", spec, "-o", "json")
    assert code == 0, err
    assert [(row["id"], row["v"]) for row in json.loads(out)] == [(1, 1), (2, 1), (3, 2), (4, 1)]
    code, out, err = sqlflow(tmp_path, "run", spec)
    assert code == 0, (out, err)


def test_the_command_line_lists_and_tests_connections(tmp_path, server):
    """`connector list` knows http; `connector test` tells whether the API answers, and shows no secret."""
    spec = tmp_path / "s.yaml"
    auth = f"auth: {{type: api_key, send_in: query, name: k, key: '{SECRET}'}}"
    spec.write_text(
        f"version: 1\nname: s\nconnections:\n  api: {{connector: http, base_url: '{server.url}/v1', {auth}}}\n"
        "steps:\n  - {id: a, type: load, source: {connection: api}, target: t}\n"
    )
    code, out, _ = sqlflow(tmp_path, "connector", "list")
    assert code == 0
    assert "sqlflow-http 0.1.0" in out
    code, out, _ = sqlflow(tmp_path, "connector", "test", "api", "--spec", spec)
    assert (code, "api (http): ok, " in out) == (0, True), out
    for status, told in [(401, "answers 401"), (500, "answers 500"), (404, "ok, ")]:
        server.answer = lambda path, query, headers, body, s=status: (s, {}, {"q": query})
        code, out, err = sqlflow(tmp_path, "connector", "test", "api", "--spec", spec)
        assert (code, told in out) == (status != 404, True), out
        assert "hidden" not in out + err
    server.stop()
    code, out, err = sqlflow(tmp_path, "connector", "test", "api", "--spec", spec)
    assert code == 1
    assert "cannot be reached" in out


def test_a_since_param_without_a_cursor_is_an_error(load, server):
    """An option without effect does not pass; nothing is asked."""
    error, _ = load(server, "path: /i, since_param: since")
    assert "has no effect: the step has no cursor" in error["message"]
    assert server.asked == []
