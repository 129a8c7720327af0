"""Dockerfiles are read as builders read them, and what is not understood is refused."""

from pathlib import Path

import pytest

from tests.image import context
from tests.image.dockerfile import Copy, MakeFolder, Run, arguments, instructions, stages
from tests.image.expansion import expand, split
from tests.image.trouble import DockerfileError, StepFailed


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a  b\tc", ["a", "b", "c"]),
        ("A=\"x y\" B='$NO'", ["A=x y", "B=$NO"]),
        ("$A-${A}x", ["1-1x"]),
        ("${NONE:-d} ${A:-d} e${NONE:+s}f ${A:+s}", ["d", "1", "ef", "s"]),
        ("tag${A:+@${B}}", ["tag@two words"]),
        (r"\$A a\ b", ["$A", "a b"]),
        ('""', [""]),
    ],
)
def test_words_are_split_and_variables_replaced(text: str, words: list[str]) -> None:
    assert split(text, {"A": "1", "B": "two words"}) == words


@pytest.mark.parametrize("text", ['"open', "${A", "${A:-x", "${A%x}", "$", "a\\"])
def test_what_is_no_word_is_refused(text: str) -> None:
    with pytest.raises(DockerfileError):
        split(text, {"A": "1"})


def test_one_word_is_one_word() -> None:
    with pytest.raises(DockerfileError, match="one word"):
        expand("a b", {})


RECIPE = """
# A comment.
ARG TAG=1
FROM base:${TAG} AS first
ARG TAG
ARG MODE=fast
ENV A=1 B="two words"
ENV C=${A}-${MODE}
WORKDIR /src
WORKDIR deep
run echo one \\
    # said inside
 && echo two
COPY a b ./
from base:${TAG} as second
COPY --from=first --chown=5:6 /src /app
USER 5:6
CMD ["serve"]
"""


def test_a_recipe_is_read_with_its_arguments_and_variables() -> None:
    first, second = stages(RECIPE, {"TAG": "9"})
    assert (first.base, first.name, second.base, second.name) == ("base:9", "first", "base:9", "second")
    folders, (run,), (copy,) = (
        [step for step in first.steps if isinstance(step, kind)] for kind in (MakeFolder, Run, Copy)
    )
    assert folders == [MakeFolder("/src"), MakeFolder("/src/deep")]
    assert isinstance(run, Run)
    assert [part.strip() for part in run.argv[-1].split("&&")] == ["echo one", "echo two"]
    wanted = {"TAG": "9", "MODE": "fast", "A": "1", "B": "two words", "C": "1-fast"}
    assert wanted.items() <= run.environment.items()
    assert (run.user, run.folder) == ("root", "/src/deep")
    assert copy == Copy(("a", "b"), "/src/deep/", None, (0, 0))
    assert second.steps == (Copy(("/src",), "/app", "first", (5, 6)),)
    assert (second.config.user, second.config.command) == ("5:6", ("serve",))
    assert "A" not in second.config.environment
    assert arguments(RECIPE) == {"TAG": "1", "MODE": "fast"}


@pytest.mark.parametrize(
    "line",
    [
        "ADD a b",
        'SHELL ["bash"]',
        "COPY --link a b",
        "COPY --chown=app a b",
        "RUN --mount=type=cache,target=/x true",
        "RUN <<EOF",
        "HEALTHCHECK NONE",
        "ENV A 1",
        "RUN true \\",
    ],
)
def test_what_is_not_understood_is_refused_and_not_passed_over(line: str) -> None:
    with pytest.raises(DockerfileError):
        stages(f"FROM base\n{line}")


@pytest.mark.parametrize("text", ["", "RUN true", "# escape=`\nFROM base"])
def test_what_is_no_recipe_is_refused(text: str) -> None:
    with pytest.raises(DockerfileError):
        stages(text)


def test_a_comment_within_a_command_is_no_part_of_it() -> None:
    (found,) = instructions("RUN a \\\n# no\n  && b")
    assert found.text.split() == ["a", "&&", "b"]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for path in ("a.txt", "b.txt", "package/one.py", "package/__pycache__/one.pyc", "package/deep/x.db", "secret/key"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(path)
    return tmp_path


def test_only_what_the_rules_let_through_goes_to_the_builder(project: Path) -> None:
    rules = context.rules("# said\n*\n!a.txt\n!package\n**/__pycache__\n**/*.db\n")
    assert context.sent(project, rules) == ["a.txt", "package/one.py"]
    assert context.sent(project, context.rules("secret\n*.txt")) == [
        "package/__pycache__/one.pyc",
        "package/deep/x.db",
        "package/one.py",
    ]


def test_files_go_where_a_builder_would_put_them(project: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    me = (project.stat().st_uid, project.stat().st_gid)
    built = tmp_path_factory.mktemp("built")
    sent = ["a.txt", "b.txt", "package/one.py"]
    context.place(Copy(("a.txt", "b.txt"), "/src/", None, me), project, built, sent)
    context.place(Copy(("a.txt",), "/src/renamed", None, me), project, built, sent)
    context.place(Copy(("package",), "/src/package", None, me), project, built, sent)
    placed = sorted(path.relative_to(built).as_posix() for path in built.rglob("*") if path.is_file())
    assert placed == ["src/a.txt", "src/b.txt", "src/package/one.py", "src/renamed"]


@pytest.mark.parametrize("source", ["secret", "secret/key", "nowhere"])
def test_what_does_not_go_to_the_builder_cannot_be_copied(project: Path, tmp_path: Path, source: str) -> None:
    with pytest.raises(StepFailed, match=source):
        context.place(Copy((source,), "/x", None, (0, 0)), project, tmp_path / "built", ["a.txt"])
