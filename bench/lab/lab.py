#!/usr/bin/env python3
"""A link with a long way on one machine: two network namespaces joined by a line that delays, paces and loses packets.

    lab.py --delay 50 --rate 1000 --loss 0.1 -- sh -c 'ip netns exec $LAB_NEAR ping -c 3 $LAB_FAR_ADDRESS'

The traffic is real TCP of the kernel at both ends; this program only carries the packets from one TUN device to the other. It
needs root, /dev/net/tun and iproute2, no module for traffic control. Where it can't be, it says so and ends with code 75.

COMMAND runs outside of both namespaces and finds their names in LAB_NEAR and LAB_FAR, the addresses in LAB_NEAR_ADDRESS and
LAB_FAR_ADDRESS. Its exit code is passed on. When it is over, or this program is told to stop, everything in its process
group is ended and both namespaces are gone.
"""

import argparse
import collections
import fcntl
import os
import random
import select
import shutil
import signal
import struct
import subprocess
import sys
import time

SKIPPED = 75  # sysexits.h: a temporary failure; nobody takes it for a result.
SET_INTERFACE = 0x400454CA  # TUNSETIFF
TUN_WITHOUT_HEADER = 0x0001 | 0x1000  # IFF_TUN | IFF_NO_PI
PACKETS_AT_ONCE = 64  # Taken from one end before the other has its turn.
QUEUE_SECONDS = 0.1  # What waits longer for the rate is dropped, as a router would.
GRACE_SECONDS = 2


def run(*words):
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL)


class End:
    """One namespace and the TUN device in it. The device is made outside and moved in; its descriptor stays here."""

    def __init__(self, namespace, address, peer, options):
        self.namespace = namespace
        self.address = address
        device = f"{namespace}0"
        self.descriptor = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
        fcntl.ioctl(self.descriptor, SET_INTERFACE, struct.pack("16sH22x", device.encode(), TUN_WITHOUT_HEADER))
        run("ip", "link", "set", device, "netns", namespace)
        self.ip("addr", "add", address, "peer", peer, "dev", device)
        self.ip("link", "set", device, "mtu", "9000", "txqueuelen", "10000", "up")
        self.ip("link", "set", "lo", "up")
        # Of packets this large, Linux's first window takes seven: too few for a window that grows with ten taken in a round trip.
        run("ip", "netns", "exec", namespace, "sysctl", "-qw", "net.ipv4.tcp_rmem=4096 393216 6291456")
        # A namespace may choose its default among few algorithms only; a route may name any.
        self.ip("route", "replace", peer, "dev", device, "src", address, "congctl", options.cc)
        if options.wmem:
            sizes = [str(min(size, options.wmem)) for size in (4096, 16384, options.wmem)]
            run("ip", "netns", "exec", namespace, "sysctl", "-qw", f"net.ipv4.tcp_wmem={' '.join(sizes)}")

    def ip(self, *words):
        run("ip", "-n", self.namespace, *words)


class Way:
    """One direction. Delay and rate are the same for all packets, so they stay in order and a queue is enough."""

    def __init__(self, source, target, options, dice):
        self.source = source
        self.target = target
        self.delay = options.delay / 1000
        self.secondsPerByte = 8 / (options.rate * 1e6) if options.rate > 0 else 0
        self.loss = options.loss / 100
        self.dice = dice
        self.freeAt = 0.0
        self.waiting = collections.deque()
        self.counts = collections.Counter()

    def take(self):
        for _ in range(PACKETS_AT_ONCE):
            try:
                packet = os.read(self.source, 65536)
            except BlockingIOError:
                return
            now = time.monotonic()
            leaves = max(now, self.freeAt)
            if self.loss and self.dice.random() < self.loss:
                self.counts["lost"] += 1
            elif self.secondsPerByte and leaves - now > QUEUE_SECONDS:
                self.counts["dropped"] += 1
            else:
                self.freeAt = leaves + len(packet) * self.secondsPerByte
                self.waiting.append((self.freeAt + self.delay, packet))

    def deliver(self, now):
        while self.waiting and self.waiting[0][0] <= now:
            try:
                os.write(self.target, self.waiting.popleft()[1])
                self.counts["passed"] += 1
            except BlockingIOError:
                self.counts["dropped"] += 1

    @property
    def dueAt(self):
        return self.waiting[0][0] if self.waiting else float("inf")


