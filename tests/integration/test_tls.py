"""Logging in: passwords, authentication methods and TLS, against servers with and without it.

What a server that lies gets to see is tested with fake servers in tests/unit/mysql; here
real servers, and one whose TLS somebody between us takes away.
"""

import pytest

from harness.failure import check_no_secrets, failure
from harness.proxy import Proxy
from harness.tasks import here, task_document, unique

SERIES = ("mariadb-10.11", "mysql-8.0", "mysql-9.7")
SECRET = "s3cret-of-this-test"


@pytest.fixture(autouse=True)
def _secrets_stay_secret(core):
    yield
    check_no_secrets(core, SECRET)


@pytest.fixture(scope="module", params=SERIES)
def plain(request, pool, sandbox):
    """A server that speaks no TLS."""
    server = pool.make(request.param, tls="off")
    yield server
    sandbox.discard(server)


@pytest.fixture(scope="module", params=SERIES)
def safe(request, pool, sandbox):
    """A server with a certificate for localhost and 127.0.0.1, signed by ca_path."""
    server = pool.make(request.param, tls="own")
    yield server
    sandbox.discard(server)


@pytest.fixture
def proxy():
    """Make proxies in front of servers: proxy(server, …)."""
    made = []

    def make(server, **keywords):
        made.append(Proxy(server, **keywords))
        return made[-1]
    yield make
    for each in made:
        each.close()


def account(server, plugin=None, require="", password=SECRET) -> dict:
    """A new account, as the document's source wants it: the server has not cached its password."""
    name = unique("login")
    server.create_repl_user(name, password, plugin=plugin, require=require)
    return {"user": name, "password": password}


def document(server, tls, start=None, **source):
    """A task that copies one table, with source.tls and perhaps another user."""
    return task_document(server, include="shop.item", start=start or "latest", user="repl",
                         source_extra={"tls": tls, **source})


def copies(core, server, document_of) -> None:
    """The task gets rows over the connection that it makes."""
    start = here(server)
    server.sql("CREATE DATABASE IF NOT EXISTS shop; DROP TABLE IF EXISTS shop.item;"
               "CREATE TABLE shop.item (id INT PRIMARY KEY); INSERT INTO shop.item VALUES (1)")
    result = core.run(document_of(start), state=core.folder / unique("state")).ok()
    assert [m["after"] for m in result.messages] == [{"id": 1}]


# ------------------------------------------------------- no TLS on the server

@pytest.mark.sanitize
@pytest.mark.parametrize("mode", ["required", "verify_identity"])
def test_tls_required_and_not_there(plain, core, proxy, mode):
    """Nothing is sent to a server that cannot do what the document asks."""
    between = proxy(plain)
    login = account(plain)
    tls = {"mode": mode, "ca": str(plain.ca_path)} if plain.ca_path else {"mode": mode}
    result = core.run(document(between, tls, **login))
    failure(result, "source_tls", f"{login['user']}@127.0.0.1:{between.port}", "offers no TLS",
            mode, "no password was sent", "source.tls.mode")
    assert login["user"].encode() not in between.from_client, "not even the name was sent"


@pytest.mark.parametrize("mode", ["disabled", "preferred"])
def test_without_tls_where_that_is_allowed(plain, core, mode):
    """A plaintext connection works when it may; preferred takes it too, for a method whose
    proof is safe to show: MySQL's own needs a first login that is not (see below)."""
    login = account(plain)
    if plain.flavor == "mysql" and mode == "preferred":
        core.run(document(plain, {"mode": "disabled"}, **login),
                 state=core.folder / "first").ok()  # now the server has it cached
    copies(core, plain, lambda start: document(plain, {"mode": mode}, start, **login))


# MariaDB 10.11 has no caching_sha2_password.
@pytest.mark.sanitize
@pytest.mark.parametrize("plain", [name for name in SERIES if name.startswith("mysql")],
                         indirect=True)
