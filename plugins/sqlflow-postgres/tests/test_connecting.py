"""Reaching a server: who may, how the way there is secured, what is said when it fails, and what is never said."""

import json
import re
import subprocess
import threading
import time
from pathlib import Path

import psycopg
import pytest
from sqlflow_postgres.connection import label
from sqlflow_postgres.connector import Postgres
from sqlflow_postgres.options import PostgresConfig, PostgresRead

from sqlflow.sdk import ReadRequest, StepError, TransientError

from .cli import EXPORT, LOAD, cli

HIDDEN = "hunter2-geheim"


def read(port, **settings):
    """Read one number from a server."""
    config = PostgresConfig(**{"host": "127.0.0.1", "port": port, "database": "postgres", "user": "admin", **settings})
    reader = Postgres().read(ReadRequest(config, PostgresRead(query="select 1 as n"), Path())).open()
    try:
        return reader.read_all().to_pylist()
    finally:
        reader.close()


@pytest.mark.parametrize("steps", [LOAD, EXPORT])
@pytest.mark.parametrize("way", ["fields", "uri", "words"])
def test_a_wrong_password_is_told_and_never_shown(db, tmp_path, steps, way):
    """The command line says who was refused where; the password is in no output and in no record of the run."""
    where = f"host=127.0.0.1 port={db.port} dbname={db.name} user=admin"
    connection = {
        "fields": {**db.config, "password": "${env:PG_WORD}"},
        "uri": {"dsn": f"postgresql://admin:${{env:PG_WORD}}@127.0.0.1:{db.port}/{db.name}"},
        "words": {"dsn": "${env:PG_DSN}"},
    }[way]
    environment = {"PG_WORD": HIDDEN, "PG_DSN": f"{where} password='{HIDDEN}'"}
    code, said, left = cli(db, steps, connection=connection, folder=tmp_path, environment=environment)
    assert code == 1
    assert 'password authentication failed for user "admin"' in said
    assert way == "uri" or f"127.0.0.1:{db.port}/{db.name}" in said  # which is masked as a piece of a secret URI
    assert "check user" in said
    assert "password authentication failed" in left
    assert HIDDEN not in said + left


@pytest.mark.parametrize(
    "dsn",
    [
        "postgresql://admin:half@hunter2-geheim@127.0.0.1/db",
        "postgresql://admin:hunter2/hunter2-geheim@127.0.0.1/db",
        "postgresql://admin:61283/hunter2-geheim@127.0.0.1/db",
        "host=127.0.0.1 password=a hunter2-geheim",
        "hunter2-geheim",
    ],
)
def test_a_dsn_that_libpq_would_misread_is_refused_unseen(db, tmp_path, dsn):
    """Where a piece of the password would become the host or the port, nothing is tried and nothing quoted."""
    code, said, left = cli(db, LOAD, connection={"dsn": "${env:PG_DSN}"}, folder=tmp_path, environment={"PG_DSN": dsn})
    assert code == 1
    assert "dsn is not a PostgreSQL connection string" in said
    # run ids and times hold digits of their own
    assert not re.findall(r"hunter2|geheim|half|(?<![0-9.])61283(?![0-9])", said + left)


@pytest.mark.parametrize(
    ("dsn", "shown"),
    [
        ("postgresql://u:p@h:5432/db?sslmode=require", "h:5432/db"),
        ("postgresql://u:12?x@h/db", "h/db"),
        ("postgresql://u:12/x@h/db", "postgres"),
        ("postgres://u@h1:1,h2:2/db", "h1:1,h2:2/db"),
        ("host=h dbname=d password='x host=secret'", "h/d"),
        ("password='x\\' host=secret' host='h' port = 5", "h:5"),
        ("", "postgres"),
    ],
)
def test_a_label_names_the_server_and_no_secret(dsn, shown):
    """The name for people is read as libpq reads a DSN."""
    assert label(PostgresConfig(dsn=dsn)) == shown


