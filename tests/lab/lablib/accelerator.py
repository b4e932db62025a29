"""Which accelerator QEMU may use here."""

import os
from pathlib import Path

from .places import LabError


def choose():
    """`kvm` where it truly works, else `tcg` (emulation: 10 to 30 times slower).

    A /dev/kvm of the module kvm_pvm is no VT-x: it runs kernels built for it only, and a stock kernel crawls there for
    minutes without QEMU ever reporting a failure. So the modules decide, not whether QEMU starts.
    """
    forced = os.environ.get("STOREWARDEN_LAB_ACCEL")
    if forced in ("kvm", "tcg"):
        return forced
    if forced:
        raise LabError(f"STOREWARDEN_LAB_ACCEL={forced}: kvm or tcg")
    modules = Path("/sys/module")
    hardware = (modules / "kvm_intel").exists() or (modules / "kvm_amd").exists()
    usable = hardware and not (modules / "kvm_pvm").exists() and os.access("/dev/kvm", os.R_OK | os.W_OK)
    return "kvm" if usable else "tcg"


def options(name):
    return ["-accel", "kvm", "-cpu", "host"] if name == "kvm" else ["-accel", "tcg,tb-size=128", "-cpu", "max"]
