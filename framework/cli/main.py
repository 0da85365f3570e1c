"""`framework`: the verbs, and the one place where an error becomes words and an exit code.

Nothing heavy is imported before a verb is called, so `--help` is quick and works when every
plugin is broken.
"""

import os
import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from traceback import print_exception
from typing import Final

import click
from click.shell_completion import CompletionItem, get_completion_class

from framework.cli import exits
from framework.cli.suggesting import Suggesting
from framework.errors import FrameworkError
from framework.faults import Fence

PROGRAM: Final = "framework"
VERBS: Final = {
    "run": ("framework.cli.run:run", "Trade until the session ends or Ctrl-C."),
    "check": ("framework.cli.check:check", "Say everything that is wrong with the settings."),
    "doctor": ("framework.cli.doctor:doctor", "Look for what would go wrong outside."),
    "plugins": ("framework.cli.plugins:plugins", "List, explain, enable and disable plugins."),
    "journal": ("framework.cli.journal:journal", "Verify and read the journal of a run."),
    "why": ("framework.cli.why:why", "Say why a market was traded in a run, or why not."),
    "funnel": ("framework.cli.funnel:funnel", "Count what each step of a run's line removed."),
    "status": ("framework.cli.control:status", "Show what a running bot does."),
    "halt": ("framework.cli.control:halt", "Stop new risk; exits and cancels go on."),
    "resume": ("framework.cli.control:resume", "Release a halt."),
    "stop": ("framework.cli.control:stop", "End a running bot in order."),
    "completion": ("framework.cli.main:completion", "Print a shell's completion script."),
}
"""Every built-in verb: where it is, and its line in `--help`."""


class _Verbs(Suggesting):
    """Verbs known by name and imported when called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*VERBS, *sorted(self._added(ctx).keys() - VERBS.keys())]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name in VERBS:
            module, _, name = VERBS[cmd_name][0].partition(":")
            found: click.Command = getattr(import_module(module), name)
            return found
        plugin = self._added(ctx).get(cmd_name)
        if plugin is None:
            return None
        from framework.cli.project import plugin_verb  # noqa: PLC0415 - only when one is called

        return plugin_verb(cmd_name, plugin)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Verbs"):
            formatter.write_dl([(name, self._help(ctx, name)) for name in self.list_commands(ctx)])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        names = [name for name in self.list_commands(ctx) if name.startswith(incomplete)]
        found = [CompletionItem(name, help=self._help(ctx, name)) for name in names]
        return found + click.Command.shell_complete(self, ctx, incomplete)

    def _help(self, ctx: click.Context, name: str) -> str:
        if name in VERBS:
            return VERBS[name][1]
        return f"From the plugin {self._added(ctx)[name]}."

    @staticmethod
    def _added(ctx: click.Context) -> dict[str, str]:
        """Return the plugins' verbs, looked up once a call."""
        from framework.cli.project import plugin_verbs  # noqa: PLC0415 - `run --help` needs none

        if ctx.obj is None:
            ctx.obj = plugin_verbs()
        added: dict[str, str] = ctx.obj
        return added


def _show_version(ctx: click.Context, _parameter: click.Parameter, wanted: bool) -> None:  # noqa: FBT001 - click's signature
    if not wanted:
        return
    try:
        click.echo(version("kalshi-framework"))
    except PackageNotFoundError:
        click.echo("not installed: running from its source")
    ctx.exit()


@click.group(cls=_Verbs, no_args_is_help=True)
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_show_version,
    help="Show the version and exit.",
)
def framework() -> None:
    """Trade on Kalshi with strategies made of plugins.

    Start with `framework run`: it plays a session of the embedded exchange, without network or
    keys.
    """


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print the script that completes verbs and options in a shell.

    For example, in bash: source <(framework completion bash)
    """
    kind = get_completion_class(shell)
    if kind is None:
        raise click.UsageError(f"no completion for {shell}")
    click.echo(kind(framework, {}, PROGRAM, f"_{PROGRAM.upper()}_COMPLETE").source())


def main(arguments: Sequence[str] | None = None) -> int:
    """Call a verb, and return its exit code."""
    with Fence() as fence:
        return _call(arguments)
    if isinstance(fence.error, SystemExit):
        code = fence.error.code
        return code if isinstance(code, int) else exits.RUN_FAILED if code else exits.OK
    print_exception(fence.raised)
    click.echo("internal error: this is a bug, the lines above say where", err=True)
    return exits.INTERNAL


def _call(arguments: Sequence[str] | None) -> int:
    try:
        code = framework.main(arguments, prog_name=PROGRAM, standalone_mode=False)
    except click.Abort:
        click.echo("interrupted", err=True)
        return exits.INTERRUPTED
    except click.ClickException as error:
        error.show()
        return exits.WRONG_SETTINGS
    except FrameworkError as error:
        click.echo(str(error), err=True)
        return exits.code_of(error)
    except BrokenPipeError:
        # The reader (`| head`) has seen enough; the interpreter's own flush must not complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return exits.OK
    return code if isinstance(code, int) else exits.OK


if __name__ == "__main__":
    sys.exit(main())