def test_errors_of_queries_show_no_password(db):
    """Even a query that holds the password is not quoted with it."""
    config = PostgresConfig(**db.config)
    told = db.config["password"].replace("'", "''")
    request = ReadRequest(config, PostgresRead(query=f"select '{told}'::int"), Path())
    with pytest.raises(StepError) as raised:
        Postgres().read(request).open().read_all()
    assert raised.value.kind == "bad_data"
    assert told not in str(raised.value)
    assert "***" in str(raised.value)


@pytest.mark.parametrize(
    ("changed", "kind", "told"),
    [
        ({"database": "nope"}, "not_found", 'database "nope" does not exist'),
        ({"user": "nobody_here"}, "authentication", "password authentication failed"),
        ({"host": "does-not-exist.invalid"}, "not_found", "does-not-exist.invalid"),
        ({"port": 1}, "transient", "refused"),
        ({"host": "/nowhere"}, "not_found", "/nowhere"),
    ],
)
def test_what_cannot_be_reached_is_sorted(db, changed, kind, told):
    """A wrong name is not tried again, a server that does not answer is; reading and writing say the same."""
    config = PostgresConfig(**{**db.config, **changed})
    with pytest.raises(StepError, match=told) as raised:
        Postgres().read(ReadRequest(config, PostgresRead(table="t"), Path())).open()
    assert raised.value.kind == kind
    assert isinstance(raised.value, TransientError) == (kind == "transient")
    report = Postgres().test(config, Path())
    assert not report.ok
    assert told in report.message


def test_a_server_that_restarts_between_attempts_loses_nothing(own_server, tmp_path):
    """A read that the server's shutdown ends is tried again when it is back, and brings every row once."""
    from .conftest import PASSWORD, Database

    own_server.start()
    where = {"host": "127.0.0.1", "port": own_server.port, "user": "admin", "password": PASSWORD}
    with psycopg.connect(**where, dbname="postgres", autocommit=True) as connection:
        db = Database(own_server.port, "postgres", connection, tmp_path)
        db.run("create table t as select n as id, repeat('x', 1000) as v from generate_series(1, 50000) n")
        db.run("create function slow(int) returns int language plpgsql as "
               "'begin if $1 = 40000 then perform pg_sleep(1.5); end if; return $1; end'")  # fmt: skip
    steps = """
        - id: load
          type: load
          source: {connection: pg, query: "select slow(id) as id, v from t", batch_bytes: 100000}
          target: t
          retry: {attempts: 5, delay: 500ms}
        - id: out
          type: export
          source: t
          target: {connection: pg, table: back}
          retry: {attempts: 5, delay: 500ms}
        """

    def restarts():
        with psycopg.connect(**where, dbname="postgres", autocommit=True) as watching:
            working = "select 1 from pg_stat_activity where state = 'active' and query like 'COPY%slow(%'"
            while not watching.execute(working).fetchall():
                time.sleep(0.02)
        time.sleep(0.3)
        own_server.stop()
        time.sleep(0.7)
        own_server.start()

    thread = threading.Thread(target=restarts)
    pipeline = db.spec(steps)
    thread.start()
    try:
        with pipeline.run() as result:
            assert result.status == "succeeded", [step.error for step in result.steps]
            assert result.steps[0].attempts > 1
            found = result.query("select count(*) as n, count(distinct id) as ids, min(length(v)) as v from t")
            assert found.to_pylist() == [{"n": 50000, "ids": 50000, "v": 1000}]
    finally:
        thread.join()
    with psycopg.connect(**where, dbname="postgres") as connection:
        assert connection.execute("select count(*), count(distinct id) from back").fetchall() == [(50000, 50000)]


def certificate(folder, name):
    """Make a key and a certificate that it signed itself."""
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={name}"]
    command += ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", f"{name}.key", "-out", f"{name}.crt"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    (folder / f"{name}.key").chmod(0o600)


