"""One running lab: the QEMU process, its snapshot, its end. Several run side by side, each in a run directory of its own."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import time
from pathlib import Path

from . import accelerator, image, packages
from .guest import Guest
from .places import LabError, cache_lock, forget, log, run

MEMORY_MB = 512
PAYLOAD_MB = 2048  # Sparse. Fixed: a snapshot fits only a machine with the same devices of the same size.
BOOT_SECONDS = 180
KERNEL_LINE = ("console=ttyS0 quiet loglevel=4 panic=-1 mitigations=off audit=0 nokaslr tsc=reliable no_timer_check "
               "random.trust_cpu=on rcupdate.rcu_expedited=1")


class Machine:
    """A lab by its run directory."""

    def __init__(self, directory):
        self.directory = Path(directory)
        self.state_file = self.directory / "state.json"
        self.process = None  # QEMU, where this very process started it.

    def state(self):
        try:
            return json.loads(self.state_file.read_text())
        except FileNotFoundError:
            raise LabError(f"no lab is up in {self.directory} (lab up)") from None

    def guest(self):
        return Guest(self.state()["port"])

    def is_up(self):
        try:
            os.kill(self.state()["pid"], 0)
            return True
        except (LabError, ProcessLookupError):
            return False

    def up(self, payload, forwards, cold=False):
        """Servers and mounts as new: from the memory snapshot, or booted (and a snapshot taken for the next time)."""
        if self.is_up():
            raise LabError(f"a lab is up in {self.directory} already (lab down)")
        built = image.ensure()
        accel = accelerator.choose()
        snapshot = built.path(f"snapshot-{accel}-{packages.qemu_version()}")
        self.directory.mkdir(parents=True, exist_ok=True)
        if not cold:
            with cache_lock():
                if not snapshot.exists():
                    self._make_snapshot(built, accel, snapshot)
        self._make_payload(payload)
        began = time.monotonic()
        self._start(built, accel, forwards, None if cold else snapshot)
        if cold:
            self._furnish()
        # After a restore the guest's clock is that of the snapshot. The payload must not be mounted in a snapshot: its pages
        # would be those of another payload.
        self._must(f"date -s @{time.time():.3f} >/dev/null", "setting the clock")
        if payload:
            self._must("mkdir -p /payload; blockdev --flushbufs /dev/vdb; mount -o ro /dev/vdb /payload", "the payload")
        log(f"up after {time.monotonic() - began:.1f} s ({accel}{', cold' if cold else ''}), in {self.directory}")

    def _make_snapshot(self, built, accel, snapshot):
        log("first boot, for the snapshot: half a minute")
        self._make_payload(None)
        self._start(built, accel, [], None)
        try:
            self._furnish()
            self._save(snapshot)
        finally:
            self.down()

    def _make_payload(self, directory):
        disk = self.directory / "payload.ext4"
        forget(disk)
        if directory:
            run("mke2fs", "-q", "-F", "-t", "ext4", "-O", "^has_journal", "-m", "0", "-E", "lazy_itable_init=1",
                "-d", directory, disk, f"{PAYLOAD_MB}M")
        else:
            disk.touch()
            os.truncate(disk, PAYLOAD_MB << 20)

    def _furnish(self):
        self._must("nfslab up", "NFS servers and mounts", 180)

    def _must(self, script, what, seconds=60):
        code, said = self.guest().ask(script, seconds)
        if code:
            raise LabError(f"{what}: exit code {code} in the guest: {said[-2000:]}")

    def _start(self, built, accel, forwards, snapshot):
        command, environment = packages.qemu()
        port = free_port()
        forget(self.directory / "qmp.sock")
        forwards = "".join(f",hostfwd=tcp:127.0.0.1:{host}-10.0.2.15:{guest}" for host, guest in [(port, 1022), *forwards])
        command = command + [
            "-nodefaults", "-no-user-config", "-no-reboot", "-display", "none", "-machine", "pc,hpet=off",
            "-m", str(MEMORY_MB), "-smp", "1", *accelerator.options(accel),
            "-kernel", built.path("vmlinuz"), "-initrd", built.path("initrd.img"), "-append", KERNEL_LINE,
            "-serial", f"file:{self.directory}/console.log",
            "-qmp", f"unix:{self.directory}/qmp.sock,server=on,wait=off",
            "-drive", f"file={built.path('root.ext4')},if=none,id=d0,format=raw,readonly=on",
            "-device", "virtio-blk-pci,drive=d0",
            "-drive", f"file={self.directory}/payload.ext4,if=none,id=d1,format=raw,readonly=on",
            "-device", "virtio-blk-pci,drive=d1",
            "-netdev", f"user,id=n0,net=10.0.2.0/24{forwards}", "-device", "virtio-net-pci,netdev=n0,romfile=",
            *(["-incoming", f"exec:cat {snapshot}"] if snapshot else []),
        ]
        with open(self.directory / "qemu.log", "w") as output:
            process = self.process = subprocess.Popen(list(map(str, command)), stdin=subprocess.DEVNULL, stdout=output,
                                       stderr=subprocess.STDOUT, env={**os.environ, **environment},
                                       start_new_session=True)
        self.state_file.write_text(json.dumps({"pid": process.pid, "port": port, "accel": accel}))
        try:
            self._await(process, Guest(port), restored=bool(snapshot))
        except BaseException:
            process.kill()
            process.wait()
            forget(self.state_file)
            raise

    def _await(self, process, guest, restored):
        deadline = time.monotonic() + BOOT_SECONDS
        paused = restored
        while True:
            if process.poll() is not None:
                raise LabError("QEMU cannot run here: " + (self.directory / "qemu.log").read_text().strip()[-2000:])
            # A guest that was stopped for its snapshot comes back stopped.
            if paused and self._status() == "paused":
                self.qmp("cont")
                paused = False
            if not paused and guest.is_up():
                return
            if time.monotonic() > deadline:
                console = (self.directory / "console.log").read_text(errors="replace")
                raise LabError(f"no answer from the guest in {BOOT_SECONDS} s; its console: {console[-1000:]}")
            time.sleep(0.02)

    def _status(self):
        try:
            return self.qmp("query-status")["status"]
        except (OSError, EOFError):
            return None

    def _save(self, snapshot):
        """Memory only: the root disk is read-only, and what was written over it lies in memory."""
        self._must("sync; echo 3 > /proc/sys/vm/drop_caches", "before the snapshot")
        partial = snapshot.with_name(snapshot.name + ".partial")
        self.qmp("stop")
        self.qmp("migrate-set-parameters", {"max-bandwidth": 8 << 30})
        self.qmp("migrate", {"uri": f"exec:cat > {partial}"})
        while (status := self.qmp("query-migrate").get("status")) not in ("completed", "failed"):
            time.sleep(0.05)
        if status == "failed":
            forget(partial)
            raise LabError("the snapshot cannot be taken")
        partial.rename(snapshot)
        log(f"snapshot of {snapshot.stat().st_size >> 20} MiB")

    def qmp(self, command, arguments=None):
        """One command of QEMU's machine protocol; returns what it returns."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(10)
            connection.connect(str(self.directory / "qmp.sock"))
            stream = connection.makefile("rw")
            stream.readline()
            for request in ({"execute": "qmp_capabilities"}, {"execute": command, "arguments": arguments or {}}):
                stream.write(json.dumps(request) + "\n")
                stream.flush()
                while True:
                    line = stream.readline()
                    if not line:
                        raise EOFError("QEMU closed its control socket")
                    answer = json.loads(line)
                    if "error" in answer:
                        raise LabError(f"QEMU: {command}: {answer['error']['desc']}")
                    if "return" in answer:
                        break
            return answer["return"]

    def forward(self, host, guest):
        said = self.qmp("human-monitor-command", {"command-line": f"hostfwd_add n0 tcp:127.0.0.1:{host}-10.0.2.15:{guest}"})
        if said.strip():
            raise LabError(said.strip())

    def down(self):
        """Ends QEMU, and nothing else; then removes what was of this run only."""
        if self.process:  # Even when somebody has removed the run directory.
            end(self.process.pid)
        elif self.is_up():
            end(self.state()["pid"])
        for name in ("state.json", "payload.ext4", "qmp.sock"):
            forget(self.directory / name)


def end(pid):
    deadline = time.monotonic() + 5
    sign = signal.SIGTERM
    while alive(pid):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, sign)
        sign = signal.SIGKILL if time.monotonic() > deadline else 0
        time.sleep(0.02)


def alive(pid):
    try:
        os.waitpid(pid, os.WNOHANG)  # A child of ours would else stay as a zombie.
    except ChildProcessError:
        pass
    try:
        os.kill(pid, 0)
        return True
    except ProcessLookupError:
        return False


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
