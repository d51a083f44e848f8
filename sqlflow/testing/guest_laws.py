"""The laws that hold for guests of every kind: they are found by their name, tell their options, and import little."""

from __future__ import annotations

from typing import Any, ClassVar

from .guests import guests
from .imports import brings_along
from .laws import Exam, law
from .models import undocumented, unkept

_ASK = {
    "storage": ("storage backend", "storage"),
    "engine": ("engine", "engine"),
    "step type": ("step type", "step_type"),
    "check": ("check", "check"),
    "function": ("function", "function"),
    "secret provider": ("secret provider", "secret_provider"),
}


class GuestLaws(Exam):
    """A guest by its name in documents."""

    name: ClassVar[str]
    """The name in documents; the guest comes through the entry point of its plugin."""

    @classmethod
    def subject(cls) -> str:
        """Name the guest."""
        return cls.name

    @classmethod
    def guest(cls) -> Any:
        """Return the guest itself: a class, or a function."""
        return getattr(guests(), _ASK[cls.kind][1])(cls.name)

    @law("registered")
    def test_the_plugin_brings_it(self) -> None:
        """It is found by its name, through the entry point of its distribution, which is not broken."""
        assert self.guest() is not None, f"nobody brings the {self.kind} {self.name!r}"
        owner = guests().owner(_ASK[self.kind][0], self.name)
        assert owner is not None
        assert owner.error is None

    @law("option_docs")
    def test_every_option_has_a_docstring(self) -> None:
        """Every option is told below its field, in words, and secrets are typed as secrets."""
        config = getattr(self.guest(), "Config", None)
        lacking = undocumented(config)
        assert not lacking, f"options without a docstring: {', '.join(lacking)}"
        assert not unkept(config), f"not of type Secret: {', '.join(unkept(config))}"

    @law("import_cost")
    def test_importing_the_plugin_imports_nothing_heavy(self) -> None:
        """Who has the plugin installed pays for it only when a document uses it."""
        owner = guests().owner(_ASK[self.kind][0], self.name)
        assert owner is not None
        heavy = brings_along([owner.module])
        assert not heavy, f"importing {owner.module} imports {', '.join(heavy)}; import inside of methods"
