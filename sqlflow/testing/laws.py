"""What an exam is made of: laws, each about one capability, and quirks that a guest owns up to.

A law is a test. A quirk turns it round: what is said to happen instead is then what is asserted, so that a quirk
which is no longer true fails. Nothing here knows a connector, an engine or any other kind of guest.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping
from typing import Any, ClassVar

from msgspec import Struct

from sqlflow.errors import SQLFlowError

from .standing import Standing


class Quirk(Struct, frozen=True):
    """A capability that a guest has not, or has in another way, and the reason, as a user reads it.

    Alone it says that the guest refuses with a clear error. With `gives` it says what comes in the place of what the
    law expects. Silence is never a quirk.
    """

    reason: str
    gives: Any = None
    """What comes instead; the failing law shows it."""
    says: str = ""
    """Text that the error holds."""


class Differs(AssertionError):
    """What came is not what the law expects; `got` is what came, as text."""

    def __init__(self, what: str, expected: Any, got: Any) -> None:
        super().__init__(f"{what}\n  expected: {shown(expected)}\n  got:      {shown(got)}")
        self.got = got


class Law(Struct, frozen=True):
    """What a test is about: the capability, with the fields of a parametrized case in braces, and what it needs."""

    capability: str
    needs: tuple[str, ...] = ()


class Exam:
    """The parent of every exam. A plugin subclasses one of its children, and pytest collects the subclass."""

    kind: ClassVar[str] = ""
    """What sort of guest sits it."""
    quirks: ClassVar[Mapping[str, str | Quirk]] = {}
    """Capabilities that this guest has not or has in another way, and why."""

    @classmethod
    def subject(cls) -> str:
        """Name who sits the exam."""
        return cls.__name__

    @classmethod
    def lacks(cls, need: str) -> bool:
        """Tell whether the guest, by its own declaration, has not what a law needs."""
        return False

    @classmethod
    def laws(cls) -> Iterator[tuple[str, Law]]:
        """Yield the laws of the exam with the names of their tests, in the order of the classes that hold them."""
        seen: set[str] = set()
        for parent in reversed(cls.__mro__):
            for name, test in vars(parent).items():
                found = getattr(getattr(cls, name, None), "law", None)
                if isinstance(found, Law) and name not in seen and getattr(test, "law", None):
                    seen.add(name)
                    yield name, found

    @classmethod
    def applies(cls, found: Law, case: Mapping[str, Any]) -> bool:
        """Tell whether a law, or one case of it, is about this guest at all."""
        return not any(cls.lacks(need.format(**case)) for need in found.needs)

    @classmethod
    def quirk(cls, capability: str) -> Quirk | None:
        """Return the quirk of a capability; one of `type` is one of every `type:...`."""
        found = cls.quirks.get(capability)
        if found is None:
            found = cls.quirks.get(capability.partition(":")[0])
        return Quirk(found) if isinstance(found, str) else found

    def test_every_quirk_is_of_a_law(self) -> None:
        """A quirk names a capability that this exam looks at; a misspelt one would change nothing."""
        known = set(self.capabilities())
        known |= {name.partition(":")[0] for name in known}
        unknown = sorted(set(self.quirks) - known)
        assert not unknown, f"quirks of no law: {', '.join(unknown)}; laws are about: {', '.join(sorted(known))}"

    @classmethod
    def standings(cls) -> list[Standing]:
        """Return how the guest stands by what its exam declares; passing the exam proves it."""
        found = []
        for name in cls.capabilities():
            quirk = cls.quirk(name)
            mark, reason = ("yes", "") if quirk is None else ("quirk", quirk.reason)
            found.append(Standing(cls.kind, cls.subject(), name, mark, reason))
        return found + [Standing(cls.kind, cls.subject(), name, "no") for name in cls.absent()]

    @classmethod
    def absent(cls) -> list[str]:
        """Return the capabilities that this guest, by its own declaration, has not."""
        has = set(cls.capabilities())
        every = (one.capability.format(**case) for name, one in cls.laws() for case in cases_of(getattr(cls, name)))
        return [name for name in dict.fromkeys(every) if name not in has]

    @classmethod
    def capabilities(cls) -> list[str]:
        """Return every capability that is examined, each parametrized case for itself."""
        found: list[str] = []
        for name, one in cls.laws():
            cases = cases_of(getattr(cls, name))
            found += [one.capability.format(**case) for case in cases if cls.applies(one, case)]
        return list(dict.fromkeys(found))


def law(capability: str, *needs: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Make a test the law of a capability; it applies to guests that have what it needs."""

    def decorate(test: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(test)
        def sit(self: Exam, **given: Any) -> None:
            if not self.applies(sit.law, given):  # type: ignore[attr-defined]
                import pytest

                pytest.skip(f"{self.subject()} is not made for it")  # where pytest has not left it out already
            quirk = self.quirk(capability.format(**given))
            if quirk is None:
                test(self, **given)
            else:
                admitted(quirk, lambda: test(self, **given))

        sit.law = Law(capability, needs)  # type: ignore[attr-defined]
        return sit

    return decorate


def admitted(quirk: Quirk, sit: Callable[[], None]) -> None:
    """Hold a guest to its quirk: it does what the quirk says, neither what the law says nor anything else.

    Raises:
        AssertionError: the law holds after all, or something else happens.

    """
    try:
        sit()
    except Differs as found:
        if quirk.gives is None:
            raise AssertionError(
                f"the quirk says that this is refused ({quirk.reason}), and it was not: {found}"
            ) from found
        if found.got != quirk.gives:
            raise Differs(f"the quirk says what comes instead ({quirk.reason})", quirk.gives, found.got) from found
    except SQLFlowError as error:
        if quirk.gives is not None:
            raise
        assert quirk.says in str(error), f"the error does not hold {quirk.says!r}: {error}"
        assert error.message.strip(), f"the error says nothing ({quirk.reason})"
    else:
        raise AssertionError(f"this quirk is one no longer: {quirk.reason}")


def cases_of(test: Any) -> list[Mapping[str, Any]]:
    """Return the arguments of every case of a parametrized test; one without any when it is not."""
    for mark in getattr(test, "pytestmark", ()):
        if mark.name == "parametrize":
            return [{mark.args[0]: value} for value in mark.args[1]]
    return [{}]


def shown(value: Any) -> str:
    """Write a value so that a failure stays readable."""
    text = repr(value)
    return text if len(text) <= 600 else f"{text[:400]} ... {text[-150:]}"  # noqa: PLR2004 - a few lines
