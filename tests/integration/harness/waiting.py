"""Waiting with an end: no test waits for ever."""

import os
import time

# A sanitizer build is some times slower; every limit here grows with it.
PATIENCE = float(os.environ.get("MR_TEST_PATIENCE", "1"))


def wait_until(condition, timeout: float, what: str, interval: float = 0.02):
    """Poll `condition()` until it is true and return its value; AssertionError otherwise."""
    limit = timeout * PATIENCE
    deadline = time.monotonic() + limit
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < deadline, f"not within {limit:.0f} s: {what}"
        time.sleep(interval)
