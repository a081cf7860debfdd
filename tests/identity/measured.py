#!/usr/bin/env python3
"""Runs a command and writes what it took to a file: measured.py REPORT COMMAND...

It is a process of its own, and a small one, because the peak memory that the system tells of a child starts at that of
whoever started it. What is measured is therefore at least this script's own few megabytes.
"""

import json
import os
import sys
import time


def main():
    report, *command = sys.argv[1:]
    began = time.monotonic()
    child = os.posix_spawn(command[0], command, os.environ)
    _, status, usage = os.wait4(child, 0)
    taken = {
        "exit": os.waitstatus_to_exitcode(status),
        "seconds": time.monotonic() - began,
        "cpu": usage.ru_utime + usage.ru_stime,
        "megabytes": usage.ru_maxrss * 1024 / 1e6,
    }
    with open(report, "w", encoding="utf-8") as file:
        json.dump(taken, file)


if __name__ == "__main__":
    main()
