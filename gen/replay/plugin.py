"""The pytest plugin of eoscheck: the fixture `kafka` for tests that `eoscheck export` wrote.

    @pytest.mark.eos_anomaly("no-duplicates@ledger", kafka="3.9.1")
    def test_no_duplicates_at_ledger_is_violated(kafka):
        with kafka.run() as run:
            run.topic("payments")
            run.begins()
            #  1  nothing happens
            run.must_see({"partitions": {"payments-0": {"records": []}}})

pytest imports this module in every project that has eoscheck installed, so whatever is large is imported in the
functions, when a test asks for a Kafka.
"""

from __future__ import annotations

import linecache
import re
import sys
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, NoReturn

import pytest
from eoscheck.gen.kafka.flavour import BadFlavour, NoKafka, parse
from eoscheck.gen.replay.outcome import CannotForce, ReplayFailure, Timeline

if TYPE_CHECKING:
    from eoscheck.gen.replay.run import Run
    from eoscheck.gen.replay.testbed import Testbed

MARKERS = {
    "eos_anomaly": "(property, kafka): passes if a counterexample of eoscheck shows itself on this Kafka",
    "eos_guarantee": "(property, kafka): passes if a repaired pipeline keeps a property on this Kafka",
}
_STEP = re.compile(r"\s*#\s*(\d+)  ")


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("eoscheck", "counterexamples on a real Kafka")
    group.addoption(
        "--kafka", metavar="NAMES", help="run on these, as 3.9.1,4.1.2:tv1 [default: what each test names]"
    )
    group.addoption("--bootstrap", metavar="HOST:PORT", help="run on a Kafka that is up already")
    group.addoption(
        "--postgres-dsn", metavar="DSN", help="keep the stores in this PostgreSQL [default: sqlite]"
    )
    group.addoption("--require-kafka", action="store_true", help="without a Kafka: an error, not a skip")


def pytest_configure(config: pytest.Config) -> None:
    for name, text in MARKERS.items():
        config.addinivalue_line("markers", f"{name}{text}")
    names = _names(config)
    if names and config.getoption("--bootstrap"):
        raise pytest.UsageError("--kafka starts one and --bootstrap takes one that runs: say one of them")
    try:
        for name in names:
            parse(name)
    except BadFlavour as error:
        raise pytest.UsageError(f"--kafka: {error}") from None


