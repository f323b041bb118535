"""The commands: what they print, what they write, what they leave alone."""

from __future__ import annotations

import functools
import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import pytest
from eoscheck.checker.native import reducing
from eoscheck.cli.commands import COMMANDS
from eoscheck.cli.main import run
from eoscheck.cli.output import Progress

Write = Callable[..., str]
Capture = pytest.CaptureFixture[str]


def test_explore_prints_the_result_and_nothing_else(write: Write, capsys: Capture):
    run(["explore", write("a", "lost: 1")])
    out, err = capsys.readouterr()
    assert err == ""
    assert "✗ VIOLATED  no-duplicates@shelf  at step 3" in out
    assert out.endswith("  reproduce  eoscheck explore a.yaml --property no-duplicates@shelf\n")


def test_the_command_to_reproduce_does(write: Write, capsys: Capture):
    run(["explore", write("a b", "lost: 1")])
    last = capsys.readouterr().out.splitlines()[-1].split("eoscheck ", 1)[1]
    assert last == "explore 'a b.yaml' --property no-duplicates@shelf"
    assert run(["explore", "a b.yaml", "--property", "no-duplicates@shelf"]) == 1
    assert "is violated in 3 steps" in capsys.readouterr().out


def test_explore_as_json_is_one_object_with_sorted_keys(write: Write, capsys: Capture):
    assert run(["explore", write("a", "lost: 1"), "--json"]) == 1
    out = capsys.readouterr().out
    data = json.loads(out)
    assert out == json.dumps(data, sort_keys=True, indent=2) + "\n"
    assert (
        data["format"] == "eoscheck-result/1" and data["verdict"] == "violated" and data["complete"] is True
    )
    assert (data["states"], data["transitions"], data["depth"]) == (13, 12, 7)


def test_explore_writes_a_trace_for_each_violation_and_each_goal_that_was_met(write: Write, world: Path):
    run(["explore", write("a", "lost: 1")])
    assert sorted(p.name for p in (world / ".eoscheck/a").iterdir()) == [
        "all-sent.json",
        "no-duplicates@shelf.json",
    ]
    run(["explore", "a.yaml", "--out", "deep/er"])
    assert (world / "deep/er/no-duplicates@shelf.json").exists()


def test_the_interpreter_explores_the_same(write: Write, capsys: Capture):
    write("a", "lost: 1")
    seen = []
    for engine in ("python", "interpreter"):
        run(["explore", "a.yaml", "--json", "--engine", engine, "--no-reduction"])
        traced = {"checked_by_z3": None, "never_because": {}}
        seen.append({**json.loads(capsys.readouterr().out), "seconds": 0, **traced})
    assert seen[0] == seen[1]


