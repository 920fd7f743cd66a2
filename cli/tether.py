"""Launcher: ties a process to its parent's life, drops root if told to, then becomes the command.

Run by path, not imported: ``python -I -S tether.py PARENT SIGNAL UID:GID|- COMMAND...``. A step of its own,
because doing this in a ``preexec_fn`` is unsafe once the parent has threads.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1  # linux/prctl.h


def tie_to_parent(parent: int, number: int) -> None:
    """Ask Linux to send us signal ``number`` when ``parent`` dies, however it dies; elsewhere do nothing."""
    if sys.platform != "linux":
        return
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, number, 0, 0, 0)
    if os.getppid() != parent:  # it died before the tie was made
        sys.exit(1)


def become(account: str) -> None:
    """Give up root for ``uid:gid``, supplementary groups included; ``-`` stays who we are."""
    if account == "-":
        return
    uid, gid = (int(part) for part in account.split(":"))
    os.setgroups([])
    os.setgid(gid)
    os.setuid(uid)


def main(arguments: list[str]) -> None:
    """Tie, drop, unblock, exec."""
    parent, number, account, *command = arguments
    become(account)
    tie_to_parent(int(parent), int(number))
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    os.execv(command[0], command)  # noqa: S606 - becoming the command, without a shell, is the whole point


if __name__ == "__main__":
    main(sys.argv[1:])
