"""Kafka fails: brokers that hang, die and refuse, topics that are gone.

An outage costs waiting, not memory and not data; a refusal ends the task with what it is
about, and with everything before it saved. Within one life of the process nothing is doubled
either: the producer is idempotent.
"""

import collections
import json
import os
import re
import time

import pytest
from confluent_kafka import KafkaException, admin

from harness.bus import Bus
from harness.failure import check_no_secrets, failure
from harness.tasks import here, task_document, unique
from harness.waiting import PATIENCE, wait_until

MIB = 1024 * 1024
RSS_LIMIT = 64 * MIB  # with the default bounds
SECRET = "br0ker-secret"


@pytest.fixture(autouse=True)
def _secrets_stay_secret(core):
    yield
    check_no_secrets(core, SECRET)


def ids(messages):
    """The ids that were inserted."""
    return [m["after"]["id"] for m in messages]


@pytest.fixture
def source(mariadb_1011):
    """The pipe does not know whence rows come: one server does for these tests."""
    return mariadb_1011


@pytest.fixture
def table(source, database):
    """A table for rows of any size, and where it begins."""
    source.sql(f"CREATE TABLE {database}.t (id INT PRIMARY KEY, v LONGTEXT)")
    return f"{database}.t", here(source)


def insert(source, name, first, count, size=10) -> None:
    """Rows first … first + count - 1, a transaction each."""
    source.sql("".join(f"INSERT INTO {name} VALUES ({number}, REPEAT('x', {size}));"
                       for number in range(first, first + count)))


def fill(source, name, first, last, value) -> None:
    """Rows first … last in one transaction; `value` is an expression of seq."""
    source.sql(f"INSERT INTO {name} SELECT seq, {value} FROM seq_{first}_to_{last}",
               database=name.split(".", maxsplit=1)[0])


