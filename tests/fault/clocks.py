"""Wall clocks of the cores that can be set, by a library that is loaded into them."""

import struct

from harness.core import binary


def shim():
    """The library; None with a sanitized build, which has none."""
    found = binary().parents[1] / "tests/tools/libmr_shift_clock.so"
    return found if found.exists() else None


class Clock:
    """One core's, true until it jumps."""

    def __init__(self, path):
        self._path = path
        self.ahead = 0
        path.write_bytes(struct.pack("=q", 0))

    def env(self) -> dict:
        """What the core needs in its environment."""
        return {"LD_PRELOAD": str(shim()), "MR_SHIFT_CLOCK": str(self._path)} if shim() else {}

    def jump(self, ahead: int) -> None:
        """So many seconds ahead of the host from now on. The file stays: it is mapped."""
        with open(self._path, "r+b") as file:
            file.write(struct.pack("=q", ahead))
        self.ahead = ahead
