"""Where the lab keeps things. Nothing is ever written beside its sources."""

import contextlib
import fcntl
import os
import shutil
import subprocess
import sys
from pathlib import Path

SOURCES = Path(__file__).resolve().parent.parent / "guest"
CACHE = Path(os.environ.get("STOREWARDEN_LAB_CACHE") or Path.home() / ".cache/storewarden-lab")


class LabError(Exception):
    """Something that the lab cannot do; its text is for the user."""


def log(*words):
    print("lab:", *words, file=sys.stderr, flush=True)


def run(*command, **options):
    """A command that must succeed; what it says on standard error is part of the failure."""
    done = subprocess.run(list(map(str, command)), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, **options)
    if done.returncode:
        raise LabError(f"{' '.join(map(str, command))}\n  exit code {done.returncode}: {done.stderr.strip()[-2000:]}")
    return done.stdout


@contextlib.contextmanager
def cache_lock():
    """One lab at a time builds in the cache; the others wait and then find it built."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with open(CACHE / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def made_whole(place):
    """A path to build at: it becomes `place` when the block ends well, and leaves nothing when it does not."""
    partial = place.with_name(place.name + ".partial")
    forget(partial)
    try:
        yield partial
        forget(place)
        partial.rename(place)
    finally:
        forget(partial)


def forget(place):
    if place.is_dir() and not place.is_symlink():
        shutil.rmtree(place)
    else:
        place.unlink(missing_ok=True)
