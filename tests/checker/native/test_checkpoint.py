"""A search that is kept survives whatever ends the process, and ends as if nothing had been; what cannot be gone on
with is refused in one line."""

from __future__ import annotations

import errno
import json
import multiprocessing
import os
import random
import resource
import signal
import time
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from eoscheck.checker.native.checkpoint import BadCheckpoint
from eoscheck.checker.native.engine import Native
from eoscheck.checker.native.reducing import explore_reducing
from eoscheck.checker.native.search import Options, Search, explore_natively
from eoscheck.checker.search import Exploration, Limits, Searched
from eoscheck.checker.shortest import way_to_hit
from eoscheck.checker.trace import trace
from test_native_search import digits

pytestmark = pytest.mark.usefixtures("own_cache")


@pytest.fixture(scope="module")
def engine() -> Native:
    return Native(trace(digits(6)))


@pytest.fixture(scope="module")
def whole(engine: Native) -> Exploration:
    return explore_natively(engine, Limits())


def kept(folder: Path, *, resume: bool = False, every: float = 60.0, fingerprint: bool = False) -> Options:
    return Options(checkpoint=folder, resume=resume, every=every, fingerprint=fingerprint, threads=2)


def search_until_killed(folder: Path, engine: Native) -> None:
    explore_natively(
        engine, Limits(), None, kept(folder, resume=(folder / "search.json").exists(), every=0.01)
    )


def killed_somewhere(folder: Path, engine: Native, rng: random.Random) -> int:
    """Search in a process that is killed, again and again, until one comes to its end; how many were killed."""
    for attempt in range(200):
        child = multiprocessing.get_context("fork").Process(target=search_until_killed, args=(folder, engine))
        child.start()
        child.join(rng.uniform(0.01, 0.06 + 0.02 * attempt))
        if child.exitcode == 0:
            return attempt
        assert child.exitcode is None, child.exitcode
        child.kill()
        child.join()
    raise AssertionError("it never came to its end")


@pytest.mark.parametrize("seed", range(4))
def test_a_search_that_is_killed_at_any_moment_ends_as_if_it_had_not_been(
    seed: int, tmp_path: Path, engine: Native, whole: Exploration
) -> None:
    killed = killed_somewhere(tmp_path / "kept", engine, random.Random(seed))
    found = explore_natively(engine, Limits(), None, kept(tmp_path / "kept", resume=True))
    assert killed and found.figures() == whole.figures()
    assert found.visited.levels == whole.visited.levels
    numbers = [*range(0, found.states, 1009), found.states - 1]
    assert [found.visited.state(n) for n in numbers] == [whole.visited.state(n) for n in numbers]
    assert way_to_hit(engine, found, 0) == way_to_hit(engine, whole, 0)


@pytest.mark.parametrize("limits", [Limits(states=100_000), Limits(depth=9), Limits(seconds=1e-9)])
@pytest.mark.parametrize("fingerprint", [False, True])
def test_a_search_goes_on_where_a_limit_ended_it(
    limits: Limits, fingerprint: bool, tmp_path: Path, engine: Native, whole: Exploration
) -> None:
    first = explore_natively(engine, limits, None, kept(tmp_path, fingerprint=fingerprint))
    assert first.stopped and first.states < whole.states
    found = explore_natively(engine, Limits(), None, kept(tmp_path, resume=True, fingerprint=fingerprint))
    assert found.figures() == whole.figures() and (found.missed is None) is not fingerprint


@pytest.mark.parametrize(
    ("where", "error", "stopped"),
    [
        ("os.posix_fallocate", OSError(errno.ENOSPC, "No space left on device"), "disk"),
        ("eoscheck.checker.native.space.together", MemoryError(), "memory"),
    ],
)
def test_a_resume_that_cannot_begin_leaves_what_was_kept(
    where: str, error: Exception, stopped: str, tmp_path: Path, engine: Native, whole: Exploration
) -> None:
    first = explore_natively(engine, Limits(states=200_000), None, kept(tmp_path))
    assert first.hits
    before = (tmp_path / "search.json").read_bytes()
    with patch(where, side_effect=error):
        assert explore_natively(engine, Limits(), None, kept(tmp_path, resume=True)).stopped == stopped
    assert (tmp_path / "search.json").read_bytes() == before
    found = explore_natively(engine, Limits(), None, kept(tmp_path, resume=True))
    assert found.complete and found.figures() == whole.figures() and found.hits == whole.hits


def test_a_limit_below_what_was_kept_leaves_it_whole(tmp_path: Path, engine: Native) -> None:
    first = explore_natively(engine, Limits(states=100_000), None, kept(tmp_path))
    found = explore_natively(engine, Limits(states=500), None, kept(tmp_path, resume=True))
    assert found.stopped == "states" and found.states >= first.states
    assert found.visited.levels[-1] == found.states and found.transitions >= first.transitions


def test_ctrl_c_keeps_what_was_found(tmp_path: Path, engine: Native, whole: Exploration) -> None:
    search = Search(engine, Limits(), kept(tmp_path), lambda _: signal.raise_signal(signal.SIGINT))
    with patch("eoscheck.checker.search.Clock.EVERY", 0.0):
        first = search.run()
    assert first.stopped == "interrupted"
    found = explore_natively(engine, Limits(), None, kept(tmp_path, resume=True))
    assert found.figures() == whole.figures() and found.seconds > first.seconds


