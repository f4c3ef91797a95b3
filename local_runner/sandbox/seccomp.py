"""Refuses system calls that no UDF needs: those that get round the limits, reach beyond this process, or have had holes.

Such are name spaces of its own, in which a UDF could mount file systems; sockets other than those of one machine's
processes, some of which (vsock) no name space holds back; and priorities, which would stay for the next chunk.

A classic BPF program for Linux on x86-64 and ARM 64; elsewhere nothing is refused. It is a second line: what keeps files
and network away are the name spaces. Numbers: `asm/unistd_64.h` and `asm-generic/unistd.h` of Linux.
"""

from __future__ import annotations

import ctypes
import errno
import platform
import socket
import struct
import sys
from typing import Final

_ARCHITECTURE: Final = {"x86_64": (0xC000003E, 0), "aarch64": (0xC00000B7, 1)}
_REFUSED: Final = {  # x86-64, ARM 64
    "memfd_create": (319, 279),
    "memfd_secret": (447, 447),
    "shmget": (29, 194),
    "semget": (64, 190),
    "msgget": (68, 186),
    "mq_open": (240, 180),
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "pidfd_getfd": (438, 438),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "unshare": (272, 97),
    "setns": (308, 268),
    "mount": (165, 40),
    "setpriority": (141, 140),
    "ioprio_set": (251, 30),
    "sched_setparam": (142, 118),
    "sched_setscheduler": (144, 119),
    "sched_setaffinity": (203, 122),
    "sched_setattr": (314, 274),
}
_FIRST_ARGUMENT: Final = {(302, 261): 0, (41, 198): socket.AF_UNIX, (53, 199): socket.AF_UNIX}
"""What the first argument must be of `prlimit64`, whose 0 is the caller, of `socket` and of `socketpair`."""
_CLONE: Final = (56, 220)
_NEW_NAME_SPACES: Final = 0x7E020000
_CLONE_3: Final = 435
"""Its flags are out of reach here; where it is missing, the C library takes `clone`."""
_OTHER_NUMBERING: Final = 0x40000000
"""Calls from here on are the same ones in another numbering (x32)."""
_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_ENDS: Final = {"allow": 0x7FFF0000, "refuse": 0x00050000 | errno.EPERM, "missing": 0x00050000 | errno.ENOSYS}
_OFFSET_OF_NUMBER, _OFFSET_OF_ARCHITECTURE, _OFFSET_OF_ARGUMENT = 0, 4, 16
_NO_NEW_PRIVILEGES, _SECCOMP, _FILTER = 38, 22, 2


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p))


def refuse_system_calls() -> bool:
    """Refuse them in this process and its children for good (`EPERM`); False where that is not possible."""
    if sys.platform != "linux" or platform.machine() not in _ARCHITECTURE:
        return False
    instructions = _instructions(*_ARCHITECTURE[platform.machine()])
    program = _Program(len(instructions) // 8, instructions)
    control = ctypes.CDLL(None, use_errno=True).prctl
    control(_NO_NEW_PRIVILEGES, 1, 0, 0, 0)
    refused: int = control(_SECCOMP, _FILTER, ctypes.byref(program), 0, 0)
    return refused == 0


def _instructions(architecture: int, column: int) -> bytes:
    """The architecture, then the number of the call, then its first argument; jumps name an end, or count instructions."""
    code: list[tuple[int, str | int, str | int, int]] = [
        (_LOAD, 0, 0, _OFFSET_OF_ARCHITECTURE),
        (_EQUAL, 0, "refuse", architecture),
        (_LOAD, 0, 0, _OFFSET_OF_NUMBER),
        (_AT_LEAST, "refuse", 0, _OTHER_NUMBERING),
        (_EQUAL, "missing", 0, _CLONE_3),
    ]
    code += [(_EQUAL, "refuse", 0, row[column]) for row in _REFUSED.values()]
    checked = [(row, (_EQUAL, "allow", "refuse", value)) for row, value in _FIRST_ARGUMENT.items()]
    for row, check in [*checked, (_CLONE, (_ANY_BIT, "refuse", "allow", _NEW_NAME_SPACES))]:
        code += [(_EQUAL, 0, 2, row[column]), (_LOAD, 0, 0, _OFFSET_OF_ARGUMENT), check]
    places = {end: len(code) + i for i, end in enumerate(_ENDS)}
    code += [(_RETURN, 0, 0, value) for value in _ENDS.values()]

    def jump(start: int, to: str | int) -> int:
        return places[to] - start - 1 if isinstance(to, str) else to

    return b"".join(struct.pack("HBBI", op, jump(i, yes), jump(i, no), k) for i, (op, yes, no, k) in enumerate(code))