def test_z3_certifies(write: Write, capsys: Capture):
    a = write("a", "lost: 0")
    assert run(["explore", a, "--certify", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)["checked_by_z3"]
    assert said["steps"] == {"all-sent": 4} and said["unchecked"] == {}
    assert said["valuations"] == {"no-duplicates@shelf": 3, "no-loss@shelf": 3}
    assert [sentence.split(":")[0] for sentence in said["certified"]] == ["closed", "model"]
    assert run(["explore", a, "--certify", "--engine", "interpreter"]) == 2
    assert run(["explore", a, "--certify", "--max-states", "3"]) == 3
    assert "nothing of the set of states: the search is not complete" in " ".join(
        capsys.readouterr().out.split()
    )


@pytest.mark.parametrize("name", ["no-duplicates", "no-duplicates@shelf"])
def test_a_property_is_selected_by_either_name(write: Write, capsys: Capture, name: str):
    run(["explore", write("a", "lost: 1"), "--json", "--property", name])
    data = json.loads(capsys.readouterr().out)
    assert [p["name"] for p in data["properties"]] == ["no-duplicates@shelf"]


MINE = '''
from eoscheck.model.language import Witness, always, sometimes

@always
def never_both(pipeline):
    """Not both records lie there."""
    if pipeline.sender.shelf[0] > 0 and pipeline.sender.shelf[1] > 0:
        return Witness("both are there")

@sometimes
def one(pipeline):
    return pipeline.sender.at == 1
'''


def test_properties_of_the_users_own_are_checked_too(write: Write, world: Path, capsys: Capture):
    (world / "mine.py").write_text(MINE)
    assert run(["explore", write("a", "lost: 0"), "--properties", "mine.py"]) == 1
    out = capsys.readouterr().out
    assert "never-both is violated in 3 steps: Not both records lie there." in out
    assert "✓ holds     one" in out
    assert out.splitlines()[-1].endswith("a.yaml --properties mine.py --property never-both")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("def f(:", "mine.py:1: SyntaxError"),
        ("x = 1\nraise ValueError('no')", "mine.py:2: ValueError: no"),
        ("x = 1\nraise KeyboardInterrupt", "mine.py:2: KeyboardInterrupt"),
        ("x = 1", "mine.py:1: no function is marked"),
        (MINE.replace("pipeline.sender.at", "pipeline.sender.ta"), "mine.py:12: AttributeError"),
        (MINE.replace("return Witness(", "return str("), "mine.py:4: TraceError: never-both: it gives"),
        (MINE.replace("(pipeline):\n    return", "(pipeline, x):\n    return"), "a function of one argument"),
        (MINE.replace("never_both", "all_sent"), "mine.py:4: the name"),
    ],
)
def test_a_mistake_in_a_file_of_properties_is_the_users(
    write: Write, world: Path, capsys: Capture, text: str, said: str
):
    (world / "mine.py").write_text(text)
    assert run(["explore", write("a", "lost: 0"), "--properties", "mine.py"]) == 2
    out, err = capsys.readouterr()
    assert out == "" and said in err and err.count("\n") == 1


def test_a_signal_while_a_file_of_properties_is_run_is_one(write: Write, world: Path, capsys: Capture):
    (world / "mine.py").write_text("import signal\nsignal.raise_signal(signal.SIGINT)\n")
    assert run(["explore", write("a", "lost: 0"), "--properties", "mine.py"]) == 130
    assert capsys.readouterr().err.strip() == "eoscheck: interrupted"


def test_a_file_of_properties_must_exist(write: Write, capsys: Capture):
    assert run(["explore", write("a", "lost: 0"), "--properties", "none.py"]) == 2
    assert capsys.readouterr().err == "eoscheck: none.py:1: no such file\n"


def test_simulate_says_what_it_met(write: Write, capsys: Capture):
    assert run(["simulate", write("a", "lost: 1"), "--walks", "50", "--depth", "20", "--seed", "7"]) == 1
    out = capsys.readouterr().out
    assert "simulation, nothing is proven" in out and "? undecided  no-loss@shelf" in out
    again = out.splitlines()[-1].split("eoscheck ", 1)[1].split()
    assert again[:8] == ["simulate", "a.yaml", "--walks", "50", "--depth", "20", "--seed", "7"]
    assert run(again) == 1


def test_check_compares_every_spec_in_order(write: Write, world: Path, capsys: Capture):
    (world / "sub").mkdir()
    write("sub/a", "lost: 0", "no-loss: holds", "no-duplicates: holds")
    write("b", "lost: 1", "no-duplicates: violated")
    write("c", "lost: 0")
    write("d", "lost: 0", "no-loss: violated", "order: holds")
    write("e", "lost: 0", "properties: empty-promise", "empty-promise: holds")
    write("f", "states: 3", "no-loss: holds")
    for jobs in ("1", "2", "8"):
        assert run(["check", ".", "--jobs", jobs]) == 1
        lines = capsys.readouterr().out.splitlines()
        heads = [line[:20].split() for line in lines if line[:1] in "✓✗"]
        assert heads == [
            ["✓", "expected", "b.yaml"],
            ["✓", "explored", "c.yaml"],
            ["✗", "DIFFERS", "d.yaml"],
            ["✗", "DIFFERS", "e.yaml"],
            ["✗", "DIFFERS", "f.yaml"],
            ["✓", "expected", "sub/a.ya"],
        ]
        assert "            no-loss: expected violated, it holds" in lines
        assert "            order: expected holds, not checked" in lines
        assert lines[-1].startswith("6 specs in ")
        assert lines[-1].endswith(": 2 as expected, 3 different, 1 with nothing expected")
    codes = [run(["check", f"{name}.yaml"]) for name in ("b", "c", "d", "e", "f", "sub/a")]
    assert codes == [0, 0, 1, 4, 3, 0]
    assert not (world / ".eoscheck").exists()


