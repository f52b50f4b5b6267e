"""A TPM behind a pipe, for a program that makes no connections once it runs: SELVEDGE_TPM='cmd:python3 tpm_pipe.py PORT'. One connection for each command, as swtpm wants it."""
import socket
import struct
import sys


def exactly(read, count):
    data = b""
    while len(data) < count:
        more = read(count - len(data))
        if not more:
            raise SystemExit(0)
        data += more
    return data


def message(read):
    """Tag, length of all, and the rest."""
    head = exactly(read, 6)
    return head + exactly(read, struct.unpack(">HI", head)[1] - 6)


while True:
    command = message(sys.stdin.buffer.read1)
    with socket.create_connection(("127.0.0.1", int(sys.argv[1]))) as tpm:
        tpm.sendall(command)
        answer = message(tpm.recv)
    sys.stdout.buffer.write(answer)
    sys.stdout.buffer.flush()