def disk_of(most: int, folder: Path, engine: Native, out: Path) -> None:
    """Search where no file may become larger."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
    found = explore_natively(engine, Limits(), None, kept(folder))
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
    out.write_text(json.dumps([found.stopped, found.states]))


def test_a_full_disk_ends_it_with_the_figures(tmp_path: Path) -> None:
    engine, out = Native(trace(digits(7, 10))), tmp_path / "said"
    child = multiprocessing.get_context("fork").Process(
        target=disk_of, args=(65 * 2**20, tmp_path / "kept", engine, out)
    )
    child.start()
    child.join(120)
    stopped, states = json.loads(out.read_text())
    assert stopped == "disk" and states > 1_000_000
    assert json.loads((tmp_path / "kept" / "search.json").read_text())["states"] == states


class TestReduced:
    """A search that is reduced takes the place of the one that was begun."""

    FIRST = 20_000

    def search(self, folder: Path, engine: Native, limits: Limits = Limits(), **options: Any) -> Searched:  # noqa: B008
        chosen = Options(checkpoint=folder, threads=2, every=0.01, **options)
        return explore_reducing(engine, limits, None, chosen, first=self.FIRST)

    def test_killed_at_any_moment_it_ends_as_if_it_had_not_been(self, tmp_path: Path, engine: Native) -> None:
        whole = explore_reducing(engine, Limits(), None, Options(), first=self.FIRST).found
        rng = random.Random(7)

        def search() -> None:
            self.search(tmp_path, engine, resume=(tmp_path / "search.json").exists())

        for attempt in range(200):
            child = multiprocessing.get_context("fork").Process(target=search)
            child.start()
            child.join(rng.uniform(0.01, 0.1 + 0.02 * attempt))
            if child.exitcode == 0:
                break
            assert child.exitcode is None, child.exitcode
            child.kill()
            child.join()
        found = self.search(tmp_path, engine, resume=True).found
        assert attempt and found.reduced and found.hits.keys() == whole.hits.keys()
        assert (found.states, found.transitions) == (whole.states, whole.transitions)
        assert sorted(path.name for path in tmp_path.iterdir()) == ["lock", "search.json", "states-reduced"]

    def test_a_limit_ends_what_was_begun_and_it_goes_on(self, tmp_path: Path, engine: Native) -> None:
        begun = self.search(tmp_path, engine, Limits(states=1_000)).found
        assert not begun.reduced and begun.states == 1_000
        found = self.search(tmp_path, engine, resume=True).found
        assert found.reduced and found.complete

    def test_it_is_not_gone_on_with_without_reduction(self, tmp_path: Path, engine: Native) -> None:
        self.search(tmp_path, engine)
        with pytest.raises(BadCheckpoint, match="that search is reduced, this one is to be otherwise"):
            self.search(tmp_path, engine, resume=True, reduce=False)


class TestRefused:
    @pytest.fixture
    def folder(self, tmp_path: Path, engine: Native) -> Path:
        explore_natively(engine, Limits(depth=3), None, kept(tmp_path / "kept"))
        return tmp_path / "kept"

    def refused(self, folder: Path, engine: Native, message: str, *, resume: bool = True) -> None:
        before = (folder / "search.json").read_bytes() if (folder / "search.json").exists() else None
        with pytest.raises(BadCheckpoint, match=message) as error:
            explore_natively(engine, Limits(), None, kept(folder, resume=resume))
        assert "\n" not in str(error.value)
        if before is not None:
            assert (folder / "search.json").read_bytes() == before

    def test_what_is_there_is_not_written_over(self, folder: Path, engine: Native) -> None:
        self.refused(folder, engine, "kept there already", resume=False)

    def test_nothing_there(self, tmp_path: Path, engine: Native) -> None:
        self.refused(tmp_path / "nowhere", engine, "no search is kept there")

    def test_another_spec(self, folder: Path) -> None:
        self.refused(folder, Native(trace(digits(6, 8))), "have changed")

    def test_other_properties(self, folder: Path) -> None:
        model = digits(6)
        model.properties.pop()
        self.refused(folder, Native(trace(model)), "have changed")

    def test_another_version(self, folder: Path, engine: Native) -> None:
        with patch("eoscheck.checker.native.checkpoint.version", lambda _: "9.9"):
            self.refused(folder, engine, "written by eoscheck .*, this is 9.9")

    def test_fingerprints_are_no_states(self, folder: Path, engine: Native) -> None:
        with pytest.raises(BadCheckpoint, match="one with full states, this one is to be by fingerprints"):
            explore_natively(engine, Limits(), None, kept(folder, resume=True, fingerprint=True))

    def test_another_search_at_work(self, folder: Path, engine: Native) -> None:
        search = Search(engine, Limits(), kept(folder, resume=True), None)
        self.refused(folder, engine, "another search is using it")
        search.run()

    @pytest.mark.parametrize("text", ["", "{}", "[]", '{"format": 3', "\x00"])
    def test_a_damaged_manifest(self, text: str, folder: Path, engine: Native) -> None:
        (folder / "search.json").write_text(text)
        self.refused(folder, engine, "damaged")

    def test_states_that_are_missing(self, folder: Path, engine: Native) -> None:
        os.truncate(folder / "states", 8)
        self.refused(folder, engine, "states are missing")

    def test_states_that_are_others(self, folder: Path, engine: Native) -> None:
        with (folder / "states").open("r+b") as file:
            file.seek(40)
            byte = file.read(1)
            file.seek(40)
            file.write(bytes([byte[0] ^ 1]))
        self.refused(folder, engine, "not those that were kept")


def test_checkpoints_are_written_in_time(tmp_path: Path) -> None:
    engine, seen = Native(trace(digits(7, 10))), set[int]()

    def look(_: object) -> None:
        seen.add(json.loads((tmp_path / "search.json").read_text())["states"])

    with patch("eoscheck.checker.search.Clock.EVERY", 0.0):
        began = time.monotonic()
        explore_natively(engine, Limits(seconds=1.5), look, kept(tmp_path, every=0.2))
    assert time.monotonic() - began < 20 and len(seen) >= 4
