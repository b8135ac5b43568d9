"""The Kafka pipe by itself, driven by tests/unit/pipe/pipe_shell, against a real broker.

What librdkafka's mock cluster cannot show: topics that are made, limits of size,
topics that vanish, brokers that die or hang, and credentials.
"""

import queue
import subprocess
import threading
import time

import pytest

from harness.core import REPOSITORY, binary
from harness.tasks import unique
from harness.waiting import PATIENCE

from sandbox import paths


class Shell:
    """One pipe_shell: a command a line, an answer a line."""

    def __init__(self, brokers: str, **options):
        program = binary().parent.parent / "tests/unit/pipe/pipe_shell"
        if not program.exists():
            program = REPOSITORY / "build/release/tests/unit/pipe/pipe_shell"
        words = [f"{name.replace('__', ':').replace('_', '.')}={value}" if "__" in name
                 else f"{name}={value}" for name, value in options.items()]
        # pylint: disable-next=consider-using-with
        self._process = subprocess.Popen([program, f"brokers={brokers}", *words], text=True,
                                         stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                         stderr=subprocess.PIPE, bufsize=1)
        self._lines = queue.SimpleQueue()
        self.states = []
        self.log = []
        for stream, sink in ((self._process.stdout, self._answer),
                             (self._process.stderr, self.log.append)):
            threading.Thread(target=self._read, args=(stream, sink), daemon=True).start()
        self.opened = self.answer()

    def _read(self, stream, sink):
        for line in stream:
            sink(line.rstrip("\n"))

    def _answer(self, line):
        if line.startswith("state "):
            self.states.append(line.split(" ", 2)[1:])
        else:
            self._lines.put(line)

    def answer(self, timeout: float = 70.0) -> str:
        """The next answer."""
        try:
            return self._lines.get(timeout=timeout * PATIENCE)
        except queue.Empty:
            raise AssertionError(f"no answer; states {self.states}, log {self.log}") from None

    def send(self, line: str) -> None:
        """A command whose answer is asked for later."""
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()

    def do(self, line: str, timeout: float = 70.0) -> str:
        """A command and its answer."""
        self.send(line)
        return self.answer(timeout)

    def ok(self, line: str) -> str:
        """A command that succeeds."""
        answer = self.do(line)
        assert answer.startswith("ok "), answer
        return answer

    def fails(self, line: str, code: str, *says: str) -> str:
        """A command that fails with an error of this code, whose text says these things."""
        answer = self.do(line)
        assert answer.startswith(f"error {code}: "), answer
        for word in says:
            assert word in answer
        return answer

    def close(self) -> None:
        """End of input; it must close in time and without a sanitizer's complaint."""
        self._process.stdin.close()
        assert self._process.wait(30 * PATIENCE) == 0, "\n".join(self.log)


@pytest.fixture
def shell():
    """Make shells: shell(brokers, create=1, …); `config__retention_ms` is config:retention.ms."""
    made = []

    def make(brokers, **options):
        made.append(Shell(brokers, **options))
        return made[-1]
    yield make
    for each in made:
        each.close()


@pytest.fixture
def topic():
    """A name that no other test uses."""
    return unique("pipe")


def check_arrivals(bus, topic, count):
    """Exactly the values 0..count-1 arrived, rising within each key."""
    last = {}
    seen = set()
    for message in bus.collect(topic, count=count):
        number = int(message.value.split(b" ", 1)[0])
        assert last.get(message.key, -1) < number, "out of order, or twice"
        last[message.key] = number
        seen.add(number)
    assert seen == set(range(count))


def test_topics_are_made_as_asked(shell, kafka, bus, topic):
    """Partitions and settings of a topic that is made; one that is there stays as it is."""
    first = shell(kafka.brokers, create=1, partitions=4, config__max_message_bytes=300000)
    first.ok(f"put {topic} 50 200")
    first.ok("wait 10000")
    assert bus.partitions(topic) == [0, 1, 2, 3]
    first.ok(f"put {topic} 1 400000")
    first.fails("wait 10000", "pipe_oversize", topic, "400008 bytes", "300000")
    other = shell(kafka.brokers, create=1, partitions=2)
    other.ok(f"put {topic} 50 200")
    other.ok("wait 10000")
    assert bus.partitions(topic) == [0, 1, 2, 3]
    assert any("exists with 4 partitions" in line for line in other.log)


