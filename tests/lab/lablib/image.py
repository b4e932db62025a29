"""The guest's kernel, first disk and root disk, made from the packages and the sources in guest/.

An image is known by a hash over all that went into it; images of other hashes are removed when a new one is made.
"""

import hashlib
import os
import shutil
import tempfile
from pathlib import Path

from . import packages
from .places import CACHE, SOURCES, LabError, cache_lock, forget, log, made_whole, run

# Loaded by the first program: what the root disk and labd need.
BOOT_MODULES = ["virtio_pci", "virtio_blk", "virtio_net", "af_packet", "overlay"]
# Loaded on demand.
NFS_MODULES = ["nfs", "nfsv3", "nfsv4", "nfsd", "loop", "veth", "sch_netem", "nf_tables", "nft_reject_inet", "nft_compat"]
ROOT_MB = 1024  # Sparse: some 200 are used.

# Source -> its place in the guest.
INSTALLED = {"lab-init": "sbin/lab-init", "nfslab": "usr/local/sbin/nfslab", "servers.sh": "usr/local/lib/nfslab/servers.sh",
             "faults.sh": "usr/local/lib/nfslab/faults.sh"}
HOSTS = "127.0.0.1 localhost ssvm\n10.0.2.2 host\n10.99.1.2 nfs1\n10.99.2.2 nfs2\n"


class Image:
    """A built image: its directory holds vmlinuz, initrd.img, root.ext4 and the memory snapshots taken from it."""

    def __init__(self, place):
        self.place = place

    def path(self, name):
        return self.place / name


def ensure():
    """The image of the present sources, built where it is missing."""
    if os.geteuid():
        raise LabError("building and running the lab needs root (mmdebstrap, file ownership in the image)")
    with cache_lock():
        packages.host_tools()
        packages.qemu()
        kernel, tar = packages.kernel(), packages.user_space()
        place = CACHE / f"image-{key(kernel, tar)}"
        if not place.exists():
            log("building the image")
            with made_whole(place) as partial:
                build(partial, kernel, tar)
            for other in CACHE.glob("image-*"):
                if other != place:
                    forget(other)
        return Image(place)


def key(kernel, tar):
    digest = hashlib.sha256()
    for source in sorted(SOURCES.iterdir()) + [Path(__file__)]:
        digest.update(source.name.encode() + source.read_bytes())
    digest.update(f"{packages.kernel_version(kernel)} {tar.stat().st_size} {tar.stat().st_mtime_ns}".encode())
    return digest.hexdigest()[:16]


def build(place, kernel, tar):
    place.mkdir()
    version = packages.kernel_version(kernel)
    with tempfile.TemporaryDirectory(dir=CACHE) as work:
        root, first = Path(work) / "root", Path(work) / "first"
        root.mkdir()
        run("tar", "xf", tar, "-C", root, "--exclude=./dev/*")
        make_first_disk(first, root / "bin/busybox", kernel / "lib/modules" / version, place / "initrd.img")
        furnish(root, kernel, version)
        run("mke2fs", "-q", "-F", "-t", "ext4", "-O", "^has_journal", "-m", "0", "-E", "lazy_itable_init=1",
            "-d", root, place / "root.ext4", f"{ROOT_MB}M")
    shutil.copy(kernel / f"boot/vmlinuz-{version}", place / "vmlinuz")


def make_first_disk(first, busybox, modules, initrd):
    for name in ("bin", "modules", "proc", "sys", "dev", "root"):
        (first / name).mkdir(parents=True)
    shutil.copy(busybox, first / "bin/busybox")
    shutil.copy(SOURCES / "initrd-init", first / "init")
    (first / "init").chmod(0o755)
    wanted = with_dependencies(modules, BOOT_MODULES)
    for module in wanted:
        shutil.copy(modules / module, first / "modules")
    (first / "modules.list").write_text("".join(Path(m).name + "\n" for m in wanted))
    run("sh", "-c", f"cd {first} && {busybox} find . | {busybox} cpio -o -H newc > {initrd}")


def furnish(root, kernel, version):
    """Makes the user space a guest: modules, our programs, names."""
    modules = kernel / "lib/modules" / version
    there = root / "lib/modules" / version
    for module in with_dependencies(modules, BOOT_MODULES + NFS_MODULES):
        (there / module).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(modules / module, there / module)
    for name in ("modules.builtin", "modules.order", "modules.builtin.modinfo"):
        shutil.copy(modules / name, there)
    run("depmod", "-b", root, version)
    run("gcc", "-O2", "-static", "-Wall", "-o", root / "sbin/labd", SOURCES / "labd.c")
    for source, target in INSTALLED.items():
        (root / target).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(SOURCES / source, root / target)
        (root / target).chmod(0o755)
    (root / "etc/resolv.conf").write_text("")
    (root / "etc/hosts").write_text(HOSTS)
    (root / "etc/hostname").write_text("ssvm\n")
    for needless in ("var/lib/apt/lists", "var/cache/apt"):
        forget(root / needless)


def with_dependencies(modules, names):
    """Files of these modules and of all they need, in the order of loading. A name that is built in has no file."""
    needs = {}
    for line in (modules / "modules.dep").read_text().splitlines():
        module, after = line.split(":")
        needs[Path(module).stem.replace("-", "_")] = (module, after.split())
    order = []

    def add(module):
        if module not in order:
            for needed in reversed(needs[Path(module).stem.replace("-", "_")][1]):
                add(needed)
            order.append(module)

    for name in names:
        if name in needs:
            add(needs[name][0])
    return order
