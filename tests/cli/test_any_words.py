"""Command lines nobody thought of: each ends with a code of the contract, one message, and one document for programs.

The words come from click's own tree of commands, so that no command and no option is left out.
"""

import io
import json
import os
import sys
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import click
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from auditor.cli import auditor, main
from auditor.cli.variables import FromVariables, long_name, walk

_SAFE = {"auditor": (), "demo": ("--world", "nowhere"), "keygen": ("--no-password",)}
"""Words that keep a command from working for long, or from asking somebody."""
_LASTING = {"scheduler", "rsa", "replay"}
"""Options that are tried elsewhere: they take seconds."""

_FILES = ("record.json", "settings.yaml", "broken.yaml", "empty", "missing", "folder", ".", "/dev/null", "a/b/c", "")
_TEXTS = (
    *("", "x", "-", "--", "a,b", "last-month", "2026-10", "2026-13", "2026-10-01/2026-10-31", "90d", "7d", "all"),
    *(
        "eu-central-1",
        "eu-cental-1",
        "111122223333",
        "1",
        "iam-root-mfa",
        "iam-rot-mfa",
        "cis-aws-5.0.0",
        "root-activity",
    ),
    *(
        "s3://bucket/prefix",
        "arn:aws:cloudtrail:eu-central-1:111122223333:trail/t",
        "not-assessed:iam-root-mfa",
        "pdf,html",
    ),
    *(
        '{ $.eventName = "x" }',
        "select 1",
        "sns:x",
        "0",
        "-1",
        "9" * 30,
        "\U0001f642",
        "\udcff",
        "a\nb",
        "a" * 300,
        "%s",
    ),
)
_SETTINGS = (
    *("period: 2026-10", "period: [1]", "frameworks: [cis-aws-5.0.0]", "frameworks: cis", "nonsense: 1", "limits: {}"),
    *(
        "limits: {concurrency: x}",
        "fail_on: high",
        "skip: [trail]",
        "out: folder",
        "- 1",
        "{",
        "regions: [eu-cental-1]",
    ),
)

COMMANDS = {
    " ".join(words): command for words, command in walk(auditor) if words and not isinstance(command, click.Group)
}


def _value(parameter: click.Parameter) -> st.SearchStrategy[str]:
    kind = parameter.type
    own: tuple[str, ...] = ()
    if isinstance(kind, click.Choice):
        own = tuple(map(str, kind.choices))
    elif isinstance(kind, click.types.IntParamType | click.types.FloatParamType):
        own = ("1", "2", "256", "1e3")
    elif isinstance(kind, click.Path):
        own = _FILES
    return st.sampled_from(own * 3 + _TEXTS + _FILES)


@st.composite
def command_lines(draw: st.DrawFn) -> tuple[list[str], dict[str, str], str | None]:
    """Draw words, variables of options of the same command, and settings of the folder."""
    name = draw(st.sampled_from(sorted(COMMANDS)))
    command = COMMANDS[name]
    words, variables = [*name.replace("NAME", "root-activity").split(), *_SAFE.get(name, ())], {}
    options = [item for item in command.params if isinstance(item, FromVariables) and long_name(item) not in _LASTING]
    for option in draw(st.lists(st.sampled_from(options), max_size=5)) if options else ():
        value = None if option.is_flag else draw(_value(option))
        if draw(st.integers(0, 5)) == 0 and option.envvar:
            variables[option.envvar[0]] = "1" if value is None else value.replace("\0", "")
        else:
            words += [draw(st.sampled_from(option.opts))] + ([] if value is None else [value])
    for argument in command.params:
        if isinstance(argument, click.Argument):
            words += draw(st.lists(_value(argument), min_size=argument.required, max_size=2))
    words += draw(st.lists(st.sampled_from(("--json", "--quiet", "--nonsense", "extra", "--help")), max_size=2))
    lines = draw(st.none() | st.lists(st.sampled_from(_SETTINGS), max_size=2).map("\n".join))
    return words, variables, lines


@pytest.fixture(scope="module")
def corner(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder of one's own, without credentials, and without anybody who answers."""
    folder = tmp_path_factory.mktemp("corner")
    (folder / "record.json").write_text('{"eventName": "x"}')
    (folder / "settings.yaml").write_text("period: 2026-10\n")
    (folder / "broken.yaml").write_text("{")
    (folder / "empty").touch()
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith(("AWS_", "AUDITOR_"))]:
            patch.delenv(name)
        for name, value in {
            "HOME": str(folder),
            "XDG_CONFIG_HOME": str(folder),
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
            "AWS_MAX_ATTEMPTS": "1",
        }.items():
            patch.setenv(name, value)
        patch.chdir(folder)
        yield folder


def _told(words: list[str], variables: dict[str, str]) -> tuple[Any, str, str]:
    out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8", "surrogateescape", write_through=True) for _ in "12")
    with (
        redirect_stdout(out),
        redirect_stderr(err),
        pytest.MonkeyPatch.context() as patch,
        Path(os.devnull).open() as nothing,
    ):
        patch.setattr(sys, "stdin", nothing)
        for name, value in variables.items():
            patch.setenv(name, value)
        with pytest.raises(SystemExit) as end:
            main(words)
    said = [stream.buffer.getvalue().decode("utf-8", "replace") for stream in (out, err)]
    return end.value.code, said[0], said[1]


@settings(max_examples=120, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck))
@given(line=command_lines())
def test_any_words_end_as_the_contract_says(corner: Path, line: tuple[list[str], dict[str, str], str | None]) -> None:
    words, variables, written = line
    (corner / "auditor.yaml").unlink(missing_ok=True)
    if written is not None:
        (corner / "auditor.yaml").write_text(written)
    (corner / "folder").mkdir(exist_ok=True)
    code, out, err = _told(words, variables)
    assert (code or 0) in {0, 1, 2, 3, 4, 5}, (words, variables, err)
    assert "Traceback" not in err
    assert "mistake in auditor" not in err, (words, variables, written, err)
    said = [part for part in err.splitlines() if part.startswith("auditor: ")]
    assert code != 2 or said or words[0] == "doctor", (words, variables, written, err)  # which looks, and tells
    if "--json" in words and "--help" not in words and "--" not in words and "-h" not in words:
        document = json.loads(out)
        assert document["exit_code"] == (code or 0), (words, out)
