"""Values of this room as the messages of the protocol. Places count in the units that the editor has asked for."""

from __future__ import annotations

from collections.abc import Iterable

from lsprotocol import types as lsp
from pygls.workspace import PositionCodec

from sqlflow.problem import Mark, Problem
from sqlflow.spec import Scalar

from .completion import Offer
from .outline import Part

_SEVERITY = {
    "error": lsp.DiagnosticSeverity.Error,
    "warning": lsp.DiagnosticSeverity.Warning,
    "unchecked": lsp.DiagnosticSeverity.Information,
}
_KINDS = {
    "key": lsp.CompletionItemKind.Property,
    "value": lsp.CompletionItemKind.EnumMember,
    "step": lsp.CompletionItemKind.Event,
    "table": lsp.CompletionItemKind.Struct,
    "column": lsp.CompletionItemKind.Field,
    "variable": lsp.CompletionItemKind.Variable,
    "function": lsp.CompletionItemKind.Function,
    "keyword": lsp.CompletionItemKind.Keyword,
    "name": lsp.CompletionItemKind.Reference,
}


class Ruler:
    """Measures one text: characters to the editor's units, and back."""

    def __init__(self, text: str, codec: PositionCodec) -> None:
        self.lines = text.split("\n")
        self.codec = codec

    def line(self, number: int) -> str:
        """Return a line; beyond the end there is nothing on it."""
        return self.lines[number].rstrip("\r") if 0 <= number < len(self.lines) else ""

    def position(self, line: int, column: int) -> lsp.Position:
        """Return the place of a character."""
        line = max(0, min(line, len(self.lines) - 1))
        return lsp.Position(line, self.codec.client_num_units(self.line(line)[: max(column, 0)]))

    def span(self, line: int, start: int, end: int) -> lsp.Range:
        """Return the place of characters of one line."""
        return lsp.Range(self.position(line, start), self.position(line, max(start, end)))

    def character(self, position: lsp.Position) -> int:
        """Return which character of its line stands at a place."""
        units = 0
        for column, character in enumerate(self.line(position.line)):
            if units >= position.character:
                return column
            units += self.codec.client_num_units(character)
        return len(self.line(position.line))

    def mark(self, mark: Mark | None) -> lsp.Range:
        """Return the word at a place of a problem; without one the first line stands for the whole document."""
        if mark is None:
            return self.span(0, 0, len(self.line(0)))
        start = mark.column - 1
        return self.span(mark.line - 1, start, start + min(mark.width, max(1, len(self.line(mark.line - 1)) - start)))

    def scalar(self, scalar: Scalar) -> lsp.Range:
        """Return the place of a key, or of a value on one line."""
        start = scalar.column + (1 if scalar.style in ("'", '"') else 0)
        return self.span(scalar.line, start, start + len(scalar.text.partition("\n")[0]))


def diagnostic(problem: Problem, ruler: Ruler, related: Iterable[lsp.Location]) -> lsp.Diagnostic:
    """Return a problem as the editor underlines it; the hint is part of what it says."""
    return lsp.Diagnostic(
        range=ruler.mark(problem.mark),
        message=problem.message + (f"\nhint: {problem.hint}" if problem.hint else ""),
        severity=_SEVERITY[problem.severity],
        code=problem.code,
        source="sqlflow",
        related_information=[lsp.DiagnosticRelatedInformation(place, "also here") for place in related] or None,
    )


def item(offer: Offer, position: lsp.Position, ruler: Ruler) -> lsp.CompletionItem:
    """Return an offer as an entry of the editor's list."""
    at = ruler.character(position)
    return lsp.CompletionItem(
        label=offer.label,
        kind=_KINDS[offer.kind],
        detail=offer.detail or None,
        documentation=lsp.MarkupContent(lsp.MarkupKind.Markdown, offer.docs) if offer.docs else None,
        sort_text=f"{offer.rank}{offer.label}",
        filter_text=offer.label,
        text_edit=lsp.TextEdit(ruler.span(position.line, at - offer.replaced, at), offer.insert or offer.label),
    )


def symbol(part: Part, ruler: Ruler) -> lsp.DocumentSymbol:
    """Return a part as an entry of the editor's outline."""
    whole = lsp.Range(ruler.position(part.first, 0), ruler.position(part.last, len(ruler.line(part.last))))
    return lsp.DocumentSymbol(
        name=part.name,
        detail=part.detail or None,
        kind=lsp.SymbolKind.Event if part.at.text == part.name and not part.parts else lsp.SymbolKind.Module,
        range=whole,
        selection_range=ruler.scalar(part.at),
        children=[symbol(inner, ruler) for inner in part.parts] or None,
    )
