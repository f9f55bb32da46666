#!/usr/bin/env python3
"""Carries frames between two interfaces, each so many milliseconds later.

usage: slow.py ONE OTHER MILLISECONDS
"""
import collections, select, socket, sys, time

ETH_P_ALL, SOL_PACKET, PACKET_VNET_HDR, PACKET_IGNORE_OUTGOING, PROMISC = 3, 263, 15, 23, 1
PACKET_ADD_MEMBERSHIP = 1
FRAME_MAX = 1 << 17


def open_on(name):
    it = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
    # checksums and segments are left to whoever receives: they travel with the frame
    it.setsockopt(SOL_PACKET, PACKET_VNET_HDR, 1)
    it.setsockopt(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)
    it.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 24)
    it.bind((name, 0))
    index = socket.if_nametoindex(name)
    it.setsockopt(SOL_PACKET, PACKET_ADD_MEMBERSHIP, index.to_bytes(4, "little") + PROMISC.to_bytes(2, "little") + bytes(10))
    it.setblocking(False)
    return it


def main():
    one, other = open_on(sys.argv[1]), open_on(sys.argv[2])
    delay = float(sys.argv[3]) / 1000
    way = {one: other, other: one}
    waiting = collections.deque()
    while True:
        rest = max(0, waiting[0][0] - time.monotonic()) if waiting else None
        for ready in select.select([one, other], [], [], rest)[0]:
            try:
                while True:
                    waiting.append((time.monotonic() + delay, way[ready], ready.recv(FRAME_MAX)))
            except BlockingIOError:
                pass
        while waiting and waiting[0][0] <= time.monotonic():
            _, out, frame = waiting.popleft()
            try:
                out.send(frame)
            except OSError:
                pass  # a frame that gets lost is sent again by whoever misses it


if __name__ == "__main__":
    main()