def _names(config: pytest.Config) -> list[str]:
    """What --kafka lists."""
    given = config.getoption("--kafka") or ""
    return [name.strip() for name in given.split(",") if name.strip()]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test runs once on each Kafka that is asked for."""
    needed = _needed(metafunc.definition)
    if needed is None or "kafka" not in metafunc.fixturenames:
        return
    if metafunc.config.getoption("--bootstrap"):
        metafunc.parametrize("kafka", [""], ids=["bootstrap"], indirect=True)
    else:
        metafunc.parametrize("kafka", _names(metafunc.config) or [needed], indirect=True)


def _needed(item: pytest.Item | pytest.Function) -> str | None:
    """The Kafka that a test was written for: "" where no tested one fits, None where the test is not ours."""
    found = next((mark for name in MARKERS for mark in item.iter_markers(name)), None)
    return None if found is None else str(found.kwargs.get("kafka") or "")


class Kafka:
    """A Kafka for one test."""

    def __init__(self, testbed: Testbed, without: Callable[[str], NoReturn]) -> None:
        self.testbed = testbed
        self.runs: list[Run] = []
        self._without = without

    def run(self, *, postgres: bool = False) -> Run:
        """A replay: use it as a context manager. Its steps are told apart by the numbered comments above its calls.

        postgres   whether its stores need transactions side by side, which sqlite has not
        """
        run = self._run(postgres)
        if isinstance(run, str):
            self._without(run)
        run.timeline = CommentedTimeline(sys._getframe(1).f_code.co_filename)
        self.runs.append(run)
        return run

    def _run(self, postgres: bool) -> Run | str:
        """A replay, or what is missing for it."""
        from eoscheck.gen.replay.postgres import NoPostgres

        try:
            return self.testbed.run(postgres=postgres)
        except NoPostgres as error:
            return str(error)


class CommentedTimeline(Timeline):
    """A timeline that takes the number of the present step from the comment above the line that is under way."""

    def __init__(self, file: str) -> None:
        self._file = file
        self._numbers = steps(linecache.getlines(file))
        super().__init__()

    @property
    def step(self) -> int:
        """The number in the last comment of the form `#  5  ...` above that line; 0 in the set-up."""
        frame = sys._getframe(1)
        while frame.f_code.co_filename != self._file:
            if frame.f_back is None:
                return 0
            frame = frame.f_back
        return self._numbers[frame.f_lineno - 1] if frame.f_lineno <= len(self._numbers) else 0

    @step.setter
    def step(self, number: int) -> None:
        """Nothing: a test says it by its comments."""


def steps(lines: Sequence[str]) -> list[int]:
    """The step that each line of a test file belongs to; 0 before the first one of a function.

    >>> steps(["def test():", "    begin()", "    #  1  it goes on", "    go_on()"])
    [0, 0, 1, 1]
    """
    found, step = [], 0
    for line in lines:
        if line.lstrip().startswith(("def ", "async def ")):
            step = 0
        elif comment := _STEP.match(line):
            step = int(comment[1])
        found.append(step)
    return found


class Testbeds:
    """The Kafkas of one session, each started when a test first needs it."""

    __test__ = False

    def __init__(self, config: pytest.Config) -> None:
        self._bootstrap, self._postgres = config.getoption("--bootstrap"), config.getoption("--postgres-dsn")
        self._started: dict[str, Testbed | NoKafka] = {}

    def get(self, name: str) -> Testbed | NoKafka:
        """The Kafka of that flavour ("": that of --bootstrap, or the first to be had), or why there is none."""
        if name not in self._started:
            try:
                self._started[name] = self._start(name)
            except NoKafka as error:
                self._started[name] = error
        return self._started[name]

    def _start(self, name: str) -> Testbed:
        try:
            from eoscheck.gen.kafka.provider import choose
            from eoscheck.gen.replay.testbed import Testbed
        except ImportError as error:
            raise NoKafka(
                f"a real Kafka needs more packages ({error.name}): pip install 'eoscheck[replay]'"
            ) from None
        return Testbed(choose(name or None, self._bootstrap), self._postgres)

    def close(self) -> None:
        """Stop them all."""
        started, self._started = self._started, {}
        for testbed in started.values():
            if not isinstance(testbed, NoKafka):
                testbed.close()


@pytest.fixture(scope="session")
def eos_testbeds(pytestconfig: pytest.Config) -> Iterator[Testbeds]:
    """The Kafkas of this session. They are stopped at its end, after Ctrl-C, too."""
    testbeds = Testbeds(pytestconfig)
    yield testbeds
    testbeds.close()


@pytest.fixture
def kafka(request: pytest.FixtureRequest, eos_testbeds: Testbeds) -> Kafka:
    """A real Kafka that fits the test, or what --kafka or --bootstrap says."""
    config, node = request.config, request.node

    def without(reason: str) -> NoReturn:
        if config.getoption("--require-kafka"):
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)

    name = getattr(request, "param", "")
    if not name and not config.getoption("--bootstrap") and _needed(node) is not None:
        without("no tested Kafka does what the spec of this test says: name one by --kafka or --bootstrap")
    testbed = eos_testbeds.get(name)
    if isinstance(testbed, NoKafka):
        without(str(testbed))
    found = node.stash[_KAFKA] = Kafka(testbed, without)
    return found


_KAFKA = pytest.StashKey[Kafka]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A failure is told by the line of the test, what differed, and the timeline; not by how we noticed."""
    report = yield
    kafka = item.stash.get(_KAFKA, None)
    if kafka is None or call.when != "call" or not report.failed:
        return report
    from eoscheck.gen.kafka.wire import WireError

    assert call.excinfo is not None
    told = isinstance(call.excinfo.value, ReplayFailure | CannotForce | WireError)
    if told and not item.config.getoption("--full-trace"):
        _shorten(item, call.excinfo, report)
    other = _otherwise(item, kafka.testbed)
    report.sections += [("Kafka", other)] if other else []
    report.sections += [("timeline", str(run.timeline)) for run in kafka.runs if run.timeline.lines]
    return report


def _shorten(
    item: pytest.Item, excinfo: pytest.ExceptionInfo[BaseException], report: pytest.TestReport
) -> None:
    """Leave the lines of the test itself."""
    own = excinfo.traceback.filter(lambda entry: str(entry.path) == str(item.path))
    if own:
        excinfo.traceback = own
    style = item.config.getoption("--tb")
    shown = excinfo.getrepr(style="short" if style == "auto" else style)
    if shown.reprcrash is not None:
        shown.reprcrash.message = str(excinfo.value)  # what the summary shows, in the little room that it has
    for entry in getattr(shown.reprtraceback, "reprentries", ()):
        entry.lines[:] = [line.replace(f"{type(excinfo.value).__module__}.", "") for line in entry.lines]
    report.longrepr = shown


def _otherwise(item: pytest.Item, testbed: Testbed) -> str:
    """How the Kafka that a test ran on differs from the one it was written for."""
    from eoscheck.gen.replay.testbed import differing, switches_of

    needed = _needed(item)
    if not needed:
        return ""
    remarks = [] if testbed.steered else ["transaction markers are left to it, and written at once"]
    with suppress(NoKafka):
        flavour = parse(needed)
        meant = switches_of(flavour.version, flavour.transaction_version or 0, flavour.settings)
        if meant is not None and testbed.switches is not None:
            remarks += differing(meant, testbed.switches)
    if not remarks:
        return ""
    return f"this ran on {testbed}, and was written for {needed}: {'; '.join(remarks)}"