def test_caching_sha2_first_login_without_tls(plain, core, proxy):
    """The server asks for the password itself: encrypted for it when the mode says that the
    network is trusted, refused when the mode says that there might be TLS."""
    between = proxy(plain)
    login = account(plain, "caching_sha2_password")
    refused = core.run(document(between, {"mode": "preferred"}, **login))
    failure(refused, "source_tls", "caching_sha2_password", "no password was sent",
            "source.tls.mode", "disabled")
    copies(core, plain, lambda start: document(between, {"mode": "disabled"}, start, **login))
    assert SECRET.encode() not in between.from_client


def test_tls_taken_away_on_the_way(safe, core, proxy):
    """Someone between us hides that the server has TLS: required notices, and preferred does
    not hand over the password either."""
    between = proxy(safe)
    between.hide_tls = True
    login = account(safe)
    result = core.run(document(between, {"mode": "required"}, **login))
    failure(result, "source_tls", "offers no TLS", "no password was sent")
    assert login["user"].encode() not in between.from_client
    result = core.run(document(between, {"mode": "preferred"}, **login),
                      state=core.folder / "second")
    if safe.flavor == "mysql":
        failure(result, "source_tls", "caching_sha2_password", "no password was sent")
    else:
        result.ok()  # mysql_native_password shows a proof that is good for one login
    assert SECRET.encode() not in between.from_client


# ------------------------------------------------------- TLS, verified or not

@pytest.mark.sanitize
@pytest.mark.parametrize("mode", ["preferred", "required"])
def test_encrypted(safe, core, mode):
    """An account that demands TLS gets it, without a CA to check."""
    login = account(safe, require="SSL")
    copies(core, safe, lambda start: document(safe, {"mode": mode}, start, **login))


@pytest.mark.sanitize
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_verified_identity(safe, core, host):
    """The CA signed it, and it is for this host."""
    login = account(safe, require="SSL")
    tls = {"mode": "verify_identity", "ca": safe.ca_path}
    copies(core, safe, lambda start: document(safe, tls, start, host=host, **login))


def test_certificate_for_another_host(safe, core, proxy):
    """The right CA, but the certificate is not for 127.0.0.2; required does not mind."""
    elsewhere = proxy(safe, host="127.0.0.2", tls=True)
    login = account(safe)
    tls = {"mode": "verify_identity", "ca": safe.ca_path}
    result = core.run(document(elsewhere, tls, **login))
    failure(result, "source_tls", f"{login['user']}@127.0.0.2:{elsewhere.port}")
    tls["mode"] = "required"
    copies(core, safe, lambda start: document(elsewhere, tls, start, **login))


@pytest.mark.sanitize
@pytest.mark.parametrize("mode", ["required", "verify_identity"])
def test_certificate_of_another_authority(safe, core, sandbox, mode):
    """A CA that is given is checked in both modes."""
    tls = {"mode": mode, "ca": str(sandbox.authority.unrelated_ca())}
    result = core.run(document(safe, tls))
    failure(result, "source_tls", f"repl@127.0.0.1:{safe.port}", "certificate")


def test_verify_identity_against_a_certificate_of_the_servers_own(mysql_80, core):
    """What MySQL generates for itself names no host; nobody vouches for it here."""
    result = core.run(document(mysql_80, {"mode": "verify_identity"}))
    failure(result, "source_tls", "certificate")


def test_client_certificates(safe, core, sandbox):
    """cert and key, as files and as text; without them the server refuses the account."""
    pair = sandbox.authority.client_certificate()
    login = account(safe, require="X509")
    files = {"mode": "verify_identity", "ca": str(pair.ca), "cert": str(pair.certificate),
             "key": str(pair.key)}
    texts = {**files, **{name: open(files[name], encoding="ascii").read()
                         for name in ("ca", "cert", "key")}}
    for tls in (files, texts):
        copies(core, safe, lambda start, tls=tls: document(safe, tls, start, **login))
    key = pair.key.read_text(encoding="ascii").splitlines()[1]
    check_no_secrets(core, key)
    result = core.run(document(safe, {"mode": "required"}, **login))
    failure(result, "source_auth", f"{login['user']}@127.0.0.1:{safe.port}", "Access denied")


