"""File systems to build and run an image in, made of this machine's system and Python.

The machine's `/usr`, `/etc` and the like stand in for the base image, read-only. Its Python is at `/usr/local`, as in
the official images: a copy without what people installed into it. All else lies in memory. Everything is mounted in the
private mount namespace of this process (`--mount` of `unshare`), so it is gone with it, whatever happens.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from tests.image.trouble import NotAllowedHere, StepFailed

SYSTEM = ("bin", "sbin", "lib", "lib32", "lib64", "libx32", "usr", "etc", "opt", "var")
"""What stands in for the base image; `/opt` and `/var` may hold what the machine's pip is told to use."""
DEVICES = ("null", "zero", "full", "random", "urandom")


def run(argv: tuple[str, ...] | list[str]) -> None:
    """Run a command that must succeed."""
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise NotAllowedHere(f"{' '.join(argv)}: {done.stderr.strip()}")


def mount(source: Path | str, target: Path, *options: str) -> None:
    run(["mount", *options, str(source), str(target)])


def memory(target: Path) -> None:
    """Mount an empty file system in memory."""
    target.mkdir(parents=True, exist_ok=True)
    mount("tmpfs", target, "-t", "tmpfs", "-o", "mode=755")


def bind(source: Path, target: Path, *, writable: bool) -> None:
    mount(source, target, "--bind")
    if not writable:
        mount(target, target, "-o", "remount,ro,bind")


class Python:
    """The machine's Python, laid out as in the official image: `python` and `pip`, and nothing installed."""

    def __init__(self, wanted: str, folder: Path) -> None:
        """Copy Python `wanted` (such as `3.13`), or the running one where that is not installed."""
        self._folder = folder
        found = _interpreter(wanted)
        prefix, version = _asked(found, "sys.base_prefix"), _asked(found, "'%d.%d' % sys.version_info[:2]")
        self.version = version
        self.surroundings: dict[str, str] = {}
        if Path(prefix) == Path("/usr"):  # the system's: in the base already, and not ours to copy
            run([found, "-m", "venv", str(folder)])
        else:
            self._copy(Path(prefix), version)
        for name in ("python", "python3"):
            if not (folder / "bin" / name).exists():
                (folder / "bin" / name).symlink_to(f"python{version}")
        pip = folder / "bin" / "pip"
        pip.unlink(missing_ok=True)
        pip.write_text('#!/bin/sh\nexec /usr/local/bin/python -m pip "$@"\n')
        pip.chmod(0o755)

    def _copy(self, prefix: Path, version: str) -> None:
        library = f"lib/python{version}"
        for path in ("bin", "lib"):
            (self._folder / path).mkdir(parents=True)
        shutil.copy2(prefix / "bin" / f"python{version}", self._folder / "bin", follow_symlinks=True)
        for shared in prefix.glob("lib/libpython*.so*"):
            shutil.copy2(shared, self._folder / "lib", follow_symlinks=False)
            self.surroundings = {"LD_LIBRARY_PATH": "/usr/local/lib"}  # where the official images' ldconfig looks too
        leave = shutil.ignore_patterns("site-packages", "test", "tests", "idlelib", "*.a")
        shutil.copytree(prefix / library, self._folder / library, symlinks=True, ignore=leave)
        packages = self._folder / library / "site-packages"
        packages.mkdir()
        for pip in prefix.glob(f"{library}/site-packages/pip*"):
            if pip.name == "pip" or pip.name.endswith(".dist-info"):
                shutil.copytree(pip, packages / pip.name)

    def lay(self, target: Path) -> None:
        """Put a copy into `target`, which is in memory too."""
        shutil.copytree(self._folder, target, symlinks=True, copy_function=os.link, dirs_exist_ok=True)


def _interpreter(wanted: str) -> str:
    """Return Python `wanted`: on the path, or beside the running one, as tools that keep several have it."""
    beside = sorted(Path(sys.base_prefix).parent.glob(f"*{wanted}*/bin/python{wanted}"))
    for candidate in (f"python{wanted}", *map(str, beside)):
        found = shutil.which(candidate)
        if (
            found
            and subprocess.run([found, "-c", "import pip, venv"], capture_output=True, check=False).returncode == 0
        ):
            return found
    return sys._base_executable  # type: ignore[attr-defined,no-any-return]  # not public, and what venv itself uses


