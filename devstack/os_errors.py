"""What an error of the operating system means, in a line for the person at the terminal.

Readable by Python 3.6, and standard library only (see dev.py).
"""

import errno
import re

_WORDS = {
    errno.ENOSPC: "{} cannot be written, because the disk is full: make room, and start again",
    errno.EDQUOT: "{} cannot be written, because this user's quota of the disk is used up",
    errno.EROFS: "{} cannot be written, because it is on a read-only file system",
    errno.EACCES: "{} cannot be used, because this user has no permission",
    errno.EPERM: "{} cannot be used, because this user has no permission",
    errno.ENOENT: "{} is missing",
    errno.EEXIST: "{} is in the way",
    errno.ENOTDIR: "{} is in the way: it should be a folder, or a part of its path should",
    errno.EISDIR: "{} is in the way: it is a folder, and should be a file",
    errno.ELOOP: "{} is a link that leads back to itself",
    errno.EMFILE: "too many files are open: raise the limit (ulimit -n), and start again",
}


_FULL = re.compile(
    # Python and C; Node.js and npm; SQLite
    r"No space left on device|Disk quota exceeded|\b(?:ENOSPC|EDQUOT)\b|database or disk is full",
    re.IGNORECASE,
)


def says_full(text: str) -> bool:
    """Whether the output of a program says that the disk is full."""
    return _FULL.search(text) is not None


def in_words(error: OSError) -> str:
    """One line: which file it is about, what is wrong, and what to do where that is known."""
    name = error.filename or error.filename2
    if isinstance(name, bytes):
        name = name.decode("utf-8", "replace")
    words = _WORDS.get(error.errno or 0)
    if words is not None:
        return words.format("a file or the output" if name is None else name)
    said = error.strerror or str(error)
    return said if name is None else "{}: {}".format(name, said)
