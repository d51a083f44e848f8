"""Pages: all of them, once, in order, or a clear error."""
# ruff: noqa: ARG001, ARG005 - every answer is given path, query, headers and body, and looks at what it needs

import json
import time
from threading import Lock

import pytest

ROWS = [{"id": n, "name": f"n{n}"} for n in range(1, 8)]


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
def test_every_page_comes_once_and_in_order(load, server, name):
    """Whatever the pagination, the rows are all rows, and the parameters of the source go with each page."""
    source, answer = PAGINATIONS[name]
    server.answer = lambda path, query, headers, body: answer(server.url, query)
    error, rows = load(server, f"path: items, params: {{q: 'a b&c', yes: true}}, {source}")
    assert error is None, error
    assert ids(rows) == [1, 2, 3, 4, 5, 6, 7]
    assert (server.asked[0][1]["q"], server.asked[0][1]["yes"]) == ("a b&c", "true")


def test_a_post_sends_its_parameters_in_the_body(load, server):
    """With POST the page and the parameters go into the JSON body."""
    server.answer = lambda path, query, headers, body: sliced(json.loads(body)["offset"], 4)
    source = "path: /search, method: POST, body: {filter: {a: [1]}}, pagination: {type: offset}"
    error, rows = load(server, source)
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
    "no objects": ("flatten: false", [1, 2], "page 1, record 1 is a number, not an object"),
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
def test_an_answer_that_cannot_be_complete_is_an_error(load, server, name):
    """Short data never passes: the step fails, says which request and page it was, and the target is not made."""
    source, content, told = BROKEN[name]

    def answer(path, query, headers, body):
        if content is None:
            now = query.get("cursor", "a")
            return {"data": [{"id": f"{now}{len(server.asked)}"}], "next": "b" if now == "a" else "a"}
        return content(query) if callable(content) else content

    server.answer = answer
    error, _ = load(server, f"path: /items, {source}")
    assert told in error["message"]
    assert f"GET {server.url}/items" in error["message"]
    assert error["hint"] or "SF511" in error["code"]


def test_records_that_change_while_they_are_read_are_transient(load, server):
    """When the announced total moves between pages and does not fit, another try may give all."""
    server.answer = lambda path, query, headers, body: {
        "data": sliced(int(query["offset"]), 4), "total": 7 + int(query["offset"])
    }  # fmt: skip
    error, _ = load(server, "records: data, total: total, pagination: {type: offset}")
    assert (error["kind"], error["code"]) == ("transient", "SF734")


def counting(answer, pause=0.05):
    """Return an answer that takes a while, and a list of how many requests were open at once."""
    lock, now, seen = Lock(), [0], []

    def slow(path, query, headers, body):
        with lock:
            now[0] += 1
            seen.append(now[0])
        time.sleep(pause)
        with lock:
            now[0] -= 1
        return answer(query)

    return slow, seen


PARALLEL = {
    "page": ("pagination: {type: page}", lambda q: sliced((int(q["page"]) - 1) * 2, 2)),
    "offset": (
        "pagination: {type: offset, size_param: n, size: 2}", lambda q: sliced(int(q["offset"]), int(q["n"]))),
    "page, errors behind the end": (
        "pagination: {type: page, end_status: 404}",
        lambda q: sliced((int(q["page"]) - 1) * 2, 2) if int(q["page"]) <= 4 else (404, {}, {})),
}  # fmt: skip


@pytest.mark.parametrize("name", PARALLEL)
def test_pages_in_parallel_are_the_same_pages(load, server, name):
    """Several pages are on their way at once, no more than allowed, and the rows are all rows, in order."""
    source, answer = PARALLEL[name]
    server.answer, seen = counting(answer)
    error, rows = load(server, f"parallel: 3, {source}", "rate_limit: 1000")
    assert error is None, error
    assert ids(rows) == [1, 2, 3, 4, 5, 6, 7]
    assert 1 < max(seen) <= 3


@pytest.mark.parametrize("parallel", [2, 8])
def test_parallel_offsets_that_leave_gaps_are_an_error(load, server, parallel):
    """An API that gives fewer records than it is asked for would lose rows in between."""
    source = f"parallel: {parallel}, pagination: {{type: offset, size_param: n, size: "
    server.answer = lambda path, query, headers, body: sliced(int(query["offset"]), 2)
    for size in (3, 7, 100):
        error, _ = load(server, source + f"{size}}}")
        assert "page 1 has fewer than" in error["message"], size
    error, rows = load(server, source + "2}")
    assert error is None, error
    assert ids(rows) == [1, 2, 3, 4, 5, 6, 7]


def test_a_parallel_page_that_fails_fails_the_step(load, server):
    """A page that is refused while others come well makes no short result, and leaves nothing running."""
    server.answer = lambda path, query, headers, body: (
        (500, {}, {}) if query["page"] == "3" else sliced((int(query["page"]) - 1) * 2, 2)
    )
    error, _ = load(server, "parallel: 4, pagination: {type: page}")
    assert (error["kind"], "answers 500" in error["message"]) == ("transient", True)


def test_a_header_may_announce_the_total(load, server):
    """The number in the header is held against the records that came."""
    source = "total_header: X-Total-Count, pagination: {type: page}"
    total = {"X-Total-Count": "7"}
    server.answer = lambda path, query, headers, body: (200, total, sliced((int(query["page"]) - 1) * 4, 4))
    assert load(server, source)[0] is None
    total["X-Total-Count"] = "9"
    assert "announces 9 records and gives 7" in load(server, source)[0]["message"]
    total.clear()
    assert "no number in the header X-Total-Count" in load(server, source)[0]["message"]


def test_an_empty_result_has_no_total_to_miss(load, server):
    """204 is an empty page."""
    server.answer = lambda *_: (204, {}, b"")
    error, rows = load(server, "total: total", more="columns: {id: bigint}")
    assert error is None, error
    assert rows.num_rows == 0


@pytest.mark.parametrize("value", [{}, [1], True])
def test_a_cursor_is_text_or_a_number(load, server, value):
    """What can be no cursor is not sent as one."""
    server.answer = lambda *_: {"data": ROWS, "next": value}
    error, _ = load(server, "records: data, pagination: {type: cursor, path: next}")
    assert "the value at 'next' is" in error["message"]


def test_a_redirect_does_not_drop_a_body(load, server):
    """A POST that is sent on as GET would ask for something else."""
    server.answer = lambda path, *_: (302, {"Location": "/there"}, {}) if path == "/items" else ROWS
    error, _ = load(server, "path: /items, method: POST, body: {a: 1}")
    assert "which would drop its body" in error["message"]


def test_paths_are_sent_as_they_are_meant(load, server):
    """Spaces and letters beyond ASCII may stand in a path; a query behind it stays one."""
    server.answer = lambda *_: ROWS
    error, _ = load(server, 'path: "/über uns?a=b", params: {c: é}')
    assert error is None, error
    assert server.asked[0][:2] == ("/%C3%BCber%20uns", {"a": "b", "c": "é"})
