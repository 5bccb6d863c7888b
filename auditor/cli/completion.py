"""``auditor completion``: what makes a shell complete commands, options, framework and control ids."""

import click
from click.shell_completion import get_completion_class

from auditor.base.errors import UsageError

_WHERE = {
    "bash": 'eval "$(auditor completion bash)"     # in ~/.bashrc',
    "zsh": 'eval "$(auditor completion zsh)"      # in ~/.zshrc',
    "fish": "auditor completion fish | source       # in ~/.config/fish/config.fish",
}


@click.command()
@click.argument("shell", type=click.Choice(sorted(_WHERE)))
def completion(shell: str) -> int:
    r"""Print what makes a shell complete commands, options, framework and control ids.

    \b
    eval "$(auditor completion bash)"
    eval "$(auditor completion zsh)"
    auditor completion fish | source
    """
    from auditor.cli import auditor

    made = get_completion_class(shell)
    if made is None:
        raise UsageError(f"there is no completion for {shell}")
    click.echo(made(auditor, {}, "auditor", "_AUDITOR_COMPLETE").source())
    click.echo(f"# {_WHERE[shell]}")
    return 0
