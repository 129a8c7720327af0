"""Named faults of one line in the planner; each of them must make a property test fail.

A property that no fault can break proves nothing. `make mutants` puts each fault into a copy of the program, runs the
property tests until the first failure, and prints which test found it.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
COPIED = ("reconciler", "tests", "sql", "pyproject.toml")
SUITE = ("tests/property/test_planner.py", "tests/property/test_household.py")
SURVIVES, KILLED = 0, 1  # pytest's exit codes for "all passed" and "some failed"


@dataclass(frozen=True, slots=True)
class Mutant:
    """A fault: in `file`, the text `before` (which occurs there exactly once) becomes `after`."""

    name: str
    file: str
    before: str
    after: str

    def source(self, root: Path) -> Path:
        return root / "reconciler" / "plan" / self.file

    def occurrences(self, root: Path) -> int:
        """Count how often its text is in the source; anything but once means that this list must be brought up."""
        return self.source(root).read_text().count(self.before)


MUTANTS = (
    Mutant(
        "drop the release check",
        "world.py",
        "        if reference.released_by is None:\n            return True\n",
        "        if reference.released_by is None:\n            return False\n",
    ),
    Mutant(
        "believe that no other deletion is called off",
        "world.py",
        "return self.is_unjudged(reference) or may_be_called_off(other, self.now)",
        "return False",
    ),
    Mutant(
        "overlook what this round shows to be called off",
        "__init__.py",
        "    if not called_off:\n",
        "    if True:\n",
    ),
    Mutant(
        "ignore the instance of a reference",
        "world.py",
        "        if not self.has(reference.instance, reference.season):\n",
        "        if not any(self.has(instance, reference.season) for instance in self.instances):\n",
    ),
    Mutant(
        "widen a season to its series",
        "world.py",
        "return Unit(instance) in self.units or (season is not None and Unit(instance, season) in self.units)",
        "return instance in self.instances",
    ),
    Mutant(
        "take the title in every library",
        "bind.py",
        "    for instance in sorted({unit.instance for unit in deletion.units}):\n",
        "    for instance in sorted(world.titles):\n",
    ),
    Mutant(
        "take the files of every season",
        "bind.py",
        "            if coverage.has(target.instance, file.season)\n",
        "",
    ),
    Mutant("sweep what no history confirmed", "bind.py", " and r.history_id is not None\n", "\n"),
    Mutant(
        "act before it is known who made a grab",
        "gates.py",
        "    if unclassified(state, world, coverage):\n",
        "    if False:\n",
    ),
    Mutant(
        "sweep what a new entry needs", "bind.py", "if r.released_by is None and coverage.has_entry_of(r) and", "if"
    ),
    Mutant(
        "take requests for another variant",
        "variants.py",
        "        and policy.libraries[name].is_4k is request.is_4k\n",
        "",
    ),
    Mutant(
        "take an empty list of seasons for a covered one",
        "variants.py",
        "return bool(asked and fitting) and all(",
        "return all(",
    ),
    Mutant("take pending requests", "bind.py", "        and r.status is not RequestStatus.PENDING\n", ""),
    Mutant(
        "trust that what cannot be seen in a client is absent",
        "torrents.py",
        "return TorrentFinding(unseen_clients(world, policy, world.torrents))",
        "return TorrentFinding((absent_upstream(_TYPE),))",
    ),
    Mutant(
        "trust that what cannot be seen in a library is absent",
        "entries.py",
        "return EntryFinding(instance, unseen(_TYPE, instance, observation))",
        'return EntryFinding(instance, is_true(_TYPE, instance, Reason.ALREADY_ABSENT, "not found"))',
    ),
    Mutant(
        "ignore that a torrent is protected",
        "torrents.py",
        "            why = protection(torrent, absolute_files(",
        "            why = None and protection(torrent, absolute_files(",
    ),
    Mutant(
        "ignore how long to seed", "seeding.py", "    if torrent.progress < 1:\n", "    if torrent.progress <= 1:\n"
    ),
    Mutant(
        "ignore the client of a torrent",
        "downloads.py",
        "    return tuple(t for t in found if t.instance in clients)\n",
        "    return found if clients else ()\n",
    ),
    Mutant(
        "take cross-seeds along without proof",
        "downloads.py",
        "if m not in named and (own := places(m, torrents)) and own <= covered",
        "if m not in named",
    ),
    Mutant("remove cross-seeds without proof", "payload.py", "if is_inside or (policy", "if True or (policy"),
    Mutant("ignore who needs the files of a cross-seed", "payload.py", "if wanting or fetching:", "if False:"),
    Mutant(
        "ignore that unknown torrents use the data",
        "payload.py",
        "yield Removable(tuple(going), with_data=False, why=why, left=tuple(unproven), beside=beside)",
        "yield Removable(tuple(going), with_data=True, why=why, left=tuple(unproven), beside=beside)",
    ),
    Mutant("ignore who seeds from a library", "payload.py", "    if in_place is not None:\n", "    if False:\n"),
    Mutant(
        "take the data although it was to be kept",
        "payload.py",
        "    if not state.deletion.options.delete_files:\n        for torrent",
        "    if False:\n        for torrent",
    ),
    Mutant(
        "ignore what is being fetched",
        "owners.py",
        "others = [f for f in world.fetching(torrent) if not _is_covered(f, coverage)]",
        "others = []",
    ),
    Mutant(
        "take a torrent that was added anew",
        "owners.py",
        "    if target.added != str(torrent.added_on):\n",
        "    if False:\n",
    ),
    Mutant("take a title that was added anew", "facts.py", "        and target.added == entry.added\n", ""),
    Mutant("skip the want check", "deletion.py", "if wants else None\n", "if False else None\n"),
    Mutant(
        "let titles go before their torrents",
        "deletion.py",
        "    return torrents.is_settled or (torrents.is_only_seeding",
        "    return True or (torrents.is_only_seeding",
    ),
    Mutant(
        "clear a record with requests that are not covered",
        "requests.py",
        "    others = [r for r in on_record if r.id not in bound_ids]\n",
        "    others: list[MediaRequest] = []\n",
    ),
    Mutant(
        "converge when anything is done",
        "deletion.py",
        "    if all(c.is_settled for c in findings.conditions):\n",
        "    if any(c.is_settled for c in findings.conditions):\n",
    ),
    Mutant(
        "send in observe mode",
        "deletion.py",
        "    if not policy.enforce:\n        return replace(plan, conditions=only_observed",
        "    if False:\n        return replace(plan, conditions=only_observed",
    ),
    Mutant("ignore approval", "gates.py", "    if state.deletion.is_unapproved:\n", "    if False:\n"),
    Mutant(
        "ignore the grace period",
        "gates.py",
        "    if not_before is not None and world.now < not_before:\n",
        "    if False:\n",
    ),
    Mutant("ignore the deny window", "gates.py", "    if world.denied_until is not None:\n", "    if False:\n"),
    Mutant(
        "act while Jellyseerr is unseen", "gates.py", "    if isinstance(world.board, Unseen):\n", "    if False:\n"
    ),
    Mutant("act by an incomplete ledger", "gates.py", "if ledger is not None and any(", "if False and any("),
    Mutant(
        "give no monitoring back", "watching.py", "    if deletion.frozen_at is None:\n", "    if deletion.media:\n"
    ),
    Mutant("delete a folder that titles share", "blockers.py", "    if neighbour:\n", "    if False:\n"),
    Mutant(
        "delete what a torrent that stays seeds from",
        "blockers.py",
        "        if is_bound and torrent.key not in kept:\n",
        "        if is_bound or torrent.key not in kept:\n",
    ),
    Mutant("ignore that a title is protected", "blockers.py", "        if labels:\n", "        if False:\n"),
    Mutant(
        "delete what nobody asked for in words",
        "blockers.py",
        "if deletion.inferred and file_count and",
        "if False and",
    ),
    Mutant("stop looking for every season", "seasons.py", "if is_monitored and n in seasons))", "if is_monitored))"),
    Mutant("remove a series with seasons that are looked for", "seasons.py", "    if monitored:\n", "    if False:\n"),
    Mutant(
        "remove an empty series unasked",
        "seasons.py",
        'if options.remove_empty_series else "the series stays"',
        'if True else "the series stays"',
    ),
    Mutant("take files of the fresh copy", "finishing.py", "    if was_imported:\n", "    if False:\n"),
    Mutant(
        "ignore the breaker",
        "__init__.py",
        "begins = state.deletion.destroyed_at is None and _leads_to_deletion(plan)",
        "begins = False",
    ),
)


@dataclass(frozen=True, slots=True)
class Found:
    """What the property tests said of a copy: pytest's exit code, the first test that failed, and how long it took."""

    code: int
    test: str
    seconds: float


