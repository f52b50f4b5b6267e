"""A power cut: what a program that ran with tests/support/power_log.c had written and not flushed is kept, lost or torn, as the dice say."""
import os
import struct

NOTE = struct.Struct("<c7xQQQ")
SECTOR = 512


def unflushed(log):
    """(inode, offset, what was there) of each write that no flush of its file came after, oldest first."""
    writes = []
    data = open(log, "rb").read()
    at = 0
    while at + NOTE.size <= len(data):
        what, file, offset, count = NOTE.unpack_from(data, at)
        at += NOTE.size
        if what == b"f":
            writes = [write for write in writes if write[0] != file]
        elif at + count <= len(data):  # else the write that it is of was never made
            writes.append((file, offset, data[at:at + count]))
            at += count
        else:
            break
    return writes


def lost_parts(length, dice):
    """Of a write of this length: (from, to) of what does not last."""
    fate = dice.choice(("kept", "lost", "torn", "sectors"))
    if fate == "lost":
        return [(0, length)]
    if fate == "torn":
        return [(dice.randrange(length), length)] if length else []
    if fate == "sectors":
        return [(at, min(at + SECTOR, length)) for at in range(0, length, SECTOR) if dice.random() < 0.5]
    return []


def cut(log, folder, dice):
    """The program is dead. How many bytes of the folder's files are lost."""
    paths = {os.stat(path).st_ino: path for path in (os.path.join(folder, name) for name in os.listdir(folder)) if os.path.isfile(path)}
    lost = 0
    for file, offset, before in reversed(unflushed(log)):
        if file not in paths:
            continue
        with open(paths[file], "r+b") as out:
            for start, end in lost_parts(len(before), dice):
                out.seek(offset + start)
                out.write(before[start:end])
                lost += end - start
    os.remove(log)
    return lost
