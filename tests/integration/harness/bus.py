"""Kafka's side of a test: what arrived in a topic, in order, with an end to waiting."""

import dataclasses
import json
import time

import confluent_kafka
from confluent_kafka import admin

from .waiting import PATIENCE, wait_until


@dataclasses.dataclass(frozen=True)
class Message:
    """One message as a consumer gets it."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: tuple
    timestamp_ms: int

    @property
    def json(self):
        """The value as JSON, None for a tombstone."""
        return None if self.value is None else json.loads(self.value)

    @property
    def key_json(self):
        """The key as JSON, None if there is none."""
        return None if self.key is None else json.loads(self.key)


class Bus:
    """Topics of one broker."""

    def __init__(self, brokers: str):
        self.brokers = brokers
        self._admin = admin.AdminClient({"bootstrap.servers": brokers})

    def partitions(self, topic: str) -> list[int]:
        """A topic's partitions, [] if there is no such topic."""
        found = self._admin.list_topics(timeout=15 * PATIENCE).topics.get(topic)
        return [] if found is None or found.error else sorted(found.partitions)

    def topics(self) -> list[str]:
        """All topics but Kafka's own."""
        return sorted(name for name in self._admin.list_topics(timeout=15 * PATIENCE).topics
                      if not name.startswith("__"))

    def create_topic(self, name: str, partitions: int = 1, config: dict | None = None,
                     replicas: int = 1) -> None:
        """Create a topic, and wait until it is there."""
        made = self._admin.create_topics(
            [admin.NewTopic(name, partitions, replicas, config=config or {})])
        made[name].result(30 * PATIENCE)
        wait_until(lambda: len(self.partitions(name)) == partitions, 20, f"topic {name} exists")

    def delete_topic(self, name: str) -> None:
        """Delete a topic, and wait until it is gone."""
        self._admin.delete_topics([name])[name].result(30 * PATIENCE)
        wait_until(lambda: not self.partitions(name), 20, f"topic {name} is gone")

    def configure_topic(self, name: str, config: dict) -> None:
        """Set these settings of a topic."""
        resource = admin.ConfigResource(admin.RESOURCE_TOPIC, name, set_config=config)
        for done in self._admin.alter_configs([resource]).values():
            done.result(30 * PATIENCE)

    def collect(self, *topics: str, count: int | None = None, quiet: float = 0.3,
                timeout: float = 30.0, committed: bool = True) -> list[Message]:
        """All messages of the topics, from their beginnings, in the order of each partition.

        With `count`: at least so many (AssertionError if they do not come), and what
        else is there by then. Without: until the end of every partition has been seen
        and nothing came for `quiet` seconds; a topic that does not exist is waited for.
        """
        wait_until(lambda: all(self.partitions(topic) for topic in topics), timeout,
                   f"topics {', '.join(topics)} exist; there are {self.topics()}", 0.1)
        consumer = confluent_kafka.Consumer({
            "bootstrap.servers": self.brokers, "group.id": "collect",
            "enable.auto.commit": False, "enable.partition.eof": True,
            "auto.offset.reset": "earliest", "fetch.wait.max.ms": 50,
            "isolation.level": "read_committed" if committed else "read_uncommitted"})
        wanted = [confluent_kafka.TopicPartition(topic, partition, confluent_kafka.OFFSET_BEGINNING)
                  for topic in topics for partition in self.partitions(topic)]
        messages, at_end = [], set()
        deadline = time.monotonic() + timeout * PATIENCE
        last = time.monotonic()
        try:
            consumer.assign(wanted)
            while True:
                got = consumer.poll(0.1)
                now = time.monotonic()
                if got is not None and got.error() is None:
                    at_end.discard((got.topic(), got.partition()))
                    messages.append(_message(got))
                    last = now
                elif got is not None and \
                        got.error().code() == confluent_kafka.KafkaError._PARTITION_EOF:
                    at_end.add((got.topic(), got.partition()))
                done = len(at_end) == len(wanted) and now - last >= quiet
                if done and (count is None or len(messages) >= count):
                    return messages
                if now > deadline:
                    assert count is None, (f"{len(messages)} of {count} messages in "
                                           f"{', '.join(topics)} after {timeout * PATIENCE:.0f} s")
                    return messages
        finally:
            consumer.close()


def _message(got) -> Message:
    return Message(got.topic(), got.partition(), got.offset(), got.key(), got.value(),
                   tuple(got.headers() or ()), got.timestamp()[1])
