"""What the cases agree on: the numbers of the gateway that they ask, times, and how one of them fails."""

DENIED = "test/nosubscribe"
KEEPALIVE_S = 60
PACKET_BYTES = 64 * 1024
SOON_S = 15.0  # within which what is to happen does, on a busy machine too
QUIET_S = 0.4  # in which what is not to happen would have happened


class Wrong(Exception):
    """The server did not do what the case says; the text tells what it did."""


def must(true, sentence):
    if not true:
        raise Wrong(sentence)


def same(got, wanted, what):
    if got != wanted:
        raise Wrong(f"{what}: {got!r} instead of {wanted!r}")