def carry(ways, isOver):
    """Carries packets until it is over."""
    sources = [way.source for way in ways]
    lookAt = 0.0
    while True:
        now = time.monotonic()
        if now >= lookAt:
            if isOver():
                return
            lookAt = now + 0.05
        for way in ways:
            way.deliver(now)
        pause = min(lookAt, *(way.dueAt for way in ways)) - time.monotonic()
        ready = select.select(sources, [], [], max(0.0, pause))[0]
        for way in ways:
            if way.source in ready:
                way.take()


def endGroup(child):
    """The child is not reaped before its group was told, so that its number is nobody else's."""
    os.killpg(child.pid, signal.SIGTERM)
    try:
        child.wait(GRACE_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(child.pid, signal.SIGKILL)
    code = child.wait()
    return code if code >= 0 else 128 - code


def inLab(options, command):
    names = [f"{options.name}n", f"{options.name}f"]
    addresses = ["10.78.0.1", "10.78.0.2"]
    made = []
    child = None
    try:
        for name in names:
            run("ip", "netns", "add", name)
            made.append(name)
        near, far = (End(names[i], addresses[i], addresses[1 - i], options) for i in (0, 1))
        dice = random.Random(options.seed)
        ways = [
            Way(near.descriptor, far.descriptor, options, dice),
            Way(far.descriptor, near.descriptor, options, dice),
        ]
        told = {"LAB_NEAR": names[0], "LAB_FAR": names[1]}
        told |= {"LAB_NEAR_ADDRESS": addresses[0], "LAB_FAR_ADDRESS": addresses[1]}
        child = subprocess.Popen(command, env=dict(os.environ) | told, start_new_session=True)
        ended = os.WEXITED | os.WNOHANG | os.WNOWAIT
        carry(ways, lambda: os.waitid(os.P_PID, child.pid, ended) is not None)
        print("lab: there", dict(ways[0].counts), "and back", dict(ways[1].counts), file=sys.stderr)
        code, child = endGroup(child), None
        return code
    finally:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        if child is not None:
            endGroup(child)
        for name in made:
            subprocess.run(["ip", "netns", "del", name], stderr=subprocess.DEVNULL)


def whyNot():
    if os.geteuid() != 0:
        return "it needs root"
    if not os.path.exists("/dev/net/tun"):
        return "there is no /dev/net/tun"
    if shutil.which("ip") is None:
        return "iproute2 is not installed"
    try:
        os.close(os.open("/dev/net/tun", os.O_RDWR))
    except OSError as error:
        return f"/dev/net/tun cannot be opened: {error.strerror}"
    return None


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--delay", type=float, default=50, help="milliseconds, one way")
    parser.add_argument("--rate", type=float, default=0, help="Mbit/s each way; 0: as fast as this program can")
    parser.add_argument("--loss", type=float, default=0, help="percent of packets, each way")
    parser.add_argument("--cc", default="cubic", help="congestion control of both ends")
    parser.add_argument("--wmem", type=int, default=0, help="bytes that a socket may have on its way; 0: the kernel's own")
    parser.add_argument("--seed", type=int, default=1, help="of the losses")
    parser.add_argument("--name", default=f"lab{os.getpid()}", help="of the namespaces, without their last letter")
    parser.add_argument("command", nargs="+")
    options = parser.parse_args()
    reason = whyNot()
    if reason is not None:
        print(f"SKIPPED: no laboratory here: {reason}", file=sys.stderr)
        return SKIPPED
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda which, _: sys.exit(128 + which))
    return inLab(options, options.command)


if __name__ == "__main__":
    sys.exit(main())
