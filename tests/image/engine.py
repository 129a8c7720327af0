"""Builds the image and runs it, without an engine: `python -m tests.image.engine FOLDER REPORT`, in its own namespaces.

Carries out every step of every stage as the Dockerfile has them, in the order it has them and at the paths it has,
then runs the last stage's command as its user, as process 1, without a network, and with nothing but the volume
writable. What was seen is written to REPORT as JSON; `tests/image/test_built.py` judges it.

In one thing it does not obey: pip may use its cache, as nobody wants to download the same wheels at every test.
"""

import json
import os
import re
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

from tests.image import context
from tests.image.dockerfile import Copy, MakeFolder, Run, Stage, stages
from tests.image.roots import Python, Root, bind, memory
from tests.image.service import observe
from tests.image.trouble import DockerfileError, NotAllowedHere, StepFailed

PROJECT = Path(__file__).resolve().parents[2]
MACHINE = re.compile(r"(?i)pip_.*|(https?|no|all)_proxy|ssl_cert_.*|requests_ca_bundle|lang")
"""What tells pip how to reach its index here."""


class Build:
    """One build of the project's Dockerfile below `folder`, which is in memory."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._stages = stages((PROJECT / "Dockerfile").read_text())
        (wanted,) = {re.sub(r"^python:(\d+\.\d+).*", r"\1", stage.base) for stage in self._stages}
        self.python = Python(wanted, folder / "python")
        self.roots: dict[str, Root] = {}
        self.steps: list[str] = []
        ignore = context.rules((PROJECT / ".dockerignore").read_text())
        self._sent = context.sent(PROJECT, ignore)

    def carry_out(self) -> tuple[Stage, Root]:
        """Carry out every stage, and return the last one with its root."""
        for stage in self._stages:
            root = Root(self._folder / stage.name, self.python, self._folder / f"{stage.name}-python")
            self.roots[stage.name] = root
            cache = _mount_pip_cache(root)
            for step in stage.steps:
                self._do(step, root, cache)
        return stage, root

    def _do(self, step: Run | Copy | MakeFolder, root: Root, cache: Mapping[str, str]) -> None:
        match step:
            case MakeFolder(path):
                (root.folder / path.lstrip("/")).mkdir(parents=True, exist_ok=True)
            case Copy(from_stage=None):
                context.place(step, PROJECT, root.folder, self._sent)
            case Copy(from_stage=str(name)):
                context.place(step, self.roots[name].folder, root.folder, None)
            case Run(argv, environment, user, folder):
                machine = {name: value for name, value in os.environ.items() if MACHINE.fullmatch(name)}
                around = {"HOME": "/root", **machine, **environment}
                around.pop("PIP_NO_CACHE_DIR", None)
                root.run(argv, {**around, **cache}, user, folder)
                self.steps.append(argv[-1])


def _mount_pip_cache(root: Root) -> dict[str, str]:
    """Give the build the cache of the machine's pip, and its configuration, which may lie in a home."""
    home = Path.home()
    for name in (".config/pip", ".pip"):
        if (home / name).is_dir():
            shutil.copytree(home / name, root.folder / "root" / name)
    cache = Path(os.environ.get("PIP_CACHE_DIR", home / ".cache" / "pip"))
    inside = root.folder / "root" / "pip-cache"
    inside.mkdir()
    if cache.is_dir() and cache.stat().st_uid == os.geteuid():  # never leave root's files in the cache of another
        bind(cache, inside, writable=True)
    return {"PIP_CACHE_DIR": "/root/pip-cache"}


def main(folder: Path, report: Path) -> None:
    """Build and run in `folder`, which exists and is empty, and stays so for everybody else."""
    memory(folder)
    build = Build(folder)
    stage, root = build.carry_out()
    seen = observe(stage.config, root, folder)
    report.write_text(json.dumps({"python": build.python.version, "steps": build.steps, **seen}))


if __name__ == "__main__":
    try:
        main(Path(sys.argv[1]), Path(sys.argv[2]))
    except (DockerfileError, NotAllowedHere, StepFailed) as error:
        sys.exit(str(error))
