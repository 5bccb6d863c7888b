"""``auditor completion``: what makes a shell complete commands, options and what they take."""

import click
from click.shell_completion import get_completion_class

from auditor.base.errors import UsageError
from auditor.cli.documents import echo_json

_WHERE = {
    "bash": 'eval "$(auditor completion bash)"     # in ~/.bashrc',
    "zsh": 'eval "$(auditor completion zsh)"      # in ~/.zshrc',
    "fish": "auditor completion fish | source       # in ~/.config/fish/config.fish",
}


@click.command()
@click.argument("shell", type=click.Choice(sorted(_WHERE)))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")
def completion(shell: str, *, as_json: bool) -> int:
    r"""Print what makes a shell complete commands, options and what they take: ids, questions, Regions, files.

    \b
    eval "$(auditor completion bash)"
    eval "$(auditor completion zsh)"
    auditor completion fish | source
    """
    from auditor.cli import auditor

    made = get_completion_class(shell)
    if made is None:
        raise UsageError(f"there is no completion for {shell}")
    script = made(auditor, {}, "auditor", "_AUDITOR_COMPLETE").source()
    if as_json:
        told = {"shell": shell, "script": script, "use": _WHERE[shell]}
        echo_json({"schema": "auditor.completion/1", "exit_code": 0, **told})
        return 0
    click.echo(script)
    click.echo(f"# {_WHERE[shell]}")
    return 0
