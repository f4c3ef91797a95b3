"""Refuses system calls that no UDF needs: those that get round the limits on memory, or that have had holes.

A classic BPF program for Linux on x86-64 and ARM 64; elsewhere nothing is refused. It is a second line: what keeps files
and network away are the name spaces. Numbers: `asm/unistd_64.h` and `asm-generic/unistd.h` of Linux.
"""

from __future__ import annotations

import ctypes
import errno
import platform
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
}
_OF_ITSELF: Final = {"prlimit64": (302, 261)}
"""Calls whose first argument, a process, must be 0, the caller."""
_OTHER_NUMBERING: Final = 0x40000000
"""Calls from here on are the same ones in another numbering (x32)."""
_LOAD, _EQUAL, _AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06
_ALLOW, _REFUSE = 0x7FFF0000, 0x00050000 | errno.EPERM
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
    """Load the architecture, then the number of the call; every refusal jumps to the last instruction."""
    numbers = [row[column] for row in _REFUSED.values()]
    (of_itself,) = (row[column] for row in _OF_ITSELF.values())
    left = len(numbers) + 4
    code = [
        (_LOAD, 0, 0, _OFFSET_OF_ARCHITECTURE),
        (_EQUAL, 0, left + 2, architecture),
        (_LOAD, 0, 0, _OFFSET_OF_NUMBER),
        (_AT_LEAST, left, 0, _OTHER_NUMBERING),
    ]
    code += [(_EQUAL, left - 1 - i, 0, number) for i, number in enumerate(numbers)]
    code += [(_EQUAL, 0, 2, of_itself), (_LOAD, 0, 0, _OFFSET_OF_ARGUMENT), (_EQUAL, 0, 1, 0)]
    code += [(_RETURN, 0, 0, _ALLOW), (_RETURN, 0, 0, _REFUSE)]
    return b"".join(struct.pack("HBBI", *instruction) for instruction in code)