def judge(mutant: Mutant | None) -> Found:
    """Run the property tests over a copy of the program, with a fault or as it is."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder)
        for name in COPIED:
            if (ROOT / name).is_dir():
                shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(ROOT / name, copy / name)
        if mutant is not None:
            source = mutant.source(copy)
            source.write_text(source.read_text().replace(mutant.before, mutant.after))
        begun = time.perf_counter()
        options = ["-x", "-q", "--tb=no", "-p", "tests.support.hypothesis_profiles", "--hypothesis-profile", "mutants"]
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *options, *SUITE],
            cwd=copy,
            env={**os.environ, "PYTHONPATH": folder, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONHASHSEED": "0"},
            capture_output=True,
            text=True,
            check=False,
        )
        failed = re.search(r"^(?:FAILED|ERROR) \S*::(\S+)", done.stdout, re.MULTILINE)
        seconds = time.perf_counter() - begun
        if done.returncode not in {SURVIVES, KILLED}:
            raise RuntimeError(f"the property tests could not run:\n{done.stdout}\n{done.stderr}")
        return Found(done.returncode, failed.group(1) if failed else "", seconds)


def main(names: list[str]) -> int:
    """Judge every mutant whose name holds one of `names` (or all), print a table, and return 1 if any survives."""
    chosen = [m for m in MUTANTS if not names or any(name in m.name for name in names)]
    stale = [m.name for m in chosen if m.occurrences(ROOT) != 1]
    if stale:
        print("not exactly once in the source: " + ", ".join(stale))
        return 1
    print(f"{'fault':58} {'seconds':>7}  found by")
    survivors = 0
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:  # each waits for a process of its own
        as_it_is = pool.submit(judge, None)
        for mutant, found in zip(chosen, pool.map(judge, chosen), strict=True):
            survivors += found.code == SURVIVES
            print(f"{mutant.name:58} {found.seconds:7.1f}  {found.test or 'NOTHING: it survives'}", flush=True)
        unchanged = as_it_is.result()
    print(f"{'(none)':58} {unchanged.seconds:7.1f}  {unchanged.test or 'nothing, as it must be'}")
    print(f"{len(chosen) - survivors} of {len(chosen)} faults were found")
    return 1 if survivors or unchanged.code != SURVIVES else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
