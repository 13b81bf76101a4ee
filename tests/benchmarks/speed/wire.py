"""A wire of a given round trip to this machine itself: `python -m tests.benchmarks.speed.wire SECONDS COMMAND…`.

Over a relay, connecting takes no time. Here each packet takes its half of the trip, those of TCP's handshake too: in a
network namespace, whatever goes to FAR comes back as if from there. Linux as root only.
"""

import fcntl
import heapq
import os
import select
import struct
import subprocess
import sys
import threading
import time
from shutil import which

NEAR, FAR = "10.9.0.1", "10.9.0.2"
TUNSETIFF, TUN_WITHOUT_HEADER = 0x400454CA, 0x1001  # linux/if_tun.h
SOURCE, TARGET = slice(12, 16), slice(16, 20)  # the addresses in a packet (RFC 791); the checksum of both is the same


def is_possible() -> bool:
    """Whether a namespace and a device can be made here."""
    if not os.access("/dev/net/tun", os.W_OK) or os.getuid() != 0 or not (which("unshare") and which("ip")):
        return False
    return subprocess.run(["unshare", "--net", "true"], capture_output=True, check=False).returncode == 0


def inside(seconds: float, command: list[str]) -> list[str]:
    """The command line that runs another one at the end of such a wire."""
    return ["unshare", "--net", sys.executable, "-m", "tests.benchmarks.speed.wire", str(seconds), *command]


def carry(device: int, delay: float) -> None:
    """Brings each packet back after the delay, in order."""
    waiting: list[tuple[float, int, bytes]] = []
    number = 0
    while True:
        left = max(0.0, waiting[0][0] - time.monotonic()) if waiting else None
        if select.select([device], [], [], left)[0]:
            packet = os.read(device, 1 << 16)
            number += 1
            if packet[0] >> 4 == 4:
                turned = packet[:12] + packet[TARGET] + packet[SOURCE] + packet[20:]
                heapq.heappush(waiting, (time.monotonic() + delay, number, turned))
        while waiting and waiting[0][0] <= time.monotonic():
            os.write(device, heapq.heappop(waiting)[2])


def main(seconds: float, command: list[str]) -> int:
    device = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(device, TUNSETIFF, struct.pack("16sH", b"wire", TUN_WITHOUT_HEADER))
    for line in ("link set lo up", f"addr add {NEAR}/24 dev wire", "link set wire up"):
        subprocess.run(["ip", *line.split()], check=True)
    threading.Thread(target=carry, args=(device, seconds / 2), daemon=True).start()
    return subprocess.run(command, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1]), sys.argv[2:]))
