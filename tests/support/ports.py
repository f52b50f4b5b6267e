"""Free ports below those that the system hands out to connections, so that no connection of another test takes one between
the choice and the listening. They go round: what somebody was given, and has not opened yet or has closed for a while, comes to nobody else
on this machine for thousands of choices. The port above belongs to it, for what opens two. Run as a program it prints one."""
import fcntl
import os
import random
import socket

FIRST, LAST, STEP = 20000, 32000, 2
TURN = "/tmp/selvedge-ports"  # the port that was given last


def open_turn():
    try:
        return os.open(TURN, os.O_RDWR)
    except FileNotFoundError:
        turn = os.open(TURN, os.O_RDWR | os.O_CREAT)
        os.fchmod(turn, 0o666)  # for everybody who runs tests here
        return turn


def is_free(port):
    with socket.socket() as s:
        try:
            s.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def free_port():
    with os.fdopen(open_turn(), "r+") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        port = int(turn.read() or random.SystemRandom().randrange(FIRST, LAST, STEP))
        while True:
            port = port + STEP if port + STEP < LAST else FIRST
            if is_free(port) and is_free(port + 1):
                break
        turn.seek(0)
        turn.write(str(port))
        return port


if __name__ == "__main__":
    print(free_port())