def test_certificate_files_that_are_not_there(mysql_80, core, tmp_path):
    """The error names field and file."""
    missing = tmp_path / "nothing.pem"
    for field in ("ca", "cert", "key"):
        tls = {"mode": "required", "cert": "/dev/null", "key": "/dev/null", field: str(missing)}
        result = core.run(document(mysql_80, tls))
        failure(result, "secret_missing", f"source.tls.{field}", str(missing))


def test_a_certificate_that_is_none(mysql_80, core, tmp_path):
    """A file that can be read and holds no certificate."""
    path = tmp_path / "text.pem"
    path.write_text("this is not a certificate\n", encoding="ascii")
    result = core.run(document(mysql_80, {"mode": "required", "ca": str(path)}))
    failure(result, "secret_missing", "source.tls.ca", str(path), "is not PEM text")


# ------------------------------------------------------- methods

@pytest.mark.sanitize
@pytest.mark.parametrize("mode", ["required", "disabled"])
@pytest.mark.parametrize("series", ["mysql-8.0", "mysql-9.7"])
def test_caching_sha2_password(pool, core, series, mode):
    """The first login of an account, and one that the server has cached."""
    server = pool.get(series)
    login = account(server, "caching_sha2_password")
    for _ in range(2):
        copies(core, server, lambda start: document(server, {"mode": mode}, start, **login))


@pytest.mark.parametrize("series", ["mysql-5.7", "mysql-8.0", "mariadb-10.11", "mariadb-11.8"])
def test_mysql_native_password(pool, core, series):
    """With TLS where the server has it, and without."""
    server = pool.get(series)
    login = account(server, "mysql_native_password")
    for mode in ("preferred", "disabled"):
        copies(core, server, lambda start, mode=mode: document(server, {"mode": mode}, start,
                                                               **login))


@pytest.mark.parametrize("series,plugin", [
    ("mysql-8.0", "sha256_password"), ("mysql-9.7", "sha256_password")])
def test_a_method_that_is_not_allowed(pool, core, series, plugin):
    """It is named, with those that are."""
    server = pool.get(series)
    login = account(server, plugin)
    result = core.run(document(server, {"mode": "preferred"}, **login))
    failure(result, "source_auth_plugin", login["user"], plugin, "caching_sha2_password",
            "mysql_native_password", "no password was sent")


def test_empty_password(source, core):
    """An account without a password logs in, and only without one."""
    login = account(source, password="")
    copies(core, source, lambda start: document(source, {"mode": "preferred"}, start, **login))
    result = core.run(document(source, {"mode": "preferred"}, **{**login, "password": SECRET}))
    failure(result, "source_auth", login["user"])


def test_account_that_demands_tls(safe, core):
    """TLS switched off in the document: the refusal says what may be the reason."""
    login = account(safe, require="SSL")
    result = core.run(document(safe, {"mode": "disabled"}, **login))
    failure(result, "source_auth", login["user"], "without TLS; the account may require it")


def test_server_that_demands_tls(safe, core):
    """require_secure_transport."""
    safe.sql("SET GLOBAL require_secure_transport = ON")
    try:
        result = core.run(document(safe, {"mode": "disabled"}), state=core.folder / "first")
        # MariaDB 10.11 only says that access is denied.
        code = "source_tls" if safe.flavor == "mysql" else "source_auth"
        failure(result, code, f"repl@127.0.0.1:{safe.port}", "TLS")
        copies(core, safe, lambda start: document(safe, {"mode": "preferred"}, start))
    finally:
        safe.sql("SET GLOBAL require_secure_transport = OFF")