def test_topics_that_cannot_be(shell, kafka, topic):
    """Missing and not to be made; made with settings that the broker refuses."""
    shell(kafka.brokers).fails(f"put {topic} 1 10", "pipe_refused", topic, "topics.create")
    shell(kafka.brokers, create=1, config__no_such=1).fails(
        f"put {topic} 1 10", "pipe_refused", topic, "no.such")
    shell(kafka.brokers, create=1).fails("put a/b 1 10", "pipe_refused", "a/b")


def test_a_topics_limit_is_for_rows_not_for_batches(shell, kafka, bus, topic):
    """Many small messages pass a small limit; one over it does not, and is named."""
    bus.create_topic(topic, 1, {"max.message.bytes": "100000"})
    pipe = shell(kafka.brokers)
    pipe.ok(f"put {topic} 2000 1000")
    pipe.ok("wait 20000")
    assert "batch 100000" in pipe.ok("stats")
    pipe.ok(f"put {topic} 1 150000")
    pipe.fails("wait 10000", "pipe_oversize", topic, "150008 bytes", "100000 bytes")


def test_the_topic_decides_about_large_rows(shell, kafka, bus, topic):
    """librdkafka's own limit of 1 MB is not in the way of a topic that takes more."""
    large, usual = f"{topic}.large", f"{topic}.usual"
    bus.create_topic(large, 1, {"max.message.bytes": "50000000"})
    bus.create_topic(usual, 1)
    pipe = shell(kafka.brokers)
    pipe.ok(f"put {large} 3 5000000")
    pipe.ok(f"put {large} 1 40000000")
    pipe.ok("wait 30000")
    pipe.ok(f"put {usual} 1 2000000")
    pipe.fails("wait 10000", "pipe_oversize", usual, "2000008 bytes", "1048588")


def test_a_killed_broker_costs_waiting(shell, kafka, bus, topic):
    """kill -9 under load: AWAY, UP, and every message once and in order."""
    pipe = shell(kafka.brokers, create=1, partitions=3)
    pipe.ok(f"put {topic} 1000 700 50")
    pipe.ok("wait 10000")
    for _ in range(10):
        pipe.send(f"put {topic} 2000 700 50")
    time.sleep(0.05)
    kafka.kill()
    for _ in range(10):
        assert pipe.answer() == "ok put 2000"
    time.sleep(5)
    pipe.ok("stats")
    kafka.start()
    assert "acked 21000 of 21000" in pipe.ok("wait 60000")
    assert [state[0] for state in pipe.states] in ([], ["AWAY", "UP"])
    check_arrivals(bus, topic, 21000)


@pytest.mark.full
def test_a_broker_that_hangs(shell, kafka, bus, topic):
    """No answer, no disconnect: told after a while, and nothing is lost or twice."""
    pipe = shell(kafka.brokers, create=1, partitions=3)
    pipe.ok(f"put {topic} 1000 700 50")
    pipe.ok("wait 10000")
    kafka.pause()
    pipe.ok(f"put {topic} 5000 700 50")
    assert pipe.do("wait 40000").startswith("timeout")
    assert [state[0] for state in pipe.states] == ["AWAY"]
    kafka.resume()
    pipe.ok("wait 60000")
    assert [state[0] for state in pipe.states] == ["AWAY", "UP"]
    check_arrivals(bus, topic, 6000)


@pytest.mark.parametrize("again", [False, True], ids=["gone", "made anew"])
def test_a_topic_that_is_deleted(shell, kafka, bus, topic, again):
    """A topic that had our messages is gone, or empty again: that is told, not repaired."""
    pipe = shell(kafka.brokers, create=1, partitions=3)
    pipe.ok(f"put {topic} 300 700 50")
    pipe.ok("wait 10000")
    bus._admin.delete_topics([topic])[topic].result(30)  # pylint: disable=protected-access
    if again:
        time.sleep(1)
        bus.create_topic(topic, 3)
    pipe.do(f"put {topic} 50 700 50")
    pipe.fails("wait 60000", "pipe_topic_lost", topic)


def test_many_topics_at_once(shell, kafka, bus, topic):
    """Each is made when its first message comes."""
    pipe = shell(kafka.brokers, create=1, partitions=1)
    for number in range(20):
        pipe.ok(f"put {topic}.{number} 3 100")
    pipe.ok("wait 20000")
    assert "topics 20" in pipe.ok("stats")
    assert [name for name in bus.topics() if name.startswith(topic)] == \
        sorted(f"{topic}.{number}" for number in range(20))


