"""What comes from Debian: tools of the host, QEMU, the guest's kernel and user space.

Nothing is ever removed from the host: apt runs with --no-remove, and QEMU, where it is not installed, is only unpacked into
the cache. (On Debian 12 installing qemu-system-x86 would remove a newer qemu-utils from bookworm-backports.)
"""

import os
import re
import shutil
from pathlib import Path

from .places import CACHE, LabError, log, made_whole, run

# Program on the host -> the package that brings it.
TOOLS = {"mmdebstrap": "mmdebstrap", "mke2fs": "e2fsprogs", "gcc": "gcc", "depmod": "kmod", "tar": "tar"}
# The guest's user space besides Debian's essential packages: NFS, namespaces and faults, and what the agent links to.
USER_SPACE = ("nfs-kernel-server,nfs-common,rpcbind,kmod,iproute2,nftables,procps,e2fsprogs,busybox-static,mount,util-linux,"
              "psmisc,strace,libgcc-s1")
SUITE = "bookworm"
KERNEL = "linux-image-cloud-amd64"


def find(program):
    return shutil.which(program, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")


def host_tools():
    missing = sorted({package for program, package in TOOLS.items() if not find(program)})
    if not missing:
        return
    if os.geteuid():
        raise LabError(f"missing on this machine: {' '.join(missing)}. Install them, or run as root.")
    log("installing", *missing)
    run("apt-get", "update", "-qq")
    run("apt-get", "install", "-y", "-qq", "--no-remove", "--no-install-recommends", *missing)


def qemu():
    """(command, environment) of QEMU: the installed one, else one of our own in the cache."""
    installed = find("qemu-system-x86_64")
    if installed:
        return [installed], {}
    root = CACHE / "qemu"
    if not root.exists():
        log("unpacking qemu-system-x86 privately")
        run("apt-get", "update", "-qq")
        with made_whole(CACHE / "qemu-packages") as packages, made_whole(root) as partial:
            (packages / "partial").mkdir(parents=True)
            run("apt-get", "install", "-y", "-qq", "--no-install-recommends", "--download-only",
                "-o", f"Dir::Cache::archives={packages}", "qemu-system-x86")
            for package in packages.glob("*.deb"):
                run("dpkg", "-x", package, partial)
        shutil.rmtree(CACHE / "qemu-packages")
    share = root / "usr/share"
    command = [str(root / "usr/bin/qemu-system-x86_64"), "-L", str(share / "qemu"), "-L", str(share / "seabios")]
    libraries = ":".join(str(root / place / "x86_64-linux-gnu") for place in ("usr/lib", "lib"))
    return command, {"LD_LIBRARY_PATH": libraries}


def qemu_version():
    command, environment = qemu()
    said = run(command[0], "--version", env={**os.environ, **environment})
    return re.search(r"version ([\w.+-]+)", said)[1]


def kernel():
    """Directory of the unpacked kernel package."""
    root = CACHE / "kernel"
    if not root.exists():
        run("apt-get", "update", "-qq")
        package = re.search(r"Depends: (linux-image-\S+)", run("apt-cache", "depends", KERNEL))[1]
        log("unpacking", package)
        with made_whole(CACHE / "kernel-package") as place, made_whole(root) as partial:
            place.mkdir()
            run("apt-get", "download", "-qq", "-o", "APT::Sandbox::User=root", package, cwd=place)
            run("dpkg", "-x", next(place.glob("*.deb")), partial)
            run("depmod", "-b", partial, kernel_version(partial))
        shutil.rmtree(CACHE / "kernel-package")
    return root


def kernel_version(root):
    return next((root / "lib/modules").iterdir()).name


def user_space():
    """A tar of the guest's user space."""
    tar = CACHE / f"user-space-{SUITE}.tar"
    if not tar.exists():
        log("building the user space: half a minute")
        lean = [f"--dpkgopt=path-exclude=/usr/share/{d}/*" for d in ("man", "doc", "locale", "i18n", "info")]
        sources = [p for p in ("/etc/apt/sources.list", "/etc/apt/sources.list.d/debian.sources") if Path(p).exists()]
        partial = tar.with_suffix(".partial.tar")
        run("mmdebstrap", "-q", "--mode=root", "--variant=essential", '--aptopt=APT::Install-Recommends "false"',
            '--aptopt=Acquire::Languages "none"', *lean, f"--include={USER_SPACE}", SUITE, partial, *sources)
        partial.rename(tar)
    return tar