def test_check_goes_on_after_a_bad_spec(write: Write, capsys: Capture):
    write("a", "odd")
    write("b", "lost: 0", "no-loss: holds")
    assert run(["check", "."]) == 2
    out = capsys.readouterr().out
    assert (
        "✗ ERROR     a.yaml" in out and "a.yaml:1: unknown key 'odd'" in out and "✓ expected  b.yaml" in out
    )


def test_check_as_json(write: Write, capsys: Capture):
    write("a", "odd")
    write("b", "lost: 0", "no-loss: violated")
    assert run(["check", ".", "--json"]) == 1
    data = json.loads(capsys.readouterr().out)
    assert data["format"] == "eoscheck-check/1"
    assert [(s["spec"], s["code"], s["differences"]) for s in data["specs"]] == [
        ("a.yaml", 2, []),
        ("b.yaml", 1, ["no-loss: expected violated, it holds"]),
    ]
    assert data["specs"][1]["result"]["format"] == "eoscheck-result/1"


def test_check_writes_junit(write: Write, world: Path):
    write("a", "lost: 1", "no-duplicates: holds")
    assert run(["check", ".", "--junit", "out/j.xml"]) == 1
    root = ElementTree.parse(world / "out/j.xml").getroot()
    assert root.get("failures") == "1" and len(list(root.iter("testcase"))) == 3


def test_explain_tells_or_lists(world: Path, capsys: Capture):
    assert run(["explain", "A13"]) == 0
    assert "specs/hazards/a13-db-write-in-loop-broken.yaml" in capsys.readouterr().out
    assert run(["explain"]) == 0
    assert "lost-response" in capsys.readouterr().out


def test_init_writes_a_spec_and_overwrites_none(world: Path, capsys: Capture):
    assert run(["init"]) == 0
    assert capsys.readouterr().out == "pipeline.yaml\n"
    text = (world / "pipeline.yaml").read_text()
    (world / "pipeline.yaml").write_text("mine")
    assert run(["init", "pipeline.yaml"]) == 2
    assert (world / "pipeline.yaml").read_text() == "mine"
    assert run(["init", "--force"]) == 0
    assert (world / "pipeline.yaml").read_text() == text


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help(world: Path, capsys: Capture, name: str):
    for flag in ("-h", "--help"):
        assert run([name, flag]) == 0
        assert capsys.readouterr().out.startswith(f"Usage: eoscheck {name}")


def test_no_arguments_is_help(world: Path, capsys: Capture):
    assert run([]) == 0
    out = capsys.readouterr().out
    assert "eoscheck explore pipeline.yaml" in out and all(name in out for name in COMMANDS)


def test_help_imports_nothing_heavy():
    code = "import sys; from eoscheck.cli.main import run; run(['--help']); print(sorted(sys.modules))"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    loaded = out.splitlines()[-1]
    assert [
        name for name in ("rich", "pydantic", "yaml", "eoscheck.checker", "z3") if f"'{name}'" in loaded
    ] == []


def test_help_is_quick():
    def seconds() -> float:
        begin = time.perf_counter()
        subprocess.run(
            [sys.executable, "-m", "eoscheck.cli.main", "--help"], stdout=subprocess.DEVNULL, check=True
        )
        return time.perf_counter() - begin

    assert min(seconds() for _ in range(5)) < 0.3