def _listeners(server, sandbox):
    """Listeners with TLS, with SASL and with both; ACLs for whoever is not anonymous."""
    pair = sandbox.authority.server_certificate()
    store = sandbox.state_dir / "kafka-keystore.pem"
    store.write_text(pair.key.read_text() + pair.certificate.read_text())
    paths.give_to_servers(store)
    ports = {name: sandbox.free_port() for name in ("TLS", "MTLS", "SASL", "SASLTLS")}
    protocols = {"TLS": "SSL", "MTLS": "SSL", "SASL": "SASL_PLAINTEXT", "SASLTLS": "SASL_SSL"}
    base = server.settings()
    more = "".join(f",{name}://127.0.0.1:{port}" for name, port in ports.items())
    login = ('org.apache.kafka.common.security.plain.PlainLoginModule required '
             'user_alice="alice-secret";')
    server.options.update({
        "listeners": base["listeners"] + more,
        "advertised.listeners": base["advertised.listeners"] + more,
        "listener.security.protocol.map":
            base["listener.security.protocol.map"] +
            "".join(f",{name}:{protocol}" for name, protocol in protocols.items()),
        "inter.broker.listener.name": "PLAINTEXT",
        "ssl.keystore.type": "PEM", "ssl.keystore.location": store,
        "ssl.truststore.type": "PEM", "ssl.truststore.location": pair.ca,
        "listener.name.mtls.ssl.client.auth": "required",
        "sasl.enabled.mechanisms": "PLAIN",
        "listener.name.sasl.plain.sasl.jaas.config": login,
        "listener.name.sasltls.plain.sasl.jaas.config": login,
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users": "User:ANONYMOUS;User:alice",
    })
    return {name: f"127.0.0.1:{port}" for name, port in ports.items()}


@pytest.fixture(scope="module")
def secured(pool, sandbox):
    """A broker with TLS and SASL, and the addresses of its listeners."""
    server = pool.make("kafka", start=False)
    addresses = _listeners(server, sandbox)
    server.start()
    yield server, addresses
    sandbox.discard(server)


def test_credentials_that_are_right(shell, secured, sandbox, topic):
    """TLS by three degrees, PLAIN with and without TLS; a certificate without rights."""
    _, at = secured
    authority = sandbox.authority
    ca = authority.server_certificate().ca
    client = authority.client_certificate()
    login = {"mechanism": "PLAIN", "user": "alice", "password": "alice-secret"}
    for address, options in (
            (at["TLS"], {"tls": "verify_identity", "ca": ca}),
            (at["TLS"], {"tls": "verify_ca", "ca": ca}),
            (at["TLS"], {"tls": "required"}),
            (at["SASLTLS"], {"tls": "verify_identity", "ca": ca, **login}),
            (at["SASL"], login)):
        pipe = shell(address, create=1, **options)
        pipe.ok(f"put {topic} 5 100")
        pipe.ok("wait 10000")
    nobody = shell(at["MTLS"], tls="verify_identity", ca=ca, cert=client.certificate,
                   key=client.key)
    nobody.fails(f"put {topic} 1 10", "pipe_refused", topic, "grant our user")


def test_credentials_that_are_wrong(shell, secured, sandbox, topic):
    """Each is told apart from a broker that cannot be reached, and no secret is told."""
    _, at = secured
    authority = sandbox.authority
    ca = authority.server_certificate().ca
    login = {"mechanism": "PLAIN", "user": "alice", "password": "not-the-secret"}
    shells = [shell(address, **options) for address, options in (
        (at["SASL"], login),
        (at["SASLTLS"], {"tls": "verify_identity", "ca": ca, **login}),
        (at["TLS"], {"tls": "verify_identity", "ca": authority.unrelated_ca()}),
        (at["TLS"], {"tls": "verify_identity"}),
        (at["MTLS"], {"tls": "verify_identity", "ca": ca}))]
    for pipe in shells:
        pipe.send(f"put {topic} 1 10")
    for pipe in shells:
        answer = pipe.answer()
        assert answer.startswith("error pipe_security: "), answer
        assert "secret" not in answer
    away = shell(f"127.0.0.1:{sandbox.free_port()}")
    away.send(f"put {topic} 1 10")
    time.sleep(5)
    assert [state[0] for state in away.states] == ["AWAY"]
    assert "refused" in away.states[0][1]
    away._process.kill()  # pylint: disable=protected-access
    away.close = lambda: None
