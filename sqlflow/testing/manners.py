"""Good manners of a connector: options that are told, errors that are sorted, secrets that are kept, cheap imports."""

from __future__ import annotations

from .candidate import ConnectorCandidate
from .laws import law


class MannersLaws(ConnectorCandidate):
    """Laws about everything but rows."""

    @law("field_names")
    def test_config_and_options_share_no_field_name(self) -> None:
        """A source or target stays flat in a document: no name means two things."""
        connector = self.candidate()
        for options in (connector.ReadOptions, connector.WriteOptions):
            shared = set(connector.Config.model_fields) & set(options.model_fields if options else ())
            assert not shared, f"both {connector.Config.__name__} and its options have: {', '.join(sorted(shared))}"
