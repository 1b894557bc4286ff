"""The ledger's path is taken as written; a ledger where older versions put it stops the command."""

from pathlib import Path

import pytest

from onboarding.errors import ConfigurationError
from onboarding.ledger.settings import SCHEME, LedgerSettings, find_place, former_paths
from onboarding.ledger.store import Ledger
from tests.ledger.writing import note, noted

pytestmark = pytest.mark.anyio

NAMES = (
    "My%20Webinars",
    "wo?man",
    "50 %",
    "#1",
    "a?mode=memory&b=c",
    "Jörg & Søn",
    "~",
    "file:x",
    ":memory:",
    "a@b:c",
)


def settings(path: Path) -> LedgerSettings:
    return LedgerSettings(database=f"{SCHEME}{path}")


@pytest.mark.parametrize("name", NAMES)
async def test_ledger_lies_at_the_path_as_written(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)  # what is written into the working directory is seen below
    path = find_place(settings(tmp_path / name / f"{name}.db"))

    async with Ledger(path) as ledger:
        await ledger.run(note, 1)
        beside = {file.name for file in (tmp_path / name).iterdir()}

    assert [file.name for file in tmp_path.iterdir()] == [name]
    assert beside == {f"{name}.db", f"{name}.db-wal", f"{name}.db-shm"}
    async with Ledger(path) as ledger:
        assert await ledger.run(noted) == [1]


@pytest.mark.parametrize(
    ("path", "former"),
    [
        ("/h/plain/o.db", []),
        ("/h/a#b ü@c:d/o.db", []),
        ("/h/50 %/o.db", []),
        ("/h/My%20Webinars/o.db", ["/h/My Webinars/o.db"]),
        ("/h/wo?man/o.db", ["/h/wo"]),
        ("/h/a%20b/o.db?timeout=5", ["/h/a b/o.db", "/h/a%20b/o.db"]),
        ("?.db", []),
    ],
)
def test_older_versions_read_the_path_as_a_url(path, former):
    assert [str(former_path) for former_path in former_paths(Path(path))] == former


@pytest.mark.parametrize(
    ("written", "former"),
    [("My%20Webinars/o.db", "My Webinars/o.db"), ("wo?man/o.db", "wo"), ("o.db?a=b", "o.db")],
)
@pytest.mark.parametrize("is_new_there", [False, True])
async def test_ledger_at_the_place_of_older_versions_stops_the_command(
    tmp_path, written, former, is_new_there
):
    for path in (tmp_path / former, *([tmp_path / written] if is_new_there else [])):
        async with Ledger(path):
            pass

    with pytest.raises(ConfigurationError) as caught:
        find_place(settings(tmp_path / written))

    assert caught.value.message == (
        f"The ledger is at {tmp_path / former}, where older versions looked for it. "
        f"Now it must be at {tmp_path / written}."
    )
    assert f"{Path(former).name}-wal" in caught.value.hint


async def test_ledger_that_was_moved_to_its_place_is_used(tmp_path):
    async with Ledger(tmp_path / "My Webinars" / "o.db") as ledger:
        await ledger.run(note, 1)
    (tmp_path / "My Webinars").rename(tmp_path / "My%20Webinars")

    async with Ledger(find_place(settings(tmp_path / "My%20Webinars" / "o.db"))) as ledger:
        assert await ledger.run(noted) == [1]


def _folder(path: Path) -> None:
    path.mkdir()


def _other_file(path: Path) -> None:
    path.write_text("a list of women")


def _link_to_the_new(path: Path) -> None:
    path.symlink_to(path.parent / "wo?man" / "o.db")


def _dangling_link(path: Path) -> None:
    path.symlink_to(path.parent / "nothing")


@pytest.mark.parametrize("make", [_folder, _other_file, _link_to_the_new, _dangling_link])
async def test_what_is_no_other_ledger_at_the_former_place_is_left_alone(tmp_path, make):
    path = tmp_path / "wo?man" / "o.db"
    async with Ledger(path):
        pass
    make(tmp_path / "wo")

    assert find_place(settings(path)) == path
