"""A group of verbs that answers a mistyped one with the verb that was meant."""

import click


class Suggesting(click.Group):
    """Verbs, of which a wrong name is answered with the near miss."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the verb that the arguments begin with.

        Raises:
            UsageError: there is none of that name.
        """
        name = args[0]
        is_option = name.startswith("-")
        if not ctx.resilient_parsing and not is_option and self.get_command(ctx, name) is None:
            from framework.validation import near_miss  # noqa: PLC0415 - `--help` is quick without

            near = near_miss(name, self.list_commands(ctx)) or "; --help lists them"
            ctx.fail(f"no verb {name!r}{near}")
        return super().resolve_command(ctx, args)
