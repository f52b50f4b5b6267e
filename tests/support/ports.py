"""Free ports below those that the system hands out to connections, so that no connection of another test takes one between
the choice and the listening. Run as a program it prints one."""
import random
import socket

FIRST, LAST = 20000, 32000


def free_port():
    while True:
        port = random.SystemRandom().randrange(FIRST, LAST)
        with socket.socket() as s:
            try:
                s.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


if __name__ == "__main__":
    print(free_port())
