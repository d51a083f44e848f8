"""Good manners of a connector: options that are told, errors that are sorted, secrets that are kept, cheap imports."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import SecretStr

from sqlflow.errors import SQLFlowError, StepError, TransientError

from .bench import Bench
from .candidate import ConnectorCandidate
from .guests import guests
from .imports import brings_along
from .laws import law
from .models import models_in, secrets_in, undocumented, unkept
from .places import Fault, Place
from .samples import people

RESERVED = {"connection", "connector", "incremental"}


class MannersLaws(ConnectorCandidate):
    """Laws about everything but rows."""

    @law("field_names")
    def test_config_and_options_share_no_field_name(self) -> None:
        """A source or target stays flat in a document: no name means two things, and none is core's own."""
        connector = self.candidate()
        for options in (connector.ReadOptions, connector.WriteOptions):
            names = set(options.model_fields if options else ())
            shared = set(connector.Config.model_fields) & names
            assert not shared, f"both {connector.Config.__name__} and its options have: {', '.join(sorted(shared))}"
            taken = (names | set(connector.Config.model_fields)) & RESERVED
            assert not taken, f"these names are core's: {', '.join(sorted(taken))}"

    @law("option_docs")
    def test_every_option_has_a_docstring(self) -> None:
        """Every option is told below its field, in words; editors, schemas and reference read it from there."""
        connector = self.candidate()
        lacking = undocumented(connector.Config, connector.ReadOptions, connector.WriteOptions)
        assert not lacking, f"options without a docstring: {', '.join(lacking)}"
        assert (connector.__doc__ or "").strip(), "the connector has no docstring"

    @law("secret_fields")
    def test_secrets_are_typed_as_secrets(self) -> None:
        """An option for a password, a token or a key is of type Secret, so that no dump or repr shows it."""
        connector = self.candidate()
        open_ones = unkept(connector.Config, connector.ReadOptions, connector.WriteOptions)
        assert not open_ones, f"these options hold secrets and are not of type Secret: {', '.join(open_ones)}"
        for model in models_in(connector.Config):
            for name, field in model.model_fields.items():
                if SecretStr in (field.annotation, *getattr(field.annotation, "__args__", ())):
                    made: Any = model
                    assert "hunter2" not in repr(made.model_construct(**{name: SecretStr("hunter2")}))

    @law("registered")
    def test_the_plugin_brings_it(self) -> None:
        """The connector is found by its name, through the entry point of its distribution, which is not broken."""
        if not isinstance(self.connector, str):
            return
        catalog = guests()
        assert catalog.connector(self.connector).name == self.connector
        owner = catalog.owner("connector", self.connector)
        assert owner is not None
        assert owner.error is None

    @law("import_cost")
    def test_importing_the_plugin_imports_no_driver(self) -> None:
        """Who has the plugin installed pays for its drivers only when rows are read or written."""
        owner = guests().owner("connector", self.connector) if isinstance(self.connector, str) else None
        modules = [*([owner.module] if owner else []), self.candidate().__module__]
        heavy = brings_along(modules)
        assert not heavy, f"importing {', '.join(modules)} imports {', '.join(heavy)}; import inside of methods"

    @law("connection_test")
    def test_a_good_connection_tests_well(self, place: Place, bench: Bench) -> None:
        """Testing the connection of a place that can be reached says so, in words."""
        if self.takes_rows:
            bench.put(place, people())
        config, _ = bench.options(place, writing=place.read is None)
        report = self.candidate()().test(config, place.folder)
        assert report.ok, report.message
        assert report.message.strip()

    @law("objections")
    def test_good_options_meet_no_objection(self, place: Place, bench: Bench) -> None:
        """Nothing is said against the options of a good place, and reading and writing name it alike."""
        if self.takes_rows:
            bench.put(place, people())
        named = set()
        for writing in (False, True):
            if (place.write if writing else place.read) is not None:
                config, options = bench.options(place, writing=writing)
                found = list(self.candidate()().objections(config, options, place.folder))
                assert not found, found
                named.add(self.candidate()().place(config, options))
        assert len(named) == 1, f"reading and writing name the same place differently: {named}"

    @law("errors", "faults")
    def test_errors_are_sorted_and_told(self, place: Place, bench: Bench) -> None:
        """Each fault raises a StepError of its kind that says what is wrong; only transient ones ask for a retry."""
        if self.takes_rows:
            bench.put(place, people())
        looked_at = 0
        for fault in self.faults(place):  # what is wrong may last only until the next is asked for
            looked_at += 1
            error = self.raised(bench, fault)
            assert error.kind == fault.kind, f"{fault.name}: {error.kind}, and it is {fault.kind}: {error}"
            transient = isinstance(error, TransientError)
            assert transient == (fault.kind == "transient"), f"{fault.name}: only transient errors are tried again"
            assert error.message.strip(), fault.name
            assert fault.says in str(error), f"{fault.name}: the message does not hold {fault.says!r}: {error}"
            assert error.hint or error.code, f"{fault.name}: neither hint nor code: {error}"
        assert looked_at, "the exam is given no fault to look at: write `faults`, which yields some"

    @law("secrets", "faults")
    def test_no_message_holds_a_secret(self, place: Place, bench: Bench) -> None:
        """Whatever goes wrong, no error, no report of a connection test and no name of a place holds a secret."""
        if self.takes_rows:
            bench.put(place, people())
        for fault in self.faults(place):
            writing = fault.writes or fault.place.read is None
            config, options = bench.options(fault.place, writing=writing)
            secrets = [*secrets_in(config), *secrets_in(options)]
            connector = self.candidate()()
            told = [str(connector.test(config, place.folder)), str(connector.place(config, options))]
            told += [str(self.raised(bench, fault)), repr(config), repr(options)]
            for secret in secrets:
                assert not [text for text in told if secret in text], f"{fault.name}: a secret is shown"

    def raised(self, bench: Bench, fault: Fault) -> StepError:
        """Return the error of a fault."""
        try:
            if fault.writes:
                bench.write(fault.place, bench.rows(bench.hold(people())))
            else:
                bench.read(fault.place)
        except StepError as error:
            return error
        except SQLFlowError as error:
            pytest.fail(f"{fault.name}: {type(error).__name__} is not a StepError: {error}")
        pytest.fail(f"{fault.name}: nothing was raised")