def noise(size: int) -> str:
    """Text that does not compress."""
    return os.urandom(size // 2).hex()


def saved(core, state=None) -> dict:
    """The saved position."""
    return json.loads(((state or core.state) / "position.json").read_text(encoding="utf-8"))


# ------------------------------------------------------- brokers that are away

class Load:
    """Updates of some keys, each to its next version, with rows of a kilobyte."""

    KEYS = 500

    def __init__(self, source, name):
        self.source = source
        self.name = name
        self.version = 0
        fill(source, name, 1, self.KEYS, "'0'")

    def rounds(self, count) -> None:
        """Update all keys `count` times."""
        begin = self.version + 1
        self.version += count
        self.source.sql("".join(
            f"UPDATE {self.name} SET v = CONCAT({version}, ' ', REPEAT('x', 1000));"
            for version in range(begin, self.version + 1)))

    @property
    def messages(self) -> int:
        """How many messages that makes."""
        return self.KEYS * (self.version + 1)

    def check(self, messages) -> None:
        """Every version of every key, in order, once."""
        of_key = collections.defaultdict(list)
        for message in messages:
            of_key[message.key_json["id"]].append(int(message.json["after"]["v"].split(" ")[0]))
        assert len(of_key) == self.KEYS
        for key, versions in of_key.items():
            assert versions == list(range(self.version + 1)), f"key {key}"
        assert len({message.partition for message in messages}) == 3, "over all partitions"


def start_load(source, core, kafka, table):
    """A running task into a topic of three partitions, its load, and the topic."""
    name, start = table
    task = task_document(source, include=name, start=start,
                         pipe={"type": "kafka", "brokers": kafka.brokers,
                               "topics": {"partitions": 3}})
    running = core.start(task)
    load = Load(source, name)
    load.rounds(1)
    topic = f"{task['name']}.{name}"
    running.wait_for_log("created topic")
    return task, running, load, topic


def serves(bus) -> bool:
    """Whether the broker answers."""
    try:
        return bus.topics() is not None
    except KafkaException:
        return False


def check_memory(running) -> None:
    """Bounded, whatever piles up."""
    assert running.peak_rss_bytes() < RSS_LIMIT, f"{running.peak_rss_bytes() / MIB:.0f} MiB"


def test_broker_hangs_under_load(source, core, kafka, bus, table):
    """SIGSTOP: connections stay and nothing is acknowledged. 40 MB pile up meanwhile."""
    _, running, load, topic = start_load(source, core, kafka, table)
    bus.collect(topic, count=load.messages)
    kafka.pause()
    began = time.monotonic()
    for _ in range(8):
        load.rounds(5)
        check_memory(running)
    running.wait_for_log("the pipe is away, waiting for it", 25)
    assert time.monotonic() - began > 10, "a pause for garbage collection is no outage"
    kafka.resume()
    running.wait_for_log("the pipe is back", 40)
    load.rounds(1)
    load.check(bus.collect(topic, count=load.messages, timeout=60))
    check_memory(running)
    result = running.terminate().ok()
    assert result.summary["messages"] == load.messages
    assert len(re.findall("the pipe is away", result.stderr)) == 1


@pytest.mark.sanitize
@pytest.mark.parametrize("way", ["stop", "kill"])
def test_broker_restarts_under_load(source, core, kafka, bus, table, way):
    """Stopped in order and killed, in the middle of the stream."""
    _, running, load, topic = start_load(source, core, kafka, table)
    for _ in range(4):
        load.rounds(3)
    getattr(kafka, way)()
    for _ in range(8):
        load.rounds(3)
    running.wait_for_log("the pipe is away, waiting for it: .*")
    if PATIENCE == 1:  # a sanitizer's memory is its own
        check_memory(running)
    kafka.start()
    load.rounds(1)
    load.check(bus.collect(topic, count=load.messages, timeout=60))
    if PATIENCE == 1:
        check_memory(running)
    assert running.terminate(30).ok().summary["messages"] == load.messages
    assert "the pipe is back" in running.stderr


def test_stop_while_the_broker_is_away(source, core, kafka, bus, table):
    """SIGTERM waits ten seconds for acknowledgements, a second one for nothing; what was
    not acknowledged comes with the next run."""
    name, start = table
    tasks = [task_document(source, include=name, start=start, pipe=kafka) for _ in range(2)]
    states = [core.folder / "patient", core.folder / "hurried"]
    runs = [core.start(task, state=state) for task, state in zip(tasks, states)]
    insert(source, name, 1, 10)
    for task in tasks:
        bus.collect(f"{task['name']}.{name}", count=10)
    time.sleep(0.7)  # a save
    kafka.pause()
    try:
        insert(source, name, 11, 10)
        time.sleep(0.5)
        began = time.monotonic()
        for run in runs:
            run.signal(15)
        runs[1].signal(2)
        hurried = runs[1].wait(3).ok()
        assert time.monotonic() - began < 2 * PATIENCE
        patient = runs[0].wait(15).ok()
        assert 5 < time.monotonic() - began < 13 * PATIENCE
        for result in (patient, hurried):
            assert "nobody acknowledged" in result.stderr
            assert result.summary["rows"] == 10
    finally:
        kafka.resume()
    wait_until(lambda: serves(bus), 60, "the broker serves again", 0.2)
    insert(source, name, 21, 5)
    for task, state in zip(tasks, states):
        core.run(task, state=state).ok()
        seen = [m.json["after"]["id"] for m in bus.collect(f"{task['name']}.{name}", count=25)]
        # What was on its way may have been written when the broker woke.
        assert set(seen) == set(range(1, 26)), seen
        assert seen[:10] == list(range(1, 11)) and seen[-15:] == list(range(11, 26))


@pytest.mark.sanitize
@pytest.mark.parametrize("host", ["127.0.0.1", "no-such-host.invalid"])
def test_wrong_brokers(source, core, kafka, bus, table, sandbox, host):
    """Waited for, as the broker may come yet; the log names the address, and a second
    SIGTERM does not wait. Nothing is lost."""
    name, start = table
    insert(source, name, 1, 3)
    wrong = f"{host}:{sandbox.free_port()}"
    task = task_document(source, include=name, start=start,
                         pipe={"type": "kafka", "brokers": wrong})
    running = core.start(task, until="head")
    running.wait_for_log(f"the pipe is away, waiting for it: .*{wrong}", 15)
    assert running.alive and running.stderr.count("the pipe is away") == 1
    began = time.monotonic()
    running.signal(15)
    time.sleep(0.3)
    running.signal(15)
    result = running.wait(5).ok()
    assert time.monotonic() - began < 3 * PATIENCE and result.summary["messages"] == 0
    task["pipe"]["brokers"] = kafka.brokers
    core.run(task).ok()
    assert ids([m.json for m in bus.collect(f"{task['name']}.{name}", count=3)]) == [1, 2, 3]


# ------------------------------------------------------- brokers that refuse

@pytest.mark.sanitize
def test_missing_topic(source, core, kafka, bus, table):
    """topics.create is false: the topic is named, and once it is there all is delivered."""
    name, start = table
    insert(source, name, 1, 3)
    task = task_document(source, include=name, start=start, pipe={
        "type": "kafka", "brokers": kafka.brokers, "topics": {"create": False}})
    topic = f"{task['name']}.{name}"
    result = core.run(task)
    failure(result, "pipe_refused", f"topic {topic}", "does not exist",
            "pipe.topics.create is false", "row change 1 of the transaction that begins at",
            "Create the topic")
    assert result.summary["messages"] == 0 and topic not in bus.topics()
    bus.create_topic(topic, 2)
    core.run(task).ok()
    assert sorted(ids([m.json for m in bus.collect(topic, count=3)])) == [1, 2, 3]


@pytest.mark.parametrize("topics,words", [
    ({"config": {"retention.ms": "for ever"}}, ["cannot be created", "retention.ms"]),
    ({"config": {"no.such.setting": "1"}}, ["cannot be created", "no.such.setting"])])
def test_topic_settings_that_the_broker_refuses(source, core, kafka, table, topics, words):
    """In the broker's words, with the topic's name."""
    name, start = table
    insert(source, name, 1, 1)
    task = task_document(source, include=name, start=start, pipe={
        "type": "kafka", "brokers": kafka.brokers, "topics": topics})
    failure(core.run(task), "pipe_refused", f"topic {task['name']}.{name}", *words)


def test_topic_name_that_is_too_long(source, core, kafka, bus, table):
    """Known before a broker is asked."""
    name, start = table
    insert(source, name, 1, 1)
    prefix = "x" * 230
    task = task_document(source, include=name, start=start, pipe={
        "type": "kafka", "brokers": kafka.brokers, "topic": prefix + ".{db}.{table}"})
    failure(core.run(task), "task_invalid", "pipe.topic", name, "249")
    topic = task["pipe"]["topic"] = unique("short")
    core.run(task).ok()
    assert ids([m.json for m in bus.collect(topic, count=1)]) == [1]


def test_properties(source, core, kafka, table):
    """A value that librdkafka refuses is named with its property."""
    name, start = table
    task = task_document(source, include=name, start=start, pipe={
        "type": "kafka", "brokers": kafka.brokers, "properties": {"compression.type": "zip"}})
    failure(core.run(task), "task_invalid", "pipe.properties", "compression.type", "zip")


def alter_topic(bus, topic, name, value) -> None:
    """Set one of a topic's settings."""
    entry = admin.ConfigEntry(name, str(value),
                              incremental_operation=admin.AlterConfigOpType.SET)
    resource = admin.ConfigResource(admin.ConfigResource.Type.TOPIC, topic,
                                    incremental_configs=[entry])
    client = admin.AdminClient({"bootstrap.servers": bus.brokers})
    for future in client.incremental_alter_configs([resource]).values():
        future.result(20 * PATIENCE)


@pytest.mark.sanitize
def test_message_larger_than_the_topic_takes(source, core, kafka, bus, table):
    """The topic, both sizes and the row's place are named; all before it is delivered and
    saved; with the limit raised the same task delivers the rest, and nothing twice."""
    name, start = table
    insert(source, name, 1, 20)
    before = source.position()
    source.sql(f"INSERT INTO {name} VALUES (21, 'fits'), (22, '{noise(300_000)}'), (23, 'fits')")
    insert(source, name, 24, 5)
    task = task_document(source, include=name, start=start, pipe=kafka)
    topic = f"{task['name']}.{name}"
    bus.create_topic(topic, 1, {"max.message.bytes": "100000"})
    result = core.run(task)
    line = failure(result, "pipe_oversize", f"topic {topic}", "100000 bytes (max.message.bytes)",
                   f"row change 2 of the transaction that begins at {before[0]}:{before[1]}",
                   "Raise max.message.bytes")
    size = int(re.search(r"a message of (\d+) bytes", line)[1])
    assert 300_000 < size < 302_000
    seen = ids([m.json for m in bus.collect(topic)])
    assert seen == list(range(1, 22))
    position = saved(core)
    assert (position["file"], position["pos"]) == before
    assert position["partial"]["rows"] == 1, "the row before it is not sent again"
    assert result.summary["messages"] == 21

    alter_topic(bus, topic, "max.message.bytes", 1_000_000)
    core.run(task).ok()
    messages = bus.collect(topic, count=28)
    assert ids([m.json for m in messages]) == list(range(1, 29))
    assert len(messages[21].value) > 300_000


def test_message_larger_than_our_own_limit(source, core, kafka, bus, table):
    """pipe.properties message.max.bytes, and how it goes with the broker's."""
    name, start = table
    insert(source, name, 1, 3)
    source.sql(f"INSERT INTO {name} VALUES (4, '{noise(200_000)}')")
    insert(source, name, 5, 3)
    task = task_document(source, include=name, start=start, pipe={
        "type": "kafka", "brokers": kafka.brokers, "properties": {"message.max.bytes": "150000"}})
    topic = f"{task['name']}.{name}"
    failure(core.run(task), "pipe_oversize", f"topic {topic}", "150000 bytes",
            "pipe.properties message.max.bytes", "row change 1 of the transaction")
    assert ids([m.json for m in bus.collect(topic, count=3)]) == [1, 2, 3]
    del task["pipe"]["properties"]
    core.run(task).ok()
    assert ids([m.json for m in bus.collect(topic, count=7)]) == list(range(1, 8))


@pytest.mark.sanitize
def test_topic_that_takes_only_small_batches(source, core, kafka, bus, table):
    """Its limit is over each message and under our batches: they become smaller."""
    name, start = table
    fill(source, name, 1, 2000, "SHA2(seq, 512)")
    task = task_document(source, include=name, start=start, pipe={
        "type": "kafka", "brokers": kafka.brokers, "properties": {"compression.type": "none"}})
    topic = f"{task['name']}.{name}"
    bus.create_topic(topic, 1, {"max.message.bytes": "3000"})
    core.run(task).ok()
    assert ids([m.json for m in bus.collect(topic, count=2000)]) == list(range(1, 2001))


def test_topic_that_is_deleted(source, core, kafka, bus, table):
    """Deleted while it is written to: an error and not a new, empty topic. Started again, the
    task goes on behind what was acknowledged."""
    name, start = table
    task = task_document(source, include=name, start=start, pipe=kafka)
    topic = f"{task['name']}.{name}"
    running = core.start(task)
    insert(source, name, 1, 5)
    bus.collect(topic, count=5)
    time.sleep(0.7)
    client = admin.AdminClient({"bootstrap.servers": bus.brokers})
    client.delete_topics([topic])[topic].result(20)
    wait_until(lambda: topic not in bus.topics(), 20, "the topic is gone")
    insert(source, name, 6, 5)
    failure(running.wait(40), "pipe_topic_lost", f"topic {topic}", "who deleted it")
    core.run(task).ok()
    assert ids([m.json for m in bus.collect(topic, count=5)]) == [6, 7, 8, 9, 10]


def test_credentials_that_the_broker_refuses(source, core, new_server, sandbox, table):
    """SASL with a wrong password and by a mechanism that the broker has not, as the task's
    document says it; the pipe's own tests have TLS."""
    name, start = table
    insert(source, name, 1, 2)
    broker = new_server("kafka", start=False)
    port = sandbox.free_port()
    module = "org.apache.kafka.common.security.plain.PlainLoginModule"
    broker.options.update({
        "listeners": f"PLAINTEXT://{broker.brokers},SASL_PLAINTEXT://127.0.0.1:{port},"
                     f"CONTROLLER://127.0.0.1:{broker.controller_port}",
        "advertised.listeners": f"PLAINTEXT://{broker.brokers},SASL_PLAINTEXT://127.0.0.1:{port}",
        "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,"
                                          "SASL_PLAINTEXT:SASL_PLAINTEXT",
        "sasl.enabled.mechanisms": "PLAIN",
        "listener.name.sasl_plaintext.plain.sasl.jaas.config":
            f'{module} required user_mr="{SECRET}";'})
    broker.start()

    def task(brokers, **security):
        return task_document(source, include=name, start=start, pipe={
            "type": "kafka", "brokers": brokers, "security": security})

    def sasl(password, mechanism="PLAIN"):
        return {"sasl": {"mechanism": mechanism, "user": "mr", "password": password}}
    address = f"127.0.0.1:{port}"
    refused = [core.start(each, until="head", state=core.folder / f"state-{number}")
               for number, each in enumerate([
                   task(address, **sasl(SECRET + "x")),
                   task(address, **sasl(SECRET, "SCRAM-SHA-256"))])]
    for running in refused:
        failure(running.wait(40), "pipe_security", "SASL", address, "pipe.security")
    right = task(address, **sasl(SECRET))
    core.run(right).ok()
    topic = f"{right['name']}.{name}"
    assert ids([m.json for m in Bus(broker.brokers).collect(topic, count=2)]) == [1, 2]
