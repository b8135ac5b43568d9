"""Kafka's side: every topic of the task, read_committed, as changes for the checker."""

import json
import threading
import time

import confluent_kafka

from checker import Change


def parsed(topic: str, partition: int, offset: int, value: bytes | None) -> Change | None:
    """A message as a change, None for a tombstone."""
    if value is None:
        return None
    told = json.loads(value)
    before, after = told.get("before"), told.get("after")
    row = after or before
    return Change(topic, partition, offset, told["source"]["table"], row["id"], told["op"],
                  after["seq"] if after else before["seq"] + 1,
                  after["tok"] if after else "", told["ts_ms"], told["source"].get("gtid"))


class Tail:
    """Reads topics from their beginning in a thread, and calls `on_change` for each change."""

    def __init__(self, brokers: str, topics: dict, on_change):
        """`topics`: {name: number of partitions}."""
        self._consumer = confluent_kafka.Consumer({
            "bootstrap.servers": brokers, "group.id": "fault-suite",
            "enable.auto.commit": False, "auto.offset.reset": "earliest",
            "enable.partition.eof": True, "isolation.level": "read_committed",
            "fetch.wait.max.ms": 20, "reconnect.backoff.max.ms": 500,
            "queued.max.messages.kbytes": 16384,
            # A broker that is away is what the suite is about: not a line for each attempt.
            "log_level": 0, "error_cb": lambda error: None})
        self._on_change = on_change
        self._end = threading.Event()
        self._places = [confluent_kafka.TopicPartition(name, partition,
                                                       confluent_kafka.OFFSET_BEGINNING)
                        for name, count in topics.items() for partition in range(count)]
        self.at_end = set()
        self.failure = None
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> "Tail":
        """Begin."""
        self._thread.start()
        return self

    def stop(self) -> None:
        """End; raises what ended it before."""
        self._end.set()
        self._thread.join(30)
        if self.failure is not None:
            raise self.failure

    def read_all(self, timeout: float) -> None:
        """Without a thread: to the end of every partition."""
        self._consumer.assign(self._places)
        deadline = time.monotonic() + timeout
        while len(self.at_end) < len(self._places):
            assert time.monotonic() < deadline, "the topics have no end"
            self._poll()
        self._consumer.close()

    def _run(self):
        try:
            self._consumer.assign(self._places)
            while not self._end.is_set():
                self._poll()
        except Exception as error:  # pylint: disable=broad-exception-caught
            self.failure = error
        finally:
            self._consumer.close()

    def _poll(self):
        got = self._consumer.poll(0.1)
        if got is None:
            return
        place = (got.topic(), got.partition())
        if got.error() is None:
            self.at_end.discard(place)
            change = parsed(*place, got.offset(), got.value())
            if change is not None:
                self._on_change(change)
        elif got.error().code() == confluent_kafka.KafkaError._PARTITION_EOF:
            self.at_end.add(place)