@pytest.mark.parametrize("environment", [{"NO_COLOR": "1", "FORCE_COLOR": "1"}, {}])
def test_no_colour_where_it_is_not_wanted(
    write: Write, capsys: Capture, monkeypatch: pytest.MonkeyPatch, environment: dict[str, str]
):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    run(["explore", write("a", "lost: 1")])
    assert "\x1b" not in capsys.readouterr().out


def test_colour_where_it_is_forced_but_never_against_the_flag(
    write: Write, capsys: Capture, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("FORCE_COLOR", "1")
    run(["explore", write("a", "lost: 1")])
    assert "\x1b[" in capsys.readouterr().out
    run(["explore", "a.yaml", "--no-color"])
    assert "\x1b" not in capsys.readouterr().out


def test_a_terminal_of_80_columns_is_enough(write: Write, capsys: Capture):
    run(["explore", write("a", "lost: 1"), "--full"])
    wide = [line for line in capsys.readouterr().out.splitlines() if len(line) > 80]
    assert wide == []


class Screen:
    """A stream that says whether it is a terminal and keeps what it is given."""

    def __init__(self, tty: bool) -> None:
        self.tty, self.text = tty, ""

    def isatty(self) -> bool:
        return self.tty

    def write(self, text: str) -> None:
        self.text += text

    def flush(self) -> None:
        pass


def test_progress_is_in_place_on_a_terminal_and_rare_elsewhere(monkeypatch: pytest.MonkeyPatch):
    from eoscheck.checker.search import Figures

    def shown(tty: bool, quiet: bool = False) -> str:
        stream, clock = Screen(tty), [0.0]
        monkeypatch.setattr(sys, "stderr", stream)
        monkeypatch.setattr(time, "monotonic", lambda: clock[0])
        with Progress(quiet=quiet) as progress:
            for second in range(1, 25):
                clock[0] = float(second)
                progress(Figures(second, 10 * second, 1_000 * second, 5, float(second)))
        return stream.text

    terminal, pipe = shown(True), shown(False)
    assert terminal.count("\n") == 0 and terminal.count("\r") == 25 and terminal.endswith("\r\x1b[K")
    assert "level 24  distinct 240  generated 24,000  queue 5  1,000/s  24 s" in terminal
    assert pipe.count("\n") == 2 and "\r" not in pipe
    assert shown(True, quiet=True) == ""


class TestLongRuns:
    """Options for searches that take long: what they print, and what they refuse."""

    def test_a_search_is_kept_and_gone_on_with(self, write: Write, world: Path, capsys: Capture):
        spec = write("a", "records: 8", "lost: 4")
        run(["explore", spec, "--json"])
        whole = json.loads(capsys.readouterr().out)
        assert run(["explore", spec, "--checkpoint", "kept", "--max-states", "50"]) == 1
        out = capsys.readouterr().out
        assert "kept in kept: eoscheck explore a.yaml --resume kept goes on" in " ".join(out.split())
        run(["explore", spec, "--resume", "kept", "--json"])
        found = json.loads(capsys.readouterr().out)
        assert {**found, "seconds": 0} == {**whole, "seconds": 0}

    def test_a_changed_spec_is_refused(self, write: Write, capsys: Capture):
        run(["explore", write("a", "lost: 1"), "--checkpoint", "kept"])
        capsys.readouterr()
        assert run(["explore", write("a", "lost: 2"), "--resume", "kept"]) == 2
        said = "kept/search.json: a search of something else: the spec or its properties have changed"
        assert capsys.readouterr().err == f"eoscheck: {said}\n"

    def test_fingerprints_say_how_likely_a_state_was_missed(self, write: Write, capsys: Capture):
        spec = write("a", "lost: 1")
        run(["explore", spec, "--fingerprint"])
        assert "a state was missed with probability" in " ".join(capsys.readouterr().out.split())
        run(["explore", spec, "--fingerprint", "--json"])
        data = json.loads(capsys.readouterr().out)
        distinct, generated = data["states"], data["transitions"] + 1
        assert data["missed"] == distinct * (generated - distinct) / 2**64

    def test_fingerprints_never_say_holds_of_what_was_not_found(self, write: Write, capsys: Capture):
        spec = write("a", "lost: 0")
        assert run(["explore", spec, "--json"]) == 0
        capsys.readouterr()
        assert run(["explore", spec, "--json", "--fingerprint"]) == 3
        data = json.loads(capsys.readouterr().out)
        rows = {row["name"]: (row["verdict"], row["reason"]) for row in data["properties"]}
        assert rows.pop("all-sent") == ("holds", "")  # it was met: that needs no other state
        assert {verdict for verdict, _ in rows.values()} == {"undecided"}
        assert all(
            reason.startswith("nothing found, and a state was missed with") for _, reason in rows.values()
        )

    def test_a_large_search_is_reduced_and_says_so(
        self, write: Write, capsys: Capture, monkeypatch: pytest.MonkeyPatch
    ):
        early = functools.partial(reducing.explore_reducing, first=20)
        monkeypatch.setattr("eoscheck.checker.native.reducing.explore_reducing", early)
        spec = write("a", "records: 8", "lost: 4")
        assert run(["explore", spec]) == 1
        assert "partial order reduced" in " ".join(capsys.readouterr().out.split())
        seen = []
        for more in ([], ["--no-reduction"]):
            run(["explore", spec, "--json", *more])
            seen.append(json.loads(capsys.readouterr().out))
        less, whole = seen
        assert (less["reduction"], whole["reduction"]) == ("partial order", None)
        assert less["never_fired"] == whole["never_fired"]
        for one, other in zip(less["properties"], whole["properties"], strict=True):
            assert {**one, "reason": ""} == {**other, "reason": ""}

    def test_the_packing_is_printed(self, write: Write, capsys: Capture):
        assert run(["explore", write("a", "lost: 1"), "--packing"]) == 0
        first, *cells = capsys.readouterr().out.splitlines()
        assert first.startswith("1 words of 64 bits, ") and first.endswith(f" {len(cells)} cells")

    @pytest.mark.parametrize(
        ("words", "said"),
        [
            ("--engine python --threads 2", "--threads is an option of --engine native, not of python"),
            ("--engine interpreter --fingerprint", "--fingerprint is an option of --engine native"),
            ("--checkpoint a --resume b", "--checkpoint cannot be given as well"),
            ("--checkpoint-every 3", "--checkpoint-every needs --checkpoint or --resume"),
            ("--checkpoint a.yaml", "a.yaml: "),
            ("--packing --json", "--packing prints how states lie in memory, and stops: it has no --json"),
            ("--packing --html x.html", "it has no --html"),
            ("--threads 0", "0 is not in the range 1<=x<=64"),
        ],
    )
    def test_what_does_not_go_together_is_refused(self, words: str, said: str, write: Write, capsys: Capture):
        assert run(["explore", write("a", "lost: 1"), *words.split()]) == 2
        out, err = capsys.readouterr()
        assert out == "" and err.count("\n") == 1 and said in err

    def test_a_line_of_progress_fits_the_terminal_and_guesses_only_where_levels_shrink(
        self, monkeypatch: pytest.MonkeyPatch
    ):
        from eoscheck.checker.search import Figures

        def line(width: int, last_width: int, columns: int, violated: int = 0) -> str:
            stream = Screen(True)
            monkeypatch.setattr(sys, "stderr", stream)
            monkeypatch.setenv("COLUMNS", str(columns))
            Progress()(Figures(40, 2_000_000, 30_000_000, 200_000, 10.0, width, last_width, 300.0, violated))
            return stream.text.strip("\r").removesuffix("\x1b[K")

        wide = "level 40  distinct 2,000,000  generated 30.0M  queue 200,000  3,000,000/s  10 s"
        assert line(300_000, 200_000, 200) == f"{wide}  growth 1.50  300 MB"
        assert line(100_000, 200_000, 200) == f"{wide}  about 2 s left  growth 0.50  300 MB"
        assert line(100_000, 200_000, 81) == wide
        assert line(100_000, 200_000, 81, 2).startswith("level 40  violated 2  distinct 2,000,000  ")
        assert len(line(100_000, 200_000, 40)) < 40