def test_the_way_is_secured_as_told(own_server, tmp_path):
    """Both drivers verify the server, show a certificate of the client, and refuse a server that is another."""
    from .conftest import lacks

    config = subprocess.run(
        [own_server.program / "pg_config", "--configure"], capture_output=True, text=True, check=True
    )
    if "ssl" not in config.stdout:
        lacks("TLS")
    for name in ("server", "other", "admin"):
        certificate(tmp_path, name)
        for kind in ("key", "crt"):
            copied = own_server.folder / f"{name}.{kind}"
            copied.write_bytes((tmp_path / f"{name}.{kind}").read_bytes())
            copied.chmod(0o600)
            own_server.give(copied)
    rules = own_server.folder / "data" / "pg_hba.conf"
    own_server.start()
    own_server.stop()
    rules.write_text("hostssl postgres admin 127.0.0.1/32 scram-sha-256 clientcert=verify-ca\n"
                     "host template1 admin 127.0.0.1/32 scram-sha-256\nhost all all 127.0.0.1/32 reject\n")  # fmt: skip
    folder = own_server.folder
    import sys

    module = sys.modules[type(own_server).__module__]
    module.wait_for, kept = (lambda _: time.sleep(1)), module.wait_for
    try:
        own_server.start(ssl="on", ssl_cert_file=folder / "server.crt", ssl_key_file=folder / "server.key",
                         ssl_ca_file=folder / "admin.crt")  # fmt: skip
    finally:
        module.wait_for = kept
    shown = {"sslcert": str(tmp_path / "admin.crt"), "sslkey": str(tmp_path / "admin.key")}
    safe = {"sslmode": "verify-full", "sslrootcert": str(tmp_path / "server.crt"), "password": module.PASSWORD}
    assert read(own_server.port, **safe, **shown) == [{"n": 1}]
    report = Postgres().test(PostgresConfig(host="127.0.0.1", port=own_server.port, database="postgres", user="admin",
                                            **safe, **shown), Path())  # fmt: skip
    assert report.facts["encrypted"] == "yes"
    for wrong in (
        {**safe, **shown, "sslrootcert": str(tmp_path / "other.crt")},
        safe,
        {**safe, **shown, "sslmode": "disable", "sslrootcert": None},
    ):
        with pytest.raises(StepError) as raised:
            read(own_server.port, **wrong)
        assert raised.value.kind == "authentication", raised.value
        assert module.PASSWORD not in str(raised.value)


def test_what_files_are_missing_is_told_before_a_run(db):
    """Certificates are looked for while a document is checked."""
    connection = json.dumps({"connector": "postgres", **db.config, "sslcert": "nope.crt"})
    found = db.spec(LOAD, connection=connection).validate()
    assert [problem.code for problem in found] == ["SF501"]
    assert "file not found: nope.crt" in found[0].message


def test_a_service_file_is_found(db, tmp_path):
    """A section of the service file says how to connect, beside a password of the document."""
    file = tmp_path / "services.conf"
    file.write_text(f"[shop]\nhost=127.0.0.1\nport={db.port}\ndbname={db.name}\nuser=admin\n", encoding="utf-8")
    connection = {"service": "shop", "password": db.config["password"]}
    db.run("create table t (id int); insert into t values (1), (2)")
    code, said, _ = cli(db, LOAD, connection=connection, folder=tmp_path, environment={"PGSERVICEFILE": str(file)})
    assert code == 0, said
    code, said, _ = cli(db, LOAD, connection={**connection, "service": "other"}, folder=tmp_path,
                        environment={"PGSERVICEFILE": str(file)})  # fmt: skip
    assert code == 1
    assert 'definition of service "other" not found' in said


def test_a_document_without_a_run_imports_no_driver():
    """The connector's class, its options and what it says of them come without psycopg, ADBC or Arrow."""
    from sys import executable

    program = (
        "import sys; from pathlib import Path; from sqlflow_postgres.connector import Postgres as P; "
        "c = P.Config(dsn='postgresql://h/d'); o = P.ReadOptions(table='t'); "
        "list(P().objections(c, o, Path())); P().place(c, o); "
        "print(sorted({n.split('.')[0] for n in sys.modules} & {'psycopg', 'adbc_driver_postgresql', 'pyarrow'}))"
    )
    done = subprocess.run([executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
