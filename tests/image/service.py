"""Runs a built image as an engine would with a read-only root file system, and looks at what it does."""

import ctypes
import fcntl
import os
import signal
import socket
import struct
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from reconciler.clock import SystemClock
from tests.image.dockerfile import Config
from tests.image.roots import Root
from tests.image.trouble import StepFailed

START_SECONDS = 120.0
STOP_SECONDS = 60.0
SECRETS = {"RECONCILER_WEBHOOK_SECRET": "a-secret-of-this-test", "RECONCILER_API_TOKEN": "a-token-of-this-test"}

WRITABLE = """
import json, os
found = []
for top in ("/", "/app", "/data", "/usr/local", "/tmp", "/etc"):
    for folder, folders, _ in os.walk(top):
        if top == "/":
            folders.clear()
        if os.access(folder, os.W_OK):
            found.append(folder)
print(json.dumps(found))
"""
CACHED = """
import json, pathlib, sysconfig
packages = pathlib.Path(sysconfig.get_path("purelib"))
sources = {p for p in packages.rglob("*.py") if "reconciler" in p.parts}
flags = [next(s.parent.glob("__pycache__/" + s.stem + ".*.pyc")).read_bytes()[4:8].hex() for s in sources]
print(json.dumps({"sources": len(sources), "flags": sorted(set(flags))}))
"""


def leave_the_network() -> None:
    """Go on in a network of our own that has nothing but loopback."""
    new_network = 0x40000000  # CLONE_NEWNET; os.unshare exists only since Python 3.12
    if ctypes.CDLL(None, use_errno=True).unshare(new_network) != 0:
        raise OSError(ctypes.get_errno(), "no network of our own")
    set_flags, up = 0x8914, 0x1  # SIOCSIFFLAGS, IFF_UP
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as channel:
        fcntl.ioctl(channel, set_flags, struct.pack("16sh14x", b"lo", up))


def observe(config: Config, root: Root, folder: Path) -> dict[str, Any]:
    """Run the image and return what was seen."""
    if config.health_check is None:
        raise StepFailed("the image has no health check")
    leave_the_network()
    root.make_read_only()
    volumes = {path: root.mount_volume(path, folder / f"volume-{i}") for i, path in enumerate(config.volumes)}
    environment = root.around({**config.environment, **SECRETS})
    base = f"http://127.0.0.1:{config.ports[0]}"

    def inside(*argv: str) -> "subprocess.CompletedProcess[str]":
        return root.attempt(argv, environment, config.user, config.folder)

    before = inside(*config.health_check.argv).returncode
    service = _Service(root.command((*config.entry_point, *config.command), config.user, config.folder), environment)
    try:
        service.wait_until_ready(f"{base}/livez")
        seen: dict[str, Any] = {
            "process": service.identity(),
            "livez": _status(f"{base}/livez"),
            "readyz": _status(f"{base}/readyz"),
            "health": {"before": before, "running": inside(*config.health_check.argv).returncode},
            "command_line": inside(*config.entry_point, "list", "--json").returncode,
            "writable": inside("python", "-c", WRITABLE).stdout,
            "cached": inside("python", "-c", CACHED).stdout,
            "installed": inside("python", "-c", "import reconciler; print(reconciler.__file__)").stdout.strip(),
        }
        seen["exit"] = service.stop(signal.Signals[config.stop_signal])
    finally:
        service.kill()
    seen["health"]["stopped"] = inside(*config.health_check.argv).returncode
    seen["volumes"] = {path: _owners(host) for path, host in volumes.items()}
    return seen


class _Service:
    """The image's command as process 1 of a namespace of its own: as such it gets only signals that it handles."""

    def __init__(self, command: list[str], environment: Mapping[str, str]) -> None:
        self._process = subprocess.Popen(
            ["unshare", "--pid", "--fork", "--kill-child", *command],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    @property
    def _inner(self) -> int:
        """The service itself, as we see it: `unshare` only waits for it."""
        pid = self._process.pid
        return int(Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0])

    def wait_until_ready(self, address: str) -> None:
        clock = SystemClock()
        deadline = clock.monotonic() + START_SECONDS
        while clock.monotonic() < deadline:
            if self._process.poll() is not None:
                output = self._process.communicate()[0]
                raise StepFailed(f"the service ended with {self._process.returncode}:\n{output}")
            with suppress(OSError):
                if _status(address) == 200:
                    return
            time.sleep(0.05)
        raise StepFailed(f"the service did not answer within {START_SECONDS:.0f} s")

    def identity(self) -> dict[str, str]:
        """Return who the service runs as and what it may do, as the kernel says it."""
        lines = Path(f"/proc/{self._inner}/status").read_text().splitlines()
        wanted = ("Uid", "Gid", "Groups", "CapEff", "CapBnd", "NoNewPrivs", "NSpid")
        return {name: rest.strip() for name, _, rest in (line.partition(":") for line in lines) if name in wanted}

    def stop(self, how: signal.Signals) -> int:
        os.kill(self._inner, how)
        try:
            self._process.communicate(timeout=STOP_SECONDS)
        except subprocess.TimeoutExpired:
            raise StepFailed(f"the service did not stop within {STOP_SECONDS:.0f} s of {how.name}") from None
        return self._process.returncode

    def kill(self) -> None:
        if self._process.poll() is None:
            os.kill(self._inner, signal.SIGKILL)  # not `unshare`: whoever changes its user outlives it
            self._process.communicate()


def _status(address: str) -> int:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(address, timeout=10) as answer:
            status: int = answer.status
            return status
    except urllib.error.HTTPError as error:
        return error.code


def _owners(top: Path) -> dict[str, str]:
    owners = {}
    for path in [top, *top.rglob("*")]:
        about = path.stat()
        owners[path.relative_to(top).as_posix()] = f"{about.st_uid}:{about.st_gid}"
    return owners