def _asked(interpreter: str, what: str) -> str:
    done = subprocess.run([interpreter, "-c", f"import sys; print({what})"], capture_output=True, text=True, check=True)
    return done.stdout.strip()


class Root:
    """One root file system. `writable` is a folder on the host in memory that becomes `/`."""

    def __init__(self, folder: Path, python: Python, shelf: Path) -> None:
        """Make it at `folder`; its Python's files are laid on `shelf`."""
        self.folder = folder
        self._surroundings = python.surroundings
        memory(folder)
        for name in SYSTEM:
            self._take(Path("/") / name)
        for name in ("proc", "dev", "tmp", "root"):
            (folder / name).mkdir()
        (folder / "tmp").chmod(0o1777)
        mount("proc", folder / "proc", "-t", "proc")
        for name in DEVICES:
            (folder / "dev" / name).touch()
            bind(Path("/dev") / name, folder / "dev" / name, writable=True)
        self._take_resolver()
        shelf.mkdir()
        python.lay(shelf)
        bind(shelf, folder / "usr" / "local", writable=True)

    def _take(self, path: Path) -> None:
        here = self.folder / path.relative_to("/")
        if path.is_symlink():
            here.symlink_to(path.readlink())
        elif path.is_dir():
            here.mkdir()
            bind(path, here, writable=False)

    def _take_resolver(self) -> None:
        """Bring what `/etc/resolv.conf` points to, if that lies elsewhere."""
        real = Path("/etc/resolv.conf").resolve()
        here = self.folder / real.relative_to("/")
        if real.exists() and not here.exists():
            here.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(real, here)

    def command(self, argv: tuple[str, ...], user: str, folder: str) -> list[str]:
        """Return how to run `argv` inside as `user`, who has no capability and can gain none unless it is root."""
        return ["chroot", str(self.folder), *_as(user), "env", f"--chdir={folder}", *argv]

    def around(self, environment: Mapping[str, str]) -> dict[str, str]:
        """Return `environment` with what the copied Python needs."""
        return {**self._surroundings, **environment}

    def run(self, argv: tuple[str, ...], environment: Mapping[str, str], user: str = "root", folder: str = "/") -> str:
        """Run a command inside and return what it printed."""
        done = self.attempt(argv, environment, user, folder)
        if done.returncode != 0:
            raise StepFailed(f"{' '.join(argv)}\nended with {done.returncode}:\n{done.stdout}{done.stderr}")
        return done.stdout

    def attempt(
        self, argv: tuple[str, ...], environment: Mapping[str, str], user: str = "root", folder: str = "/"
    ) -> "subprocess.CompletedProcess[str]":
        command, around = self.command(argv, user, folder), self.around(environment)
        return subprocess.run(
            command, env=around, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=300
        )

    def make_read_only(self) -> None:
        """Take the right to write from everything but what is mounted later."""
        mount(self.folder / "usr" / "local", self.folder / "usr" / "local", "-o", "remount,ro,bind")
        mount(self.folder, self.folder, "-o", "remount,ro")

    def mount_volume(self, path: str, shelf: Path) -> Path:
        """Mount a new volume, which begins as what the image has there, and return where it lies on the host."""
        inside = self.folder / path.lstrip("/")
        shutil.copytree(inside, shelf)
        owner = inside.stat()
        os.chown(shelf, owner.st_uid, owner.st_gid)
        bind(shelf, inside, writable=True)
        return shelf


def _as(user: str) -> list[str]:
    if user in {"root", "0", "0:0"}:
        return []
    uid, _, gid = user.partition(":")
    return [
        *("setpriv", f"--reuid={uid}", f"--regid={gid or uid}", "--clear-groups"),
        *("--no-new-privs", "--inh-caps=-all", "--bounding-set=-all", "--"),
    ]
