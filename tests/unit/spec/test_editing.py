"""Editing one mapping of a document: what is wished stands there, and every other byte stays."""

from __future__ import annotations

import pytest

from sqlflow.spec import CannotEdit, Source, Wish, edited, parse_pipeline

HEAD = "version: 1\nname: 'p'   # the name\n\nsteps:\n"


def wish(text):
    """Return what the tests wish: None keeps, a text is a type, perhaps `not null`."""
    return None if text is None else Wish(text, text.removesuffix(" not null"), "type")


def edit(steps, head=HEAD, **wished):
    """Edit the columns of the first step."""
    source = Source("p.yaml", head + steps)
    return edited(source, ("steps", 0), "columns", {n: wish(t) for n, t in wished.items()}, after="target")[len(head) :]


def refused(steps, head=HEAD, **wished):
    """Return why an edit is refused."""
    with pytest.raises(CannotEdit) as raised:
        edit(steps, head, **wished)
    return str(raised.value)


BLOCK = """\
  # what comes first
  - id: "a"
    target: 'raw.a'   # where to
    columns:   # what is known
      # the key
      id: bigint not null   # never empty

      name: {type: varchar, description: "who, it is: # really"}   # a person
      amount:
        type: decimal(12,2)   # money
        nullable: false
    mode:   append
# the end"""


def test_a_block_is_changed_line_by_line():
    """Kept columns keep their lines, a changed type changes in its place, a gone one goes, a new one comes last."""
    assert edit(BLOCK, id="integer not null", name="text", amount=None) == BLOCK.replace(
        "bigint not null", "integer not null"
    ).replace("{type: varchar", "{type: text")
    assert edit(BLOCK, id=None, amount="double") == BLOCK.replace(
        '      name: {type: varchar, description: "who, it is: # really"}   # a person\n', ""
    ).replace("decimal(12,2)", "double")
    assert edit(BLOCK, id=None, name=None, amount=None, tags="VARCHAR[]", **{"on hand": "INTEGER"}) == BLOCK.replace(
        "        nullable: false\n", '        nullable: false\n      tags: VARCHAR[]\n      "on hand": INTEGER\n'
    )
    assert edit(BLOCK, new="DATE") == BLOCK.replace("      id: bigint not null   # never empty\n", "").replace(
        '      name: {type: varchar, description: "who, it is: # really"}   # a person\n', ""
    ).replace("      amount:\n        type: decimal(12,2)   # money\n        nullable: false\n", "      new: DATE\n")


def test_nothing_wished_anew_changes_nothing():
    """A mapping whose entries all stay is the same text, whatever its layout."""
    assert edit(BLOCK, id=None, name=None, amount=None) == BLOCK


FLOW = '  - {id: a, target: t, columns: {id: bigint, "amount" : "decimal(12,2)"}, mode: append}  # flat\n'


def test_a_flow_mapping_is_changed_in_its_place():
    """Entries between braces keep how they are written; a type with a comma is quoted there."""
    assert edit(FLOW, id=None, amount="decimal(14,2)") == FLOW.replace("12,2", "14,2")
    assert edit(FLOW, amount=None, x="STRUCT(a INTEGER)") == FLOW.replace("id: bigint, ", "").replace(
        '2)"}', '2)", x: "STRUCT(a INTEGER)"}'
    )
    assert edit("  - {id: a, target: t, columns: {}}\n", x="MAP(INTEGER, DATE)") == (
        '  - {id: a, target: t, columns: {x: "MAP(INTEGER, DATE)"}}\n'
    )
    lines = "  - id: a\n    target: t\n    columns: {\n      id: bigint,\n      x: date\n    }\n    mode: append\n"
    assert edit(lines, id=None, x=None, y="TIME") == lines.replace("x: date\n", "x: date,\n      y: TIME\n")
    assert edit(lines, x="TIME") == lines.replace("id: bigint,\n      x: date", "x: TIME")


def test_missing_columns_are_put_below_the_target():
    """They stand on lines of their own with the indentation of the target, or behind it between braces."""
    assert edit("  - id: a\n    target: raw.a   # here\n    mode: append", x="DATE", y="DECIMAL(5,2) not null") == (
        "  - id: a\n    target: raw.a   # here\n    columns:\n      x: DATE\n      y: DECIMAL(5,2) not null\n"
        "    mode: append"
    )
    assert edit("  - target: raw.a\n    id: a", x="DATE") == "  - target: raw.a\n    columns:\n      x: DATE\n    id: a"
    assert edit("  - id: a\n    target: raw.a", x="DATE") == "  - id: a\n    target: raw.a\n    columns:\n      x: DATE"
    assert edit("  - {id: a, target: t}\n", x="DATE") == "  - {id: a, target: t, columns: {x: DATE}}\n"


@pytest.mark.parametrize("end", ["\r\n", "\n"])
def test_line_ends_stay(end):
    """New lines end like those around them, and a last line without an end stays one."""
    head, text = HEAD.replace("\n", end), "  - id: a\n    target: t\n    columns:\n      x: DATE".replace("\n", end)
    assert edit(text, head, x=None, y="TIME") == f"{text}{end}      y: TIME"
    assert edit(text, head, y="TIME") == text.replace("x: DATE", "y: TIME")
    assert edit(text.partition("    columns")[0], head, y="TIME").endswith(f"    columns:{end}      y: TIME{end}")


NAMES = ["null", "1", "a: b", "a #b", "ä", "-", "", 'q"uote', "true", "a,b", "[", "*x", "no", "tab\there", "x\ny"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("step", [BLOCK, FLOW])
def test_any_name_is_written_so_that_it_is_read_again(name, step):
    """A name that YAML would read as something else is quoted."""
    text = edit(step, **{name: "INTEGER"})
    document = parse_pipeline(Source("p.yaml", HEAD + text), None)
    assert list(document.node("steps").items[0].values["columns"].values) == [name]


def test_what_cannot_be_edited_is_refused():
    """An alias, a mapping that others share, and comments between braces are left alone."""
    shared = "  - {id: a, target: t, columns: &c {x: date}}\n  - {id: b, target: u, columns: *c}\n"
    assert "shared" in refused(shared, x="TIME")
    assert "alias" in refused("  - {id: a, target: t, columns: *c}\n", "c: &c {x: date}\nsteps:\n", x="TIME")
    assert "comment" in refused("  - id: a\n    columns: {x: date, # why\n      y: date}\n", x="TIME")
    assert "not a mapping" in refused("  - {id: a, target: t, columns: [x]}\n", x="TIME")
    assert "own" in refused("  - {id: a, id: b}\n", x="TIME")
